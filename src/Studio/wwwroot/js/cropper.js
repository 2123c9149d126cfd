import { make, on } from "./dom.js";

/** @typedef {import("./types.js").Box} Box */

const smallest = 16;
const margin = 14;

/**
 * The box on the picture that says what is animated: a square, moved by dragging it or by the arrow keys, resized at its corners or by Shift
 * with the arrow keys. Numbers are pixels of the picture.
 */
export class Cropper {
  #width = 1;
  #height = 1;
  #left = 0;
  #top = 0;
  #side = 1;
  /** @type {HTMLElement} */
  #place;
  #image = make("img", { alt: "" });
  #hole = make("div", { class: "cropper-hole" });
  #box = make("button", { type: "button", class: "crop-box", "aria-describedby": "crop-help" });
  #changed;

  /**
   * @param {HTMLElement} place
   * @param {(box: Box, since: number) => void} changed
   */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
    for (const corner of ["nw", "ne", "sw", "se"]) this.#box.append(make("span", { class: "crop-handle", "data-corner": corner }));
    place.append(this.#image, make("div", { class: "cropper-shade" }, this.#hole), this.#box,
      make("span", { id: "crop-help", class: "unseen" }, "Arrow keys move the box, with Shift they resize it, with Alt by one pixel."));
    on(this.#box, "pointerdown", event => this.#grab(event));
    on(this.#box, "keydown", event => this.#key(event));
  }

  get box() { return { left: this.#left, top: this.#top, width: this.#side, height: this.#side }; }

  get image() { return this.#image; }

  get isWhole() { return this.#side === Math.min(this.#width, this.#height); }

  /**
   * @param {string} address
   * @param {number} width Of the picture, as height.
   * @param {number} height
   * @param {Box} box
   * @returns {Promise<void>} When it is there to be drawn.
   */
  async show(address, width, height, box) {
    this.#width = width;
    this.#height = height;
    this.#side = Math.min(box.width, box.height);
    this.#left = Math.round(box.left + (box.width - this.#side) / 2);
    this.#top = Math.round(box.top + (box.height - this.#side) / 2);
    this.#image.src = address;
    this.#place.hidden = false;
    this.fit();
    this.#draw();
    await this.#image.decode();
  }

  hide() { this.#place.hidden = true; }

  /** The picture as large as its place lets it. */
  fit() {
    const around = this.#place.parentElement;
    if (!around || this.#place.hidden) return;
    // A margin, so that the handles of a box that ends with the picture can be taken.
    const scale = Math.min((around.clientWidth - 2 * margin) / this.#width, (around.clientHeight - 2 * margin) / this.#height);
    this.#place.style.width = `${this.#width * scale}px`;
    this.#place.style.height = `${this.#height * scale}px`;
  }

  /** The largest square in the middle. */
  whole() {
    this.#side = Math.min(this.#width, this.#height);
    this.#left = (this.#width - this.#side) >> 1;
    this.#top = (this.#height - this.#side) >> 1;
    this.#draw();
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {number} side
   * @param {number} since
   */
  #set(left, top, side, since) {
    side = Math.round(Math.min(Math.max(side, Math.min(smallest, this.#width, this.#height)), this.#width, this.#height));
    left = Math.round(Math.min(Math.max(left, 0), this.#width - side));
    top = Math.round(Math.min(Math.max(top, 0), this.#height - side));
    if (left === this.#left && top === this.#top && side === this.#side) return;
    [this.#left, this.#top, this.#side] = [left, top, side];
    this.#draw();
    this.#changed(this.box, since);
  }

  #draw() {
    for (const { style } of [this.#hole, this.#box]) {
      style.left = `${this.#left / this.#width * 100}%`;
      style.top = `${this.#top / this.#height * 100}%`;
      style.width = `${this.#side / this.#width * 100}%`;
      style.height = `${this.#side / this.#height * 100}%`;
    }
    this.#box.setAttribute("aria-label",
      `Crop box, ${this.#side} by ${this.#side} pixels, ${this.#left} from the left, ${this.#top} from the top`);
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#box.focus({ preventScroll: true });
    this.#box.setPointerCapture(event.pointerId);
    const corner = event.target instanceof HTMLElement ? event.target.dataset.corner : undefined;
    const scale = this.#width / this.#place.clientWidth;
    const { clientX, clientY } = event;
    const start = { left: this.#left, top: this.#top, side: this.#side };
    const stop = new AbortController();
    on(this.#box, "pointermove", move => {
      const x = (move.clientX - clientX) * scale, y = (move.clientY - clientY) * scale;
      if (!corner) {
        this.#set(start.left + x, start.top + y, start.side, move.timeStamp);
        return;
      }
      // The corner opposite stays where it is; the square follows the pointer's larger step, as far as the picture goes.
      const west = corner.includes("w"), north = corner.includes("n");
      const right = start.left + start.side, bottom = start.top + start.side;
      const side = Math.min(start.side + Math.max(west ? -x : x, north ? -y : y),
        west ? right : this.#width - start.left, north ? bottom : this.#height - start.top);
      const kept = Math.max(side, Math.min(smallest, start.side));
      this.#set(west ? right - kept : start.left, north ? bottom - kept : start.top, kept, move.timeStamp);
    }, { signal: stop.signal });
    for (const type of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]))
      on(this.#box, type, () => stop.abort(), { signal: stop.signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = event.altKey ? 1 : Math.max(1, Math.round(Math.min(this.#width, this.#height) / 50));
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (x === 0 && y === 0) return;
    event.preventDefault();
    if (event.shiftKey) {
      // Right and down make it larger, about its middle.
      const more = (x + y) * step * 2;
      this.#set(this.#left - more / 2, this.#top - more / 2, this.#side + more, event.timeStamp);
    } else this.#set(this.#left + x * step, this.#top + y * step, this.#side, event.timeStamp);
  }
}
