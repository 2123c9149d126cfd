import { api } from "./api.js";
import { make, on } from "./dom.js";
import { slider } from "./settings.js";

/** How far a slider goes: as far as `lia manipulate --sweep` does. */
export const furthest = 3;

const thumbnailSide = 96;

/** A slider for each direction of the model, between pictures of what it does at either end. */
export class Directions {
  #place;
  #changed;
  /** @type {{ slider: import("./settings.js").Slider, row: HTMLElement, low: HTMLImageElement, high: HTMLImageElement }[]} */
  #rows = [];
  #drawing = new AbortController();
  /** @type {(() => Promise<void>)[]} */
  #queue = [];
  #underWay = 0;

  /**
   * @param {HTMLElement} place
   * @param {(direction: number | null, since: number) => void} changed Which; null for several.
   */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
  }

  /** @param {number} count */
  build(count) {
    this.#place.replaceChildren();
    this.#rows = [];
    for (let i = 0; i < count; i++) {
      const made = slider({
        label: `Direction ${i}`, min: -furthest, max: furthest, step: 0.05, value: 0, write: value => `${value > 0 ? "+" : ""}${value.toFixed(2)}`,
        changed: (_, since) => { this.#mark(i); this.#changed(i, since); },
      });
      // They stand there before there is a picture, so that nothing jumps when it comes.
      const low = make("img", { alt: "", class: "low", width: 48, height: 48, hidden: true });
      const high = make("img", { alt: "", class: "high", width: 48, height: 48, hidden: true });
      const row = make("div", { class: "direction" }, make("span", { class: "low thumb-wait" }), make("span", { class: "high thumb-wait" }), low,
        make("div", { class: "direction-head" }, made.label, made.output), made.input, high);
      for (const [image, value] of /** @type {[HTMLImageElement, number][]} */ ([[low, -furthest], [high, furthest]]))
        on(image, "click", event => this.set(i, value, event.timeStamp));
      this.#rows.push({ slider: made, row, low, high });
      this.#place.append(row);
    }
  }

  get values() { return this.#rows.map(row => row.slider.value); }

  /**
   * @param {number} direction
   * @param {number} value
   * @param {number} since
   */
  set(direction, value, since) {
    this.#rows[direction].slider.value = value;
    this.#mark(direction);
    this.#changed(direction, since);
  }

  /**
   * @param {number[]} values
   * @param {number} since
   */
  setAll(values, since) {
    for (const [i, row] of this.#rows.entries()) {
      row.slider.value = values[i] ?? 0;
      this.#mark(i);
    }
    this.#changed(null, since);
  }

  /** @param {number} direction */
  #mark(direction) {
    const { row, slider: { value } } = this.#rows[direction];
    row.toggleAttribute("data-moved", value !== 0);
  }

  /**
   * Draws the thumbnails anew, those in sight first, two at a time: the picture that follows the drag comes before them.
   * @param {string | null} source
   */
  illustrate(source) {
    this.#drawing.abort();
    this.#queue = [];
    if (!source) {
      for (const { low, high } of this.#rows) low.hidden = high.hidden = true;
      return;
    }
    const stop = this.#drawing = new AbortController();
    const seen = new IntersectionObserver(entries => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        const direction = this.#rows.findIndex(row => row.row === target);
        const { low, high } = this.#rows[direction];
        this.#queue.push(() => this.#thumbnail(low, source, direction, -furthest, stop.signal),
          () => this.#thumbnail(high, source, direction, furthest, stop.signal));
      }
      this.#next();
    }, { rootMargin: "120px" });
    stop.signal.addEventListener("abort", () => seen.disconnect());
    for (const { row } of this.#rows) seen.observe(row);
  }

  #next() {
    while (this.#underWay < 2) {
      const task = this.#queue.shift();
      if (!task) return;
      this.#underWay++;
      void task().finally(() => { this.#underWay--; this.#next(); });
    }
  }

  /**
   * @param {HTMLImageElement} image
   * @param {string} source
   * @param {number} direction
   * @param {number} delta
   * @param {AbortSignal} signal
   */
  async #thumbnail(image, source, direction, delta, signal) {
    try {
      const blob = await api.directionPicture(source, direction, delta, thumbnailSide, signal);
      const old = image.src;
      image.src = URL.createObjectURL(blob);
      await image.decode();
      image.hidden = false;
      if (old) URL.revokeObjectURL(old);
    } catch {
      // A thumbnail that does not come is a gray square; what is wrong with the source is said where it is used.
      if (!signal.aborted) image.hidden = true;
    }
  }
}
