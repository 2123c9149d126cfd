import { api } from "./api.js";

/** Small pictures of a clip's frames, fetched when somebody looks at them, a few at a time, the last wanted first. */
export class ClipFrames {
  /** @type {Map<number, HTMLImageElement>} */
  #kept = new Map();
  /** @type {number[]} */
  #wanted = [];
  #underWay = 0;
  #most = 400;
  #loaded;

  /**
   * @param {string} clip
   * @param {(frame: number) => void} loaded
   */
  constructor(clip, loaded) {
    this.clip = clip;
    this.#loaded = loaded;
  }

  /**
   * The picture of a frame, if it is here; else it is asked for.
   * @param {number} frame
   * @returns {HTMLImageElement | null}
   */
  get(frame) {
    const image = this.#kept.get(frame);
    if (image) return image.complete && image.naturalWidth > 0 ? image : null;
    this.#wanted = this.#wanted.filter(other => other !== frame);
    this.#wanted.push(frame);
    this.#next();
    return null;
  }

  #next() {
    while (this.#underWay < 3) {
      const frame = this.#wanted.pop();
      if (frame === undefined) return;
      // What is thumbed through quickly is not fetched when it has long gone by.
      if (this.#wanted.length > 60) this.#wanted.splice(0, this.#wanted.length - 60);
      const image = new Image();
      this.#kept.set(frame, image);
      if (this.#kept.size > this.#most) this.#kept.delete(/** @type {number} */ (this.#kept.keys().next().value));
      this.#underWay++;
      image.onload = () => { this.#underWay--; this.#loaded(frame); this.#next(); };
      image.onerror = () => { this.#underWay--; this.#kept.delete(frame); };
      image.src = api.drivingFrame(this.clip, frame);
    }
  }
}
