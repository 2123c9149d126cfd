import { api } from "./api.js";
import { Directions, furthest } from "./directions.js";
import { download, on, one, say } from "./dom.js";
import { isTooLarge, sayFault } from "./picture-panel.js";
import { readPreset, writePreset } from "./presets.js";
import { check, slider, sliderRow } from "./settings.js";
import { hear, isRelative, startFrame, state, tell, usesClip } from "./state.js";
import { smoothingSlider } from "./clip-panel.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./types.js").Animation} Animation */

/** The learnt directions, each under a slider, and what can be made of them. */
export class DirectionsPanel {
  #says = one("#preset-says", HTMLElement);
  #picture = one("#export-picture", HTMLButtonElement);
  #sweep = one("#export-sweep", HTMLButtonElement);
  #last = 0;
  #illustrating = 0;

  /**
   * @param {Stage} stage
   * @param {{ made: (job: Animation, save: boolean) => void, frame: (frame: number, since: number) => void,
   *   start: (frame: number, since: number) => void }} events
   */
  constructor(stage, events) {
    this.stage = stage;
    this.events = events;
    this.directions = new Directions(one("#directions", HTMLElement), (direction, since) => {
      if (direction !== null) this.#last = direction;
      state.deltas = this.directions.values;
      tell("deltas", since);
    });
    this.strength = slider({ label: "Strength", min: 0, max: furthest, step: 0.05, value: 1, neutral: 0, write: value => value.toFixed(2),
      changed: (value, since) => { state.strength = value; tell("motion", since); } });
    this.smoothing = smoothingSlider();
    this.frame = slider({ label: "Frame", min: 0, max: 1, step: 1, value: 0, write: String, changed: (value, since) => events.frame(value, since) });
    this.start = slider({ label: "Start frame", min: 0, max: 1, step: 1, value: 0, write: String, changed: (value, since) => events.start(value, since) });
    this.onFrame = check({ label: "Add to a frame of the clip", value: false, changed: value => {
      state.isOnFrame = value;
      tell("mode", performance.now());
    } });
    this.onFrame.row.classList.add("wide");
    one("#directions-settings", HTMLElement).append(sliderRow(this.strength), sliderRow(this.smoothing), sliderRow(this.frame), sliderRow(this.start), this.onFrame.row);

    on(one("#directions-reset", HTMLButtonElement), "click", event => this.directions.setAll([], event.timeStamp));
    on(one("#directions-random", HTMLButtonElement), "click", event => this.#randomize(event.timeStamp));
    const chooser = one("#preset-file", HTMLInputElement);
    on(one("#preset-load", HTMLButtonElement), "click", () => chooser.click());
    on(one("#preset-save", HTMLButtonElement), "click", () => this.#save());
    on(chooser, "change", () => {
      const file = chooser.files?.[0];
      chooser.value = "";
      if (file) void this.load(file);
    });
    on(this.#picture, "click", () => void this.#exportPicture());
    on(this.#sweep, "click", () => void this.#exportSweep());

    hear(["model"], () => {
      if (!state.model) return;
      this.directions.build(state.model.directions);
      state.deltas = this.directions.values;
    });
    hear(["picture"], () => this.directions.illustrate(state.picture?.source.id ?? null));
    hear(["crop"], () => {
      // The thumbnails follow when the box has come to rest.
      clearTimeout(this.#illustrating);
      this.#illustrating = window.setTimeout(() => this.directions.illustrate(state.picture?.source.id ?? null), 400);
    });
    hear(["clip", "frame", "trim", "motion", "mode", "picture", "deltas"], () => this.#show());
    this.#show();
  }

  /** @param {File} file A preset. */
  async load(file) {
    if (!state.model || isTooLarge(file, this.#says)) return;
    try {
      const preset = await readPreset(file, state.model, furthest);
      state.strength = preset.strength;
      this.directions.setAll(preset.directions, performance.now());
      tell("motion");
      say(this.#says, preset.model === state.model.name ? `${file.name} is set.`
        : `${file.name} was made with the model ${preset.model || "of another name"}: its directions mean something else.`, "good");
    } catch (fault) {
      sayFault(this.#says, fault);
    }
  }

  #save() {
    if (!state.model) return;
    download(writePreset({ model: state.model.name, strength: state.strength, directions: state.deltas }), "lia-preset.json");
    say(this.#says, "Saved as lia-preset.json.", "good");
  }

  /**
   * A few directions, not far: far ones together tear a face.
   * @param {number} since
   */
  #randomize(since) {
    const deltas = state.deltas.map(() => 0);
    for (let i = 0; i < 4; i++) deltas[Math.floor(Math.random() * deltas.length)] = Math.round((Math.random() * 3 - 1.5) * 20) / 20;
    this.directions.setAll(deltas, since);
  }

  /** Deltas as the command line has them. */
  #options() {
    return state.deltas.map((delta, i) => [i, Math.fround(delta * state.strength)]).filter(([, delta]) => delta !== 0)
      .map(([i, delta]) => `${i}:${Number(delta.toPrecision(7))}`);
  }

  async #exportPicture() {
    if (!state.picture) return;
    try {
      // What is added to a frame of a clip, no command makes: it is saved as it stands on the stage.
      if (usesClip()) download(await this.stage.picture(), `${state.picture.source.name.replace(/\.[^.]*$/, "")}-moved.png`);
      else this.events.made(await api.animate(state.picture.source.id, null, { format: "png", direction: this.#moved(this.#options()) }), true);
    } catch (fault) {
      sayFault(this.#says, fault);
    }
  }

  /**
   * A picture needs a direction, if only by nothing.
   * @param {string[]} options
   */
  #moved(options) { return options.length > 0 ? options : ["0:0"]; }

  async #exportSweep() {
    if (!state.picture || !state.model) return;
    try {
      const others = this.#options().filter(option => !option.startsWith(`${this.#last}:`));
      this.events.made(await api.animate(state.picture.source.id, null, {
        format: state.model.formats.includes("mp4") ? "mp4" : "png", sweep: [`${this.#last}:${-furthest}:${furthest}:25`], ...(others.length > 0 ? { direction: others } : {}),
      }), false);
      say(this.#says, `A sweep along direction ${this.#last} is in the list of jobs.`, "good");
    } catch (fault) {
      sayFault(this.#says, fault);
    }
  }

  #show() {
    this.strength.value = state.strength;
    this.smoothing.value = (state.smooth - 1) / 2;
    this.onFrame.input.checked = state.isOnFrame;
    this.onFrame.input.disabled = state.clip === null;
    const isOn = usesClip() && state.mode === "directions";
    for (const { input } of [this.smoothing, this.frame, this.start]) input.disabled = !isOn;
    this.start.input.disabled ||= !isRelative();
    const last = String(Math.max(1, (state.clip?.driving.frames ?? 1) - 1));
    this.frame.input.max = this.start.input.max = last;
    this.frame.value = state.frame;
    this.start.value = startFrame();
    this.#picture.disabled = this.#sweep.disabled = !state.picture;
    this.#sweep.textContent = `Sweep direction ${this.#last}`;
    this.#sweep.title = `A clip with direction ${this.#last} from -${furthest} to +${furthest}`;
  }
}
