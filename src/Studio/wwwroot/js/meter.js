import { one } from "./dom.js";

/**
 * What is measured in the page: from the event that asked for a picture until its pixels are on the screen, and how many come in a second.
 * Every measurement is also an entry `lia-latency` of the browser's own performance timeline.
 */
export class Meter {
  #latency = one("#meter-latency", HTMLElement);
  #compute = one("#meter-compute", HTMLElement);
  #rate = one("#meter-rate", HTMLElement);
  #latencies = new Recent();
  #computing = new Recent();
  /** @type {number[]} */
  #shown = [];
  #isDue = false;
  #channel = new MessageChannel();
  /** @type {{ since: number | null, compute: number }[]} */
  #painted = [];

  constructor() {
    this.#channel.port1.onmessage = () => this.#afterPaint();
    setInterval(() => this.#fade(), 500);
  }

  /**
   * A picture has just been drawn. It is on the screen after the next frame of the browser, so that is where the measurement ends.
   * @param {number | null} since When it was asked for (performance.now()), or null if nobody did.
   * @param {number} compute Milliseconds that the service computed.
   */
  drawn(since, compute) {
    this.#painted.push({ since, compute });
    if (this.#painted.length > 1) return;
    requestAnimationFrame(() => this.#channel.port2.postMessage(0));
  }

  /** A new kind of pictures begins: what was measured was of another. */
  clear() {
    this.#latencies = new Recent();
    this.#computing = new Recent();
    this.#shown = [];
    this.#write(this.#latency, "– ms");
    this.#write(this.#compute, "– ms");
    this.#write(this.#rate, "– /s");
  }

  #afterPaint() {
    const now = performance.now();
    for (const { since, compute } of this.#painted) {
      if (since !== null) {
        performance.measure("lia-latency", { start: since, end: now });
        this.#latencies.add(now - since);
        this.#computing.add(compute);
      }
      this.#shown.push(now);
    }
    this.#painted = [];
    if (performance.getEntriesByName("lia-latency").length > 2000) performance.clearMeasures("lia-latency");
    if (this.#isDue) return;
    // Figures that change with every frame cannot be read: four times a second is enough.
    this.#isDue = true;
    setTimeout(() => { this.#isDue = false; this.#tell(); }, 250);
  }

  #tell() {
    for (const [place, { median }] of /** @type {[HTMLElement, Recent][]} */ ([[this.#latency, this.#latencies], [this.#compute, this.#computing]]))
      if (median !== null) this.#write(place, `${median < 10 ? median.toFixed(1) : Math.round(median)} ms`);
    this.#fade();
  }

  #fade() {
    const now = performance.now();
    this.#shown = this.#shown.filter(time => now - time < 1000);
    this.#write(this.#rate, `${this.#shown.length || "–"} /s`);
  }

  /**
   * @param {HTMLElement} place
   * @param {string} text
   */
  #write(place, text) {
    if (place.textContent !== text) place.textContent = text;
  }
}

/** The last fifteen of something: enough that one does not count, few enough that what was does not. */
class Recent {
  /** @type {number[]} */
  #values = [];

  /** @param {number} value */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > 15) this.#values.shift();
  }

  get median() {
    return this.#values.length === 0 ? null : [...this.#values].sort((a, b) => a - b)[this.#values.length >> 1];
  }
}
