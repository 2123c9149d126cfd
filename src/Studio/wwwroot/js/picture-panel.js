import { api, Problem } from "./api.js";
import { Cropper } from "./cropper.js";
import { announce, on, one, say, size } from "./dom.js";
import { dropZone } from "./drop.js";
import { state, tell } from "./state.js";

/** @typedef {import("./types.js").Box} Box */

/**
 * Whether a file is larger than the service takes; then it is said so, before anything is sent.
 * @param {File} file
 * @param {HTMLElement} says
 */
export function isTooLarge(file, says) {
  const most = state.model?.limits.uploadBytes ?? Infinity;
  if (file.size <= most) return false;
  say(says, `${file.name} has ${size(file.size)}; at most ${size(most)} are taken.`, "bad");
  return true;
}

/**
 * Says what went wrong where it did.
 * @param {HTMLElement} says
 * @param {unknown} fault
 */
export function sayFault(says, fault) {
  const sentence = fault instanceof Error ? fault.message : String(fault);
  say(says, /[.!?]$/.test(sentence) ? sentence : `${sentence}.`, "bad");
}

/** The picture that is to move, and the part of it that does. */
export class PicturePanel {
  #says = one("#picture-says", HTMLElement);
  #drop = one("#picture-drop", HTMLElement);
  #choose = one("#picture-choose", HTMLButtonElement);
  #replace = one("#picture-replace", HTMLButtonElement);
  #whole = one("#crop-all", HTMLButtonElement);
  #facts = one("#picture-facts", HTMLElement);
  #isCropping = false;
  /** @type {Box | null} */
  #nextCrop = null;
  #uploads = 0;

  constructor() {
    this.cropper = new Cropper(one("#cropper", HTMLElement), (box, since) => void this.#crop(box, since));
    dropZone({ zone: this.#drop, area: one("#picture-card", HTMLElement), input: one("#picture-file", HTMLInputElement),
      choosers: [this.#choose, this.#replace, one("#stage-empty", HTMLButtonElement)], says: this.#says, take: file => void this.take(file) });
    on(this.#whole, "click", event => {
      this.cropper.whole();
      void this.#crop(this.cropper.box, event.timeStamp);
    });
    new ResizeObserver(() => this.cropper.fit()).observe(this.#drop);
  }

  /**
   * @param {File} file
   * @param {Box | null} [box] The crop, if it is known.
   * @returns {Promise<void>}
   */
  async take(file, box = null) {
    if (!state.model || isTooLarge(file, this.#says)) return;
    const upload = ++this.#uploads;
    say(this.#says, `Uploading ${file.name}, 0 %`);
    try {
      let source = await api.addSource(file, share => {
        if (upload === this.#uploads) say(this.#says, share < 1 ? `Uploading ${file.name}, ${Math.floor(share * 100)} %` : `Reading ${file.name}, ${size(file.size)}`);
      });
      if (box) source = await api.crop(source.id, box);
      if (upload !== this.#uploads) {
        void api.removeSource(source.id).catch(() => {});
        return;
      }
      const before = state.picture;
      this.#drop.dataset.state = "full";
      this.#choose.hidden = true;
      this.#replace.textContent = "Another picture";
      this.#whole.disabled = false;
      await this.cropper.show(api.picture(source.id), source.width, source.height, source.crop);
      state.picture = { source, file };
      state.nearest = null;
      if (before) void api.removeSource(before.source.id).catch(() => {});
      this.#showFacts();
      say(this.#says, state.model.demonstration ? "The demonstration model knows drawn portraits only." : "Drag the box, or its corners, to the face.");
      tell("picture");
      announce(`${file.name} is there.`);
    } catch (fault) {
      if (upload !== this.#uploads) return;
      if (!state.picture) this.#drop.dataset.state = "bad";
      sayFault(this.#says, fault);
    }
  }

  /**
   * Sources do not outlive the service: what it has forgotten is uploaded again.
   * @returns {Promise<boolean>} Whether it had forgotten it.
   */
  async restore() {
    const lost = state.picture;
    if (!lost) return false;
    try {
      await api.crop(lost.source.id, lost.source.crop);
      return false;
    } catch (fault) {
      if (!(fault instanceof Problem) || fault.status !== 404 || state.picture !== lost) return false;
    }
    await this.take(lost.file, lost.source.crop);
    return true;
  }

  /**
   * One crop under way, the newest next.
   * @param {Box} box
   * @param {number} since
   */
  async #crop(box, since) {
    if (!state.picture) return;
    this.#nextCrop = box;
    this.#showFacts();
    tell("view");
    if (this.#isCropping) return;
    this.#isCropping = true;
    try {
      while (this.#nextCrop && state.picture) {
        const wanted = this.#nextCrop;
        this.#nextCrop = null;
        /** @type {string} */
        const id = state.picture.source.id;
        const told = await api.crop(id, wanted);
        if (state.picture?.source.id === id) state.picture.source = told;
      }
      state.nearest = null;
      say(this.#says, "");
      tell("crop", since);
    } catch (fault) {
      sayFault(this.#says, fault);
    } finally {
      this.#isCropping = false;
    }
  }

  #showFacts() {
    if (!state.picture) return;
    const { width, height, name } = state.picture.source, { width: side } = this.cropper.box;
    this.#facts.textContent = this.cropper.isWhole ? `${width} × ${height}` : `${side} × ${side} of ${width} × ${height}`;
    this.#facts.title = name;
  }
}
