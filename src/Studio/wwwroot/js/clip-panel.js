import { api, Problem } from "./api.js";
import { announce, clock, icon, make, on, one, say } from "./dom.js";
import { dropZone } from "./drop.js";
import { ClipFrames } from "./frames.js";
import { isTooLarge, sayFault } from "./picture-panel.js";
import { check, choice, slider, sliderRow } from "./settings.js";
import { clipRate, hear, isRelative, startFrame, state, tell } from "./state.js";
import { Timeline } from "./timeline.js";

/** The clip that moves the picture: what of it, how, and what is made of it. */
export class ClipPanel {
  #motionSays = one("#motion-says", HTMLElement);
  #says = one("#clip-says", HTMLElement);
  #drop = one("#motion-drop", HTMLElement);
  #choose = one("#motion-choose", HTMLButtonElement);
  #replace = one("#motion-replace", HTMLButtonElement);
  #loaded = one("#motion-loaded", HTMLElement);
  #animate = one("#animate", HTMLButtonElement);
  #playButton = one("#play", HTMLButtonElement);
  #soundButton = one("#sound", HTMLButtonElement);
  #facts = one("#frame-facts", HTMLElement);
  #sound = new Audio();
  #isPlaying = false;
  #uploads = 0;
  #events;

  /** @param {{ made: (job: import("./types.js").Animation) => void, mode: (mode: import("./types.js").Mode) => void }} events */
  constructor(events) {
    this.#events = events;
    this.timeline = new Timeline(one("#timeline", HTMLElement), {
      frame: since => { this.stop(); this.#look(since); },
      trim: since => {
        [state.first, state.end] = [this.timeline.first, this.timeline.end];
        this.#showFrame();
        tell("trim", since);
      },
    });

    this.strength = slider({ label: "Strength", min: 0, max: 3, step: 0.05, value: 1, neutral: 0, write: value => value.toFixed(2),
      changed: (value, since) => { state.strength = value; tell("motion", since); } });
    this.smoothing = smoothingSlider();
    this.start = choice({ label: "Start frame", choices: [["first", "The first"], ["best", "The nearest pose"], ["here", "This frame"]],
      value: "first", changed: value => this.setStart(value === "here" ? state.frame : /** @type {"first" | "best"} */ (value), performance.now()) });
    this.mode = choice({ label: "Motion", choices: [["auto", "Automatic"], ["relative", "Relative"], ["absolute", "Absolute"]], value: "auto",
      changed: value => { state.motionMode = /** @type {typeof state.motionMode} */ (value); tell("motion", performance.now()); } });
    this.loops = slider({ label: "Played", min: 1, max: 10, step: 1, value: 1, write: value => value === 1 ? "once" : `${value} times`, changed: () => {} });
    this.format = choice({ label: "Written as", choices: [["mp4", "mp4"]], value: "mp4", changed: () => this.#enable() });
    this.pingPong = check({ label: "Forwards and backwards", value: false, changed: () => this.#enable() });
    this.keepSound = check({ label: "Keep the sound", value: true, changed: () => {} });
    this.pasteBack = check({ label: "Paste back into the picture", value: false, changed: value => { if (value) this.sideBySide.input.checked = false; } });
    this.sideBySide = check({ label: "Picture, clip and result side by side", value: false, changed: value => { if (value) this.pasteBack.input.checked = false; } });
    one("#clip-settings", HTMLElement).append(sliderRow(this.strength), sliderRow(this.smoothing), this.start.row, this.mode.row, sliderRow(this.loops),
      this.format.row, make("div", { class: "checks" }, this.pingPong.row, this.keepSound.row, this.pasteBack.row, this.sideBySide.row));

    dropZone({ zone: this.#drop, area: one("#motion-card", HTMLElement), input: one("#motion-file", HTMLInputElement),
      choosers: [this.#choose, this.#replace], says: this.#motionSays, take: file => void this.take(file) });
    on(one("#motion-remove", HTMLButtonElement), "click", () => this.remove());
    on(this.#animate, "click", () => void this.animate());
    on(this.#playButton, "click", () => this.play());
    on(this.#soundButton, "click", () => this.mute());

    hear(["model"], () => {
      // Raw video is for programs.
      const formats = state.model?.formats.filter(name => name !== "y4m") ?? ["mp4"];
      this.format.select.replaceChildren(...formats.map(name => make("option", { value: name, textContent: name === "png" ? "png (animated)" : name })));
    });
    hear(["motion"], () => {
      this.strength.value = state.strength;
      this.smoothing.value = (state.smooth - 1) / 2;
    });
    hear(["motion", "trim", "crop", "picture", "clip"], () => {
      if (state.clip && typeof state.start === "number") this.#showStart();
      if (state.start === "best" && state.nearest === null) void this.#findNearest();
      this.timeline.start = state.clip && isRelative() ? startFrame() : null;
      this.#enable();
    });
    hear(["mode"], () => { if (state.mode !== "clip" && !state.isOnFrame) this.stop(); });
    this.#enable();
  }

  /** @param {File} file */
  async take(file) {
    if (!state.model || isTooLarge(file, this.#motionSays)) return;
    const upload = ++this.#uploads;
    say(this.#motionSays, `Uploading ${file.name}, 0 %`);
    const began = performance.now();
    let reading = 0;
    try {
      const driving = await api.addDriving(file, share => {
        if (share < 1) say(this.#motionSays, `Uploading ${file.name}, ${Math.floor(share * 100)} %`);
        else reading ||= window.setInterval(() => say(this.#motionSays, `Reading ${file.name}, ${clock((performance.now() - began) / 1000, true)}`), 100);
      });
      if (upload !== this.#uploads) {
        void api.removeDriving(driving.id).catch(() => {});
        return;
      }
      this.stop();
      const before = state.clip;
      const frames = new ClipFrames(driving.id, frame => {
        if (state.clip?.driving.id !== driving.id) return;
        this.timeline.drawStrip();
        if (frame === state.frame) tell("view");
      });
      state.clip = { driving, file, frames };
      state.start = "first";
      state.nearest = null;
      state.isOnFrame = false;
      [state.frame, state.first, state.end] = [0, 0, driving.frames];
      if (before) void api.removeDriving(before.driving.id).catch(() => {});
      this.#show();
      void this.#watchEncoding(driving.id);
      tell("clip");
      this.#events.mode("clip");
      announce(`${file.name} is there: ${driving.frames} frames.`);
    } catch (fault) {
      if (upload !== this.#uploads) return;
      if (!state.clip) this.#drop.dataset.state = "bad";
      clearInterval(reading);
      sayFault(this.#motionSays, fault);
    } finally {
      clearInterval(reading);
    }
  }

  /** A clip that the service has forgotten is uploaded again. */
  async restore() {
    const lost = state.clip;
    if (!lost) return;
    try {
      await api.driving(lost.driving.id);
    } catch (fault) {
      if (fault instanceof Problem && fault.status === 404 && state.clip === lost) await this.take(lost.file);
    }
  }

  #show() {
    if (!state.clip) return;
    const { driving, file, frames } = state.clip;
    this.#drop.dataset.state = "full";
    this.#choose.hidden = true;
    this.#loaded.hidden = false;
    const name = one("#motion-name", HTMLElement);
    name.textContent = name.title = file.name;
    one("#motion-thumb", HTMLImageElement).src = api.drivingFrame(driving.id, 0);
    this.#replace.textContent = "Another clip";
    this.#sound.src = driving.sound ? api.drivingClip(driving.id) : "";
    this.#soundButton.disabled = !driving.sound;
    this.#showStart();
    this.timeline.show(driving.frames, clipRate(), frame => frames.get(frame));
    say(this.#motionSays, "It goes to this studio, and nowhere else.");
    this.#showDetail();
    this.#showFrame();
  }

  remove() {
    if (!state.clip) return;
    this.stop();
    void api.removeDriving(state.clip.driving.id).catch(() => {});
    state.clip = null;
    state.isOnFrame = false;
    this.#drop.dataset.state = "empty";
    this.#choose.hidden = false;
    this.#loaded.hidden = true;
    this.#replace.textContent = "Choose a clip";
    one("#motion-facts", HTMLElement).textContent = "\u00a0";
    say(this.#motionSays, "The directions move the picture.");
    tell("clip");
    this.#events.mode("directions");
    this.#choose.focus();
  }

  /**
   * @param {"first" | "best" | number} where
   * @param {number} since
   */
  setStart(where, since) {
    state.start = where;
    this.#showStart();
    tell("motion", since);
  }

  #showStart() {
    const isNumber = typeof state.start === "number";
    const here = [...this.start.select.options].find(option => option.value === "here");
    if (here) here.textContent = isNumber ? `Frame ${startFrame()}` : "This frame";
    this.start.select.value = isNumber ? "here" : String(state.start);
  }

  /**
   * Trims to the frame that is looked at.
   * @param {"first" | "last"} edge
   * @param {number} since
   */
  trim(edge, since) {
    if (edge === "first") this.timeline.setTrim(state.frame, Math.max(this.timeline.end, state.frame + 1), since);
    else this.timeline.setTrim(Math.min(this.timeline.first, state.frame), state.frame + 1, since);
  }

  /**
   * @param {number} step Frames.
   * @param {number} since
   */
  step(step, since) { this.timeline.setFrame(state.frame + step, since); }

  play() {
    if (!state.clip) return;
    if (this.#isPlaying) {
      this.stop();
      return;
    }
    this.#isPlaying = true;
    this.#showPlaying();
    const rate = clipRate();
    if (state.frame < state.first || state.frame >= state.end - 1) this.timeline.setFrame(state.first);
    let began = performance.now() - (this.timeline.frame - state.first) / rate * 1000;
    const { driving } = state.clip;
    const hasSound = driving.sound;
    if (hasSound) {
      this.#sound.currentTime = this.timeline.frame / rate;
      void this.#sound.play().catch(() => { /* A format that this browser does not play: the pictures do. */ });
    }
    /** @param {number} now */
    const tick = now => {
      if (!this.#isPlaying || state.clip?.driving !== driving && state.clip?.driving.id !== driving.id) return;
      // Where there is sound, it is the clock: ears notice what eyes do not.
      const isHeard = hasSound && !this.#sound.paused && this.#sound.readyState > 2;
      let frame = isHeard ? Math.floor(this.#sound.currentTime * rate + 1e-3) : state.first + Math.floor((now - began) / 1000 * rate);
      if (frame >= state.end || frame < state.first) {
        frame = state.first;
        began = now;
        if (hasSound) {
          this.#sound.currentTime = frame / rate;
          if (this.#sound.paused) void this.#sound.play().catch(() => {});
        }
      }
      if (frame !== this.timeline.frame) {
        this.timeline.setFrame(frame);
        for (let ahead = 4; ahead > 0; ahead--) if (frame + ahead < state.end) state.clip.frames.get(frame + ahead);
        this.#look(now);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  stop() {
    if (!this.#isPlaying) return;
    this.#isPlaying = false;
    this.#sound.pause();
    this.#showPlaying();
  }

  mute() {
    this.#sound.muted = !this.#sound.muted;
    this.#soundButton.setAttribute("aria-pressed", String(!this.#sound.muted));
    this.#soundButton.replaceChildren(icon(this.#sound.muted ? "mute" : "sound"));
  }

  /** What the command line calls what is set here. What is as it would be anyway is left out. */
  options() {
    /** @type {Record<string, unknown>} */
    const options = { format: this.format.select.value };
    if (!state.clip) return options;
    if (state.first > 0 || state.end < state.clip.driving.frames) options.frames = `${state.first}:${state.end}`;
    if (state.strength !== 1) options.strength = state.strength;
    if (state.smooth !== 1) options.smooth = state.smooth;
    if (state.start !== "first" && isRelative()) options["start-frame"] = state.start === "best" ? "best" : startFrame();
    if (state.motionMode !== "auto") options.mode = state.motionMode;
    if (this.loops.value !== 1) options.loop = this.loops.value;
    if (this.pingPong.input.checked) options["ping-pong"] = true;
    if (this.pasteBack.input.checked) options["paste-back"] = true;
    if (this.sideBySide.input.checked) options["side-by-side"] = true;
    if (state.clip.driving.sound && !this.keepSound.input.checked) options["no-audio"] = true;
    return options;
  }

  async animate() {
    if (!state.picture || !state.clip) return;
    this.#animate.disabled = true;
    try {
      this.#events.made(await api.animate(state.picture.source.id, state.clip.driving.id, this.options()));
      say(this.#says, "In the list of jobs.", "good");
    } catch (fault) {
      sayFault(this.#says, fault);
    } finally {
      this.#animate.disabled = !state.clip || !state.picture;
    }
  }

  /** @param {number} since */
  #look(since) {
    state.frame = this.timeline.frame;
    this.#showFrame();
    tell("frame", since);
  }

  #showPlaying() {
    this.#playButton.replaceChildren(icon(this.#isPlaying ? "pause" : "play"));
    this.#playButton.setAttribute("aria-label", this.#isPlaying ? "Pause" : "Play");
  }

  #showFrame() {
    if (!state.clip) return;
    const { frame, first, end } = state, rate = clipRate();
    this.#facts.textContent = `Frame ${frame} of ${state.clip.driving.frames} · ${clock(frame / rate, true)}`
      + (first > 0 || end < state.clip.driving.frames ? ` · uses ${first} to ${end - 1}` : "");
  }

  #showDetail() {
    if (!state.clip) return;
    const { driving } = state.clip;
    one("#motion-facts", HTMLElement).textContent = `${driving.width} × ${driving.height}`;
    one("#motion-detail", HTMLElement).textContent = driving.encoded < driving.frames
      ? `motion read: ${driving.encoded} of ${driving.frames} frames`
      : `${driving.frames} frames, ${clock(driving.seconds, true)}${driving.sound ? ", sound" : ""}`;
  }

  #enable() {
    const { clip } = state;
    this.#animate.disabled = !state.picture || !clip;
    say(this.#says, !clip ? "Drop a clip, and it moves the picture." : !state.picture ? "A picture first: it is what the clip moves."
      : `${state.end - state.first} frames, ${clock((state.end - state.first) / clipRate(), true)}`);
    for (const { input } of [this.strength, this.smoothing, this.loops]) input.disabled = !clip;
    this.start.select.disabled = !clip || !isRelative();
    this.keepSound.input.disabled = !clip?.driving.sound || this.loops.value > 1 || this.pingPong.input.checked;
  }

  /** @param {string} id */
  async #watchEncoding(id) {
    try {
      while (state.clip?.driving.id === id && state.clip.driving.encoded < state.clip.driving.frames) {
        await new Promise(resolve => setTimeout(resolve, 500));
        const told = await api.driving(id);
        if (state.clip?.driving.id !== id) return;
        state.clip.driving = told;
        this.#showDetail();
      }
    } catch (fault) {
      if (state.clip?.driving.id === id) sayFault(this.#motionSays, fault);
    }
  }

  /** The frame whose pose is nearest to the picture's; known when all frames are encoded. */
  async #findNearest() {
    const { clip, picture } = state;
    while (clip && picture && clip === state.clip && picture === state.picture && state.start === "best" && state.nearest === null) {
      try {
        state.nearest = await api.nearestFrame(clip.driving.id, picture.source.id);
        tell("motion");
        return;
      } catch (fault) {
        if (!(fault instanceof Problem) || fault.status !== 409) {
          sayFault(this.#says, fault);
          return;
        }
        await new Promise(resolve => setTimeout(resolve, 500));
      }
    }
  }
}

/** A window of smoothing: odd numbers of frames, or none. */
export function smoothingSlider() {
  return slider({ label: "Smoothing", min: 0, max: 15, step: 1, value: 0, write: value => value === 0 ? "off" : `${2 * value + 1} frames`,
    changed: (value, since) => { state.smooth = 2 * value + 1; tell("motion", since); } });
}
