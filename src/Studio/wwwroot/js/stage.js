import { context, on, one } from "./dom.js";

/** @typedef {"result" | "wipe" | "side"} View */

/** The large picture: the result alone, wiped over what was before, or beside it. */
export class Stage {
  #root = one("#stage", HTMLDivElement);
  #before = one("#before", HTMLCanvasElement);
  #after = one("#after", HTMLCanvasElement);
  #beforeInk = context(this.#before);
  #afterInk = context(this.#after);
  #caption = one("#before-caption", HTMLElement);
  #note = one("#stage-note", HTMLElement);
  #views = [...document.querySelectorAll("#views [data-view]")].filter(
    /** @returns {button is HTMLButtonElement} */ button => button instanceof HTMLButtonElement);

  constructor() {
    for (const [index, button] of this.#views.entries()) {
      on(button, "click", () => this.view = /** @type {View} */ (button.dataset.view));
      on(button, "keydown", event => {
        const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = this.#views[(index + step + this.#views.length) % this.#views.length];
        next.focus();
        next.click();
      });
    }
    const wipe = one("#wipe", HTMLInputElement);
    on(wipe, "input", () => {
      this.#root.style.setProperty("--wipe", `${wipe.value}%`);
      wipe.setAttribute("aria-valuetext", `${Math.round(Number(wipe.value))} percent before`);
    });
  }

  get canvas() { return this.#after; }

  get view() { return /** @type {View} */ (this.#root.dataset.view); }

  set view(view) {
    this.#root.dataset.view = view;
    for (const button of this.#views) {
      const isIt = button.dataset.view === view;
      button.setAttribute("aria-checked", String(isIt));
      button.tabIndex = isIt ? 0 : -1;
    }
  }

  /** The next view in turn. */
  turn() {
    const order = /** @type {View[]} */ (["result", "wipe", "side"]);
    this.view = order[(order.indexOf(this.view) + 1) % order.length];
  }

  /** @param {boolean} isEmpty */
  set isEmpty(isEmpty) { this.#root.toggleAttribute("data-empty", isEmpty); }

  get isEmpty() { return this.#root.hasAttribute("data-empty"); }

  /** @param {string} sentence What is in the way of the picture; empty where nothing is. */
  set note(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = !sentence;
  }

  /**
   * The result, pixel for pixel as it was computed; only the browser scales it.
   * @param {ImageData} pixels
   */
  draw(pixels) {
    if (this.#after.width !== pixels.width || this.#after.height !== pixels.height) {
      this.#after.width = pixels.width;
      this.#after.height = pixels.height;
    }
    this.#afterInk.putImageData(pixels, 0, 0);
    this.isEmpty = false;
  }

  /**
   * What the result is compared with: a square of a picture.
   * @param {CanvasImageSource} picture
   * @param {{ left: number, top: number, side: number }} square
   * @param {string} caption
   * @param {boolean} [mirrored]
   */
  drawBefore(picture, square, caption, mirrored = false) {
    const side = Math.min(1024, Math.max(64, Math.round(square.side)));
    if (this.#before.width !== side) this.#before.width = this.#before.height = side;
    const ink = this.#beforeInk;
    ink.imageSmoothingQuality = "high";
    ink.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? side : 0, 0);
    ink.drawImage(picture, square.left, square.top, square.side, square.side, 0, 0, side, side);
    ink.setTransform(1, 0, 0, 1, 0, 0);
    if (this.#caption.textContent !== caption) {
      this.#caption.textContent = caption;
      this.#before.setAttribute("aria-label", caption);
    }
  }

  /**
   * The result as a PNG file, in the model's own size.
   * @returns {Promise<Blob>}
   */
  picture() {
    return new Promise((resolve, reject) => this.#after.toBlob(
      blob => blob ? resolve(blob) : reject(new Error("The picture cannot be written.")), "image/png"));
  }
}
