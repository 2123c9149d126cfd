import { api, Problem } from "./api.js";
import { announce, clock, download, icon, make, on, one, say, size } from "./dom.js";

/** @typedef {import("./types.js").Animation} Animation */

const active = ["queued", "running"];

/** What is computed, or was: progress, cancelling, results, and the command that gives the same. */
export class Jobs {
  #list = one("#jobs", HTMLUListElement);
  #facts = one("#jobs-facts", HTMLElement);
  #says = one("#jobs-says", HTMLElement);
  #player = one("#player", HTMLDialogElement);
  #playerBox = one("#player-box", HTMLDivElement);
  #playerTitle = one("#player-title", HTMLElement);
  /** @type {Map<string, { job: Animation, card: Card }>} */
  #jobs = new Map();
  /** @type {Set<string>} */
  #toSave = new Set();
  /** @type {EventSource | null} */
  #events = null;
  #watched = "";

  constructor() {
    on(one("#player-close", HTMLButtonElement), "click", () => this.#player.close());
    on(this.#player, "close", () => this.#playerBox.replaceChildren());
    this.#count();
  }

  /** What the service has, from this page or another, from today or before. */
  async refresh() {
    try {
      const jobs = await api.animations();
      const there = new Set(jobs.map(job => job.id));
      for (const [id, { card }] of this.#jobs) {
        if (there.has(id)) continue;
        card.element.remove();
        this.#jobs.delete(id);
      }
      for (const job of [...jobs].reverse()) this.#take(job);
      this.#watch();
    } catch (fault) {
      say(this.#says, fault instanceof Error ? fault.message : String(fault), "bad");
    }
  }

  /**
   * A job that has just been asked for.
   * @param {Animation} job
   * @param {boolean} [save] Whether its result is saved when it is done.
   */
  add(job, save = false) {
    if (save) this.#toSave.add(job.id);
    say(this.#says, "");
    this.#take(job);
    this.#list.scrollTop = 0;
    this.#watch();
  }

  /** @param {Animation} job */
  #take(job) {
    let known = this.#jobs.get(job.id);
    const before = known?.job.status;
    if (known) known.job = job;
    else {
      known = { job, card: new Card(job, { play: () => this.#play(job.id), remove: () => void this.#remove(job.id) }) };
      this.#jobs.set(job.id, known);
      this.#list.prepend(known.card.element);
    }
    known.card.show(job);
    if (before && before !== job.status && !active.includes(job.status)) announce(`${job.source}: ${job.status}`);
    if (job.status === "done" && job.result && this.#toSave.delete(job.id)) download(`${job.result.url}?download`, job.result.name);
    this.#count();
  }

  #count() {
    const jobs = [...this.#jobs.values()].map(known => known.job);
    const running = jobs.filter(job => job.status === "running").length, queued = jobs.filter(job => job.status === "queued").length;
    const parts = [];
    if (running) parts.push(`${running} running`);
    if (queued) parts.push(`${queued} queued`);
    if (!running && !queued) parts.push(jobs.length ? `${jobs.length} ended` : "none yet");
    this.#facts.textContent = parts.join(", ");
  }

  /** Listens to the job that is next to change. One at a time: a browser has six connections to a service in all. */
  #watch() {
    const next = [...this.#jobs.values()].map(known => known.job).filter(job => active.includes(job.status))
      .sort((a, b) => Number(b.status === "running") - Number(a.status === "running") || a.created.localeCompare(b.created))[0];
    if (next?.id === this.#watched) return;
    this.#events?.close();
    this.#events = null;
    this.#watched = next?.id ?? "";
    if (!next) return;
    const events = this.#events = new EventSource(api.animationEvents(next.id));
    events.addEventListener("animation", message => {
      const job = /** @type {Animation} */ (JSON.parse(message.data));
      this.#take(job);
      if (active.includes(job.status)) return;
      events.close();
      this.#watched = "";
      void this.refresh();
    });
    events.onerror = () => {
      // It comes again by itself, unless the service refused: then the list says what is left.
      if (events.readyState !== EventSource.CLOSED) return;
      this.#watched = "";
      setTimeout(() => void this.refresh(), 2000);
    };
  }

  /** @param {string} id */
  #play(id) {
    const job = this.#jobs.get(id)?.job;
    if (!job?.result) return;
    const { url, type, name, frames, width, height } = job.result;
    const isVideo = type.startsWith("video/");
    const view = isVideo ? make("video", { src: url, controls: true, loop: true, autoplay: true, playsInline: true })
      : make("img", { src: url, alt: `Result ${name}` });
    this.#playerTitle.textContent = `${name}, ${frames} ${frames === 1 ? "frame" : "frames"} of ${width} × ${height}`;
    this.#playerBox.style.aspectRatio = `${width} / ${height}`;
    this.#playerBox.replaceChildren(view);
    this.#player.showModal();
  }

  /** @param {string} id */
  async #remove(id) {
    try {
      await api.removeAnimation(id);
      await this.refresh();
    } catch (fault) {
      if (fault instanceof Problem && fault.status === 404) await this.refresh();
      else say(this.#says, fault instanceof Error ? fault.message : String(fault), "bad");
    }
  }
}

/** A job in the list. Its parts are made once, so that a figure that changes moves nothing. */
class Card {
  #name = make("span", { class: "job-name" });
  #percent = make("span", { class: "job-percent" });
  #state = make("p", { class: "job-state" });
  #fill = make("div", { class: "progress-fill" });
  #bar = make("div", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.#fill);
  #play = make("button", { type: "button", class: "quiet" }, "Play");
  #save = make("a", { hidden: true }, "Download");
  #copied = make("span", {}, "Command");
  #copy = make("button", { type: "button", class: "quiet" }, icon("copy"), this.#copied);
  #cancel = make("button", { type: "button", class: "quiet" }, "Cancel");
  #remove = make("button", { type: "button", class: "icon" }, icon("close"));
  #command = "";

  /**
   * @param {Animation} job
   * @param {{ play: () => void, remove: () => void }} events
   */
  constructor(job, events) {
    this.element = make("li", { class: "job" }, this.#name, this.#percent, this.#state, this.#bar,
      make("div", { class: "job-tools" }, this.#play, this.#save, this.#copy, this.#cancel, this.#remove));
    this.element.dataset.id = job.id;
    on(this.#play, "click", events.play);
    on(this.#cancel, "click", events.remove);
    on(this.#remove, "click", events.remove);
    on(this.#copy, "click", () => void this.#copyCommand());
  }

  /** @param {Animation} job */
  show(job) {
    const share = job.status === "done" ? 1 : job.of ? job.done / job.of : 0;
    const percent = Math.floor(share * 100);
    this.element.dataset.status = job.status;
    const name = job.result?.name ?? (job.driving ? `${job.source} · ${job.driving}` : job.source);
    this.#name.textContent = name;
    this.#name.title = name;
    this.#percent.textContent = active.includes(job.status) ? `${percent} %` : "";
    this.#bar.setAttribute("aria-label", `Progress of ${name}`);
    this.#bar.setAttribute("aria-valuenow", String(percent));
    this.#fill.style.width = `${share * 100}%`;
    this.#state.textContent = state(job);
    this.#command = job.command;
    this.#copy.title = `Copy as command: ${job.command}`;
    const isActive = active.includes(job.status);
    this.#play.hidden = this.#save.hidden = job.status !== "done" || job.result === null;
    this.#cancel.hidden = !isActive;
    this.#remove.hidden = isActive;
    this.#remove.title = "Remove";
    if (job.result) {
      this.#save.href = `${job.result.url}?download`;
      this.#save.download = job.result.name;
    }
    for (const [button, what] of /** @type {[HTMLElement, string][]} */ ([[this.#play, "Play"], [this.#save, "Download"],
      [this.#copy, "Command: copy what makes"], [this.#cancel, "Cancel"], [this.#remove, "Remove"]])) button.setAttribute("aria-label", `${what} ${name}`);
  }

  async #copyCommand() {
    try {
      await navigator.clipboard.writeText(this.#command);
      this.#copied.textContent = "Copied";
      announce("The command is copied.");
    } catch {
      // No clipboard here: the line is shown, and chosen, to be copied by hand.
      const line = this.element.querySelector("code") ?? make("code", { class: "job-command" });
      line.textContent = this.#command;
      this.element.append(line);
      getSelection()?.selectAllChildren(line);
    }
    setTimeout(() => { this.#copied.textContent = "Command"; }, 1600);
  }
}

/**
 * @param {Animation} job
 * @returns {string}
 */
function state(job) {
  switch (job.status) {
    case "queued": return "Queued";
    case "running": {
      const what = job.stage === "encoding" ? "Reading the motion" : "Animating";
      const of = job.of ? `${job.done} of ${job.of} frames` : `${job.done} frames`;
      return `${what}, ${of}${job.secondsLeft === null ? "" : `, ${clock(job.secondsLeft)} left`}`;
    }
    case "done": return job.result
      ? `${job.result.frames} ${job.result.frames === 1 ? "frame" : "frames"}, ${size(job.result.bytes)}${job.result.sound ? ", with sound" : ""}` : "Done";
    case "failed": return job.error ?? "Failed";
    case "cancelled": return "Cancelled";
  }
}
