// The service, as docs/service.md has it. A failure is a Problem whose message is the sentence to show.

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Driving} Driving */
/** @typedef {import("./types.js").Animation} Animation */
/** @typedef {import("./types.js").Box} Box */

/** What the service, or the way to it, said no to. */
export class Problem extends Error {
  /**
   * @param {string} sentence
   * @param {number} status 0 where nothing answered.
   * @param {number} [retryAfter] Seconds.
   */
  constructor(sentence, status, retryAfter = 0) {
    super(sentence);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const unreachable = "The service does not answer. Is `lia studio` still running?";

/**
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter
 * @returns {Problem}
 */
function problem(status, body, retryAfter) {
  let sentence = `The service answered with status ${status}.`;
  try {
    const told = JSON.parse(body);
    sentence = String(told.detail || told.title || sentence);
  } catch { /* Not problem details: the status says what there is to say. */ }
  return new Problem(sentence, status, Number(retryAfter) || 0);
}

/**
 * @param {string} path
 * @param {RequestInit} [request]
 * @returns {Promise<Response>}
 */
async function ask(path, request) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, { ...request, cache: "no-store", redirect: "error" });
  } catch (fault) {
    if (fault instanceof DOMException && fault.name === "AbortError") throw fault;
    throw new Problem(unreachable, 0);
  }
  if (!response.ok) throw problem(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

/**
 * Sends a form and tells how far it is; fetch cannot.
 * @param {string} path
 * @param {FormData} form
 * @param {(share: number) => void} progress From 0 to 1.
 * @returns {Promise<any>}
 */
function send(path, form, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.upload.onprogress = event => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onerror = () => reject(new Problem(unreachable, 0));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problem(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.send(form);
  });
}

/**
 * The address of a WebSocket of this service.
 * @param {string} path
 */
export function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

export const api = {
  /** @returns {Promise<Model>} */
  async model() { return (await ask("/api/model")).json(); },

  /**
   * @param {File} file
   * @param {(share: number) => void} progress
   * @returns {Promise<Source>}
   */
  addSource(file, progress) {
    const form = new FormData();
    form.append("source", file, file.name);
    return send("/api/sources", form, progress);
  },

  /**
   * @param {string} id
   * @param {Box | null} box
   * @returns {Promise<Source>}
   */
  async crop(id, box) {
    return (await ask(`/api/sources/${id}/crop`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(box),
    })).json();
  },

  /** @param {string} id */
  picture(id) { return `/api/sources/${id}/picture`; },

  /**
   * @param {string} id
   * @param {number} direction
   * @param {number} delta
   * @param {number} side Pixels.
   * @param {AbortSignal} signal
   * @returns {Promise<Blob>}
   */
  async directionPicture(id, direction, delta, side, signal) {
    return (await ask(`/api/sources/${id}/directions/${direction}.png?delta=${delta}&size=${side}`, { signal })).blob();
  },

  /**
   * @param {File} file
   * @param {(share: number) => void} progress
   * @returns {Promise<Driving>}
   */
  addDriving(file, progress) {
    const form = new FormData();
    form.append("driving", file, file.name);
    return send("/api/drivings", form, progress);
  },

  /**
   * @param {string} id
   * @returns {Promise<Driving>}
   */
  async driving(id) { return (await ask(`/api/drivings/${id}`)).json(); },

  /** @param {string} id */
  async removeDriving(id) { await ask(`/api/drivings/${id}`, { method: "DELETE" }); },

  /** @param {string} id */
  async removeSource(id) { await ask(`/api/sources/${id}`, { method: "DELETE" }); },

  /**
   * @param {string} id
   * @param {number} frame
   * @returns {string}
   */
  drivingFrame(id, frame) { return `/api/drivings/${id}/frames/${frame}.jpg`; },

  /** @param {string} id */
  drivingClip(id) { return `/api/drivings/${id}/clip`; },

  /**
   * The frame whose pose is nearest to the source's.
   * @param {string} driving
   * @param {string} source
   * @returns {Promise<number>}
   */
  async nearestFrame(driving, source) { return (await (await ask(`/api/drivings/${driving}/start?source=${source}`)).json()).frame; },

  /** @returns {Promise<Animation[]>} */
  async animations() { return (await (await ask("/api/animations")).json()).animations; },

  /**
   * @param {string} source
   * @param {string | null} driving
   * @param {Record<string, unknown>} options Names and values of the command line.
   * @returns {Promise<Animation>}
   */
  async animate(source, driving, options) {
    const form = new FormData();
    form.append("source", source);
    if (driving) form.append("driving", driving);
    form.append("options", JSON.stringify(options));
    return (await ask("/api/animations", { method: "POST", body: form })).json();
  },

  /** @param {string} id */
  async removeAnimation(id) { await ask(`/api/animations/${id}`, { method: "DELETE" }); },

  /** @param {string} id */
  animationEvents(id) { return `/api/animations/${id}/events`; },
};
