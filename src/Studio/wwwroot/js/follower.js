import { PictureSocket } from "./live.js";
import { hear, isRelative, startFrame, state, usesClip } from "./state.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./meter.js").Meter} Meter */

/** Keeps the picture on the stage what the settings say: of everything that changes, the newest is asked for. */
export class Follower {
  #socket;
  /** Whether the service's end of the connection has a clip: a binary message keeps it. */
  #hasClipThere = false;

  /**
   * @param {Stage} stage
   * @param {Meter} meter
   * @param {() => void} lost The source is no longer there, perhaps.
   */
  constructor(stage, meter, lost) {
    this.#socket = new PictureSocket({
      picture: (picture, since) => {
        if (state.mode === "camera") return;
        stage.draw(picture.pixels);
        meter.drawn(since, picture.compute);
      },
      problem: sentence => { if (state.mode !== "camera") stage.note = sentence; },
      opened: () => {
        this.#hasClipThere = false;
        this.#ask(null);
      },
      gone: lost,
    });
    hear(["picture"], () => {
      meter.clear();
      if (state.picture) this.#socket.open(`/api/sources/${state.picture.source.id}/live`);
      else this.#socket.close();
    });
    hear(["clip", "frame", "trim", "motion", "deltas", "mode"], since => this.#ask(since));
  }

  /** @param {number | null} since */
  #ask(since) {
    if (state.picture && state.mode !== "camera") this.#socket.ask(sequence => this.#message(sequence), since);
  }

  /**
   * @param {number} sequence
   * @returns {ArrayBuffer | string}
   */
  #message(sequence) {
    const { strength, clip, frame, smooth, motionMode: mode } = state;
    const deltas = state.mode === "directions" ? state.deltas : state.deltas.map(() => 0);
    const isWithClip = usesClip();
    if (!isWithClip && !this.#hasClipThere) {
      const view = new DataView(new ArrayBuffer(8 + 4 * deltas.length));
      view.setUint32(0, sequence, true);
      view.setFloat32(4, strength, true);
      for (const [i, delta] of deltas.entries()) view.setFloat32(8 + 4 * i, delta, true);
      return view.buffer;
    }
    this.#hasClipThere = isWithClip;
    return JSON.stringify(isWithClip ? {
      sequence, strength, directions: deltas, driving: clip?.driving.id, frame, smooth, mode, ...(isRelative() ? { "start-frame": startFrame() } : {}),
    } : { sequence, strength, directions: deltas, driving: null });
  }
}
