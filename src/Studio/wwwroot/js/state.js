// What stands in the studio now, and who wants to hear when it changes. Panels change it and hear each other through it alone.

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Driving} Driving */
/** @typedef {import("./types.js").Mode} Mode */
/** @typedef {import("./frames.js").ClipFrames} ClipFrames */

/** @typedef {"model" | "picture" | "crop" | "clip" | "frame" | "trim" | "motion" | "deltas" | "mode" | "view"} Change */

export const state = {
  /** @type {Model | null} */
  model: null,
  /** @type {{ source: Source, file: File } | null} */
  picture: null,
  /** @type {{ driving: Driving, file: File, frames: ClipFrames } | null} */
  clip: null,
  /** @type {Mode} */
  mode: "directions",

  /**
   * Deltas along the directions.
   * @type {number[]}
   */
  deltas: [],
  /** Factor on all motion. */
  strength: 1,
  /** Frames in the window of smoothing, odd. */
  smooth: 1,
  /**
   * Where relative motion starts: at the first frame used, at the one nearest to the picture, or at a frame.
   * @type {"first" | "best" | number}
   */
  start: "first",
  /**
   * The frame nearest to the picture, when it is known.
   * @type {number | null}
   */
  nearest: null,
  /** @type {"auto" | "relative" | "absolute"} */
  motionMode: "auto",
  /** Whether the directions are added to the clip's frame. */
  isOnFrame: false,
  /** The frame that is looked at. */
  frame: 0,
  /** The frames that are used: from first to end, which is excluded. */
  first: 0,
  end: 1,
};

/** Whether the picture on the stage moves as a frame of the clip does. */
export function usesClip() {
  return state.clip !== null && (state.mode === "clip" || (state.mode === "directions" && state.isOnFrame));
}

/** Whether motion counts from a start frame. */
export function isRelative() {
  return (state.motionMode === "auto" ? state.model?.mode : state.motionMode) !== "absolute";
}

/** The frame where relative motion starts: one of those that are used. */
export function startFrame() {
  const wanted = state.start === "first" ? state.first : state.start === "best" ? state.nearest ?? state.first : state.start;
  return Math.min(Math.max(wanted, state.first), state.end - 1);
}

/** Frames of the clip a second. */
export function clipRate() {
  if (!state.clip) return 25;
  const [over, under] = state.clip.driving.rate.split("/").map(Number);
  return over / (under || 1) || 25;
}

/** @type {Map<Change, ((since: number | null) => void)[]>} */
const listeners = new Map();

/**
 * @param {Change[]} changes
 * @param {(since: number | null) => void} listener since: when what changed it happened, on the clock of performance.now(), if it was a person.
 */
export function hear(changes, listener) {
  for (const change of changes) listeners.set(change, [...listeners.get(change) ?? [], listener]);
}

/**
 * @param {Change} change
 * @param {number | null} [since]
 */
export function tell(change, since = null) {
  for (const listener of listeners.get(change) ?? []) listener(since);
}
