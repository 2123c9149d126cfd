import { one } from "./dom.js";

/**
 * What is measured in the page: from the event that asked for a picture until its pixels are on the screen, and how many come in a second.
 * Every measurement is also an entry `lia-latency` of the browser's own performance timeline.
 */
export class Meter {
  #latency = one("#meter-latency", HTMLElement);
  #compute = one("#meter-compute", HTMLElement);
  #rate = one("#meter-rate", HTMLElement);
  /** @type {number[]} */
  #recent = [];
  /** @type {number[]} */
  #shown = [];
  #computeNow = 0;
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
    this.#recent = [];
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
        this.#recent.push(now - since);
        if (this.#recent.length > 15) this.#recent.shift();
      }
      this.#shown.push(now);
      this.#computeNow = compute;
    }
    this.#painted = [];
    if (performance.getEntriesByName("lia-latency").length > 2000) performance.clearMeasures("lia-latency");
    if (this.#isDue) return;
    // Figures that change with every frame cannot be read: four times a second is enough.
    this.#isDue = true;
    setTimeout(() => { this.#isDue = false; this.#tell(); }, 250);
  }

  #tell() {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    if (sorted.length > 0) this.#write(this.#latency, `${Math.round(sorted[sorted.length >> 1])} ms`);
    this.#write(this.#compute, `${this.#computeNow < 10 ? this.#computeNow.toFixed(1) : Math.round(this.#computeNow)} ms`);
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
