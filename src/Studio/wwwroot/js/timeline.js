import { context, make, on } from "./dom.js";

/**
 * The clip as a strip of its frames, with the part that is used, the frame that is looked at, and the one where the motion starts.
 * Frames count from 0; the end of the part is excluded, as everywhere.
 */
export class Timeline {
  #track = make("div", { class: "timeline-track" });
  #strip = make("canvas");
  #ink = context(this.#strip);
  #outBefore = make("div", { class: "timeline-out" });
  #outAfter = make("div", { class: "timeline-out" });
  #window = make("div", { class: "timeline-window" });
  #startMark = make("div", { class: "timeline-start" });
  #in = this.#knob("trim in", "First frame used");
  #out = this.#knob("trim out", "Last frame used");
  #head = this.#knob("head", "Frame");
  #frames = 1;
  #rate = 25;
  /** @type {(frame: number) => HTMLImageElement | null} */
  #picture = () => null;
  #events;
  first = 0;
  end = 1;
  frame = 0;

  /**
   * @param {HTMLElement} place
   * @param {{ frame: (since: number) => void, trim: (since: number) => void }} events
   */
  constructor(place, events) {
    this.#events = events;
    this.#track.append(this.#strip, this.#outBefore, this.#outAfter, this.#window, this.#startMark, this.#in, this.#out, this.#head);
    place.append(this.#track);
    this.#drag(this.#in, (frame, since) => this.setTrim(Math.round(frame), this.end, since));
    this.#drag(this.#out, (frame, since) => this.setTrim(this.first, Math.round(frame), since));
    this.#drag(this.#head, (frame, since) => this.setFrame(Math.floor(frame), since));
    on(this.#track, "pointerdown", event => {
      if (event.button !== 0 || event.target !== this.#strip) return;
      // Else the focus, given below, would go with the mouse.
      event.preventDefault();
      this.setFrame(Math.floor(this.#at(event)), event.timeStamp);
      this.#head.focus({ preventScroll: true });
      this.#follow(event, this.#track, (frame, since) => this.setFrame(Math.floor(frame), since));
    });
    this.#keys(this.#in, (step, since) => this.setTrim(this.first + step, this.end, since));
    this.#keys(this.#out, (step, since) => this.setTrim(this.first, this.end + step, since));
    this.#keys(this.#head, (step, since) => this.setFrame(this.frame + step, since));
    new ResizeObserver(() => this.drawStrip()).observe(this.#track);
  }

  /**
   * @param {number} frames
   * @param {number} rate Frames a second.
   * @param {(frame: number) => HTMLImageElement | null} picture
   */
  show(frames, rate, picture) {
    [this.#frames, this.#rate, this.#picture] = [Math.max(1, frames), rate, picture];
    [this.first, this.end, this.frame] = [0, this.#frames, 0];
    this.start = 0;
    this.#place();
    this.drawStrip();
  }

  /** @param {number | null} frame Where the motion starts; null where nothing does. */
  set start(frame) {
    this.#startMark.hidden = frame === null;
    this.#startMark.style.left = `${((frame ?? 0) + 0.5) / this.#frames * 100}%`;
  }

  /**
   * @param {number} frame
   * @param {number | null} [since] null tells nobody.
   */
  setFrame(frame, since = null) {
    frame = Math.min(Math.max(frame, 0), this.#frames - 1);
    if (frame === this.frame) return;
    this.frame = frame;
    this.#place();
    if (since !== null) this.#events.frame(since);
  }

  /**
   * @param {number} first
   * @param {number} end
   * @param {number} since
   */
  setTrim(first, end, since) {
    first = Math.min(Math.max(first, 0), this.#frames - 1);
    end = Math.min(Math.max(end, 1), this.#frames);
    if (first >= end) {
      if (first !== this.first) first = end - 1;
      else end = first + 1;
    }
    if (first === this.first && end === this.end) return;
    [this.first, this.end] = [first, end];
    this.#place();
    this.#events.trim(since);
  }

  drawStrip() {
    const width = this.#track.clientWidth, height = this.#track.clientHeight;
    if (width === 0) return;
    const scale = Math.min(2, devicePixelRatio);
    if (this.#strip.width !== Math.round(width * scale)) {
      this.#strip.width = Math.round(width * scale);
      this.#strip.height = Math.round(height * scale);
    }
    const count = Math.ceil(width / height);
    const step = this.#strip.width / count;
    for (let i = 0; i < count; i++) {
      const image = this.#picture(Math.min(this.#frames - 1, Math.floor((i + 0.5) / count * this.#frames)));
      if (!image) continue;
      const side = Math.min(image.naturalWidth, image.naturalHeight);
      this.#ink.imageSmoothingQuality = "high";
      // A little wider than its share, so that no seam shows.
      this.#ink.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side,
        i * step, 0, step + 1, this.#strip.height);
    }
  }

  #place() {
    /** @type {(frame: number) => string} */
    const percent = frame => `${frame / this.#frames * 100}%`;
    this.#outBefore.style.left = "0";
    this.#outBefore.style.width = percent(this.first);
    this.#outAfter.style.left = percent(this.end);
    this.#outAfter.style.right = "0";
    this.#window.style.left = this.#in.style.left = percent(this.first);
    this.#window.style.right = percent(this.#frames - this.end);
    this.#out.style.left = percent(this.end);
    this.#head.style.left = percent(this.frame + 0.5);
    this.#tell(this.#in, this.first, this.#frames - 1);
    this.#tell(this.#out, this.end - 1, this.#frames - 1);
    this.#tell(this.#head, this.frame, this.#frames - 1);
  }

  /**
   * @param {HTMLElement} knob
   * @param {number} value
   * @param {number} most
   */
  #tell(knob, value, most) {
    knob.setAttribute("aria-valuenow", String(value));
    knob.setAttribute("aria-valuemax", String(most));
    knob.setAttribute("aria-valuetext", `Frame ${value}, ${(value / this.#rate).toFixed(2)} seconds`);
  }

  /**
   * @param {string} kind
   * @param {string} label
   */
  #knob(kind, label) {
    return make("div", { class: `knob ${kind}`, role: "slider", tabIndex: 0, "aria-label": label, "aria-valuemin": 0 });
  }

  /** @param {PointerEvent} event */
  #at(event) {
    const box = this.#track.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * this.#frames;
  }

  /**
   * @param {HTMLElement} knob
   * @param {(frame: number, since: number) => void} move
   */
  #drag(knob, move) {
    on(knob, "pointerdown", event => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      knob.focus({ preventScroll: true });
      this.#follow(event, knob, move);
    });
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLElement} element
   * @param {(frame: number, since: number) => void} move
   */
  #follow(event, element, move) {
    element.setPointerCapture(event.pointerId);
    const stop = new AbortController();
    on(element, "pointermove", moved => move(this.#at(moved), moved.timeStamp), { signal: stop.signal });
    for (const type of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]))
      on(element, type, () => stop.abort(), { signal: stop.signal });
  }

  /**
   * @param {HTMLElement} knob
   * @param {(step: number, since: number) => void} move
   */
  #keys(knob, move) {
    on(knob, "keydown", event => {
      const page = Math.max(1, Math.round(this.#frames / 10));
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page, Home: -this.#frames,
        End: this.#frames }[event.key];
      if (!step) return;
      event.preventDefault();
      move(step, event.timeStamp);
    });
  }
}
