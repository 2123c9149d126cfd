import { socketAddress } from "./api.js";

/**
 * A picture of the service.
 * @typedef {{ sequence: number, width: number, height: number, compute: number, waited: number, time: number, pixels: ImageData }} Picture
 */

const headerBytes = 24;

/**
 * @param {ArrayBuffer} message
 * @returns {Picture}
 */
export function readPicture(message) {
  const view = new DataView(message);
  const width = view.getUint16(4, true), height = view.getUint16(6, true);
  if (message.byteLength !== headerBytes + width * height * 4) throw new Error("A picture of the service has another length than it says.");
  return {
    sequence: view.getUint32(0, true), width, height, compute: view.getFloat32(8, true), waited: view.getFloat32(12, true),
    time: view.getFloat64(16, true), pixels: new ImageData(new Uint8ClampedArray(message, headerBytes), width, height),
  };
}

/**
 * A WebSocket on which messages go out and pictures come in, one under way at a time: what is asked for meanwhile waits, and only the newest
 * of it is sent. It opens itself again when it breaks, and then asks again.
 */
export class PictureSocket {
  /** @type {WebSocket | null} */
  #socket = null;
  #address = "";
  #sequence = 0;
  #answered = 0;
  /** @type {{ write: (sequence: number) => ArrayBuffer | string, since: number | null } | null} */
  #waiting = null;
  /** @type {Map<number, number | null>} */
  #asked = new Map();
  #attempts = 0;
  #timer = 0;

  /**
   * @param {object} events
   * @param {(picture: Picture, since: number | null) => void} events.picture since: when its message was asked for, null if it came unasked.
   * @param {(sentence: string) => void} events.problem A message could not be used, or an empty sentence: all is well again.
   * @param {() => void} events.opened What is wanted must be said (again).
   * @param {(code: number) => void} events.gone The source is no longer there.
   */
  constructor(events) { this.events = events; }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

  /**
   * Connects, instead of where it was connected before.
   * @param {string} path
   */
  open(path) {
    this.close();
    this.#address = path;
    this.#attempts = 0;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#address = "";
    this.#waiting = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /**
   * Asks for a picture.
   * @param {(sequence: number) => ArrayBuffer | string} write Makes the message when it is its turn.
   * @param {number | null} since When it was asked for.
   */
  ask(write, since) {
    this.#waiting = { write, since };
    this.#flush();
  }

  /**
   * Sends a word that no picture answers.
   * @param {string} text
   */
  tell(text) {
    if (this.isOpen) this.#socket?.send(text);
  }

  #flush() {
    if (!this.#waiting || !this.isOpen || this.#answered < this.#sequence) return;
    const { write, since } = this.#waiting;
    this.#waiting = null;
    this.#asked.set(++this.#sequence, since);
    this.#socket?.send(write(this.#sequence));
  }

  #connect() {
    const socket = new WebSocket(socketAddress(this.#address));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#sequence = 0;
    this.#answered = 0;
    this.#asked.clear();
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#attempts = 0;
      this.events.problem("");
      this.events.opened();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data === "string") {
        const told = JSON.parse(data);
        this.#answer(Number(told.sequence) || this.#sequence);
        this.events.problem(String(told.error ?? ""));
      } else {
        const picture = readPicture(data);
        const since = this.#answer(picture.sequence);
        this.events.picture(picture, since);
      }
      this.#flush();
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (code === 1008) this.events.gone(code);
      else this.#again(code);
    };
  }

  /**
   * Everything up to this number is done with.
   * @param {number} sequence
   * @returns {number | null} When it was asked for; null for a picture that nobody asked for now.
   */
  #answer(sequence) {
    const since = this.#asked.get(sequence) ?? null;
    for (const number of this.#asked.keys()) if (number <= sequence) this.#asked.delete(number);
    this.#answered = Math.max(this.#answered, sequence);
    return since;
  }

  /** @param {number} code */
  #again(code) {
    const seconds = Math.min(8, 2 ** this.#attempts++ / 2);
    // A connection that was never made has no reason (1006): whether the source is still there, the owner finds out.
    if (this.#attempts > 1) this.events.problem(code === 1013
      ? `The service has too many sessions; next try in ${seconds} s.` : `No connection to the service; next try in ${seconds} s.`);
    if (this.#attempts === 2) this.events.gone(code);
    this.#timer = setTimeout(() => this.#connect(), seconds * 1000);
  }
}
