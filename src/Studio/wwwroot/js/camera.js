import { clock, download, make, on, one, say, size } from "./dom.js";
import { PictureSocket } from "./live.js";
import { hear, state, tell } from "./state.js";
import { choice, check, slider, sliderRow } from "./settings.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./meter.js").Meter} Meter */

/** The camera drives the picture: a frame goes out, a picture comes in, one at a time. */
export class Camera {
  #video = make("video", { muted: true, playsInline: true });
  #grab = make("canvas");
  #grabInk = /** @type {CanvasRenderingContext2D} */ (this.#grab.getContext("2d", { willReadFrequently: true }));
  #start = one("#camera-start", HTMLButtonElement);
  #align = one("#camera-align", HTMLButtonElement);
  #record = one("#camera-record", HTMLButtonElement);
  #says = one("#camera-says", HTMLElement);
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaRecorder | null} */
  #recorder = null;
  #recordTimer = 0;
  #isMirrored = true;
  #device = "";

  /**
   * @param {Stage} stage
   * @param {Meter} meter
   * @param {() => void} lost The source is no longer there, perhaps.
   */
  constructor(stage, meter, lost) {
    this.stage = stage;
    this.socket = new PictureSocket({
      picture: (picture, since) => {
        stage.draw(picture.pixels);
        meter.drawn(since, picture.compute);
      },
      problem: sentence => { stage.note = sentence; },
      opened: () => {
        this.#say();
        this.#tellStrength();
      },
      gone: lost,
    });
    this.strength = slider({ label: "Strength", min: 0, max: 3, step: 0.05, value: 1, neutral: 0, write: value => value.toFixed(2), changed: value => { state.strength = value; tell("motion"); } });
    this.zoom = slider({ label: "Zoom", min: 1, max: 3, step: 0.05, value: 1, write: value => `${value.toFixed(2)} ×`, changed: () => {} });
    this.devices = choice({ label: "Camera", choices: [["", "The usual one"]], value: "", changed: value => {
      this.#device = value;
      if (this.#stream) void this.#open();
    } });
    const mirror = check({ label: "Mirror", value: true, changed: value => { this.#isMirrored = value; } });
    this.devices.row.classList.add("wide");
    one("#camera-settings", HTMLElement).append(sliderRow(this.strength), sliderRow(this.zoom), this.devices.row, mirror.row);
    on(this.#start, "click", () => this.isOn ? this.stop() : void this.#open());
    on(this.#align, "click", () => this.align());
    on(this.#record, "click", () => this.#recorder ? this.#recorder.stop() : this.#startRecording());
    hear(["motion"], () => {
      this.strength.value = state.strength;
      this.#tellStrength();
    });
    hear(["picture"], () => {
      this.#start.disabled = !state.picture;
      if (this.isOn) this.#connect();
      this.#say();
    });
    this.#start.disabled = true;
    this.#say();
  }

  get isOn() { return this.#stream !== null; }

  async start() { if (!this.isOn) await this.#open(); }

  stop() {
    this.#recorder?.stop();
    this.socket.close();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#buttons();
    this.#say();
  }

  /** The pose of the next frame becomes where the motion starts. */
  align() {
    if (!this.isOn) return;
    this.socket.tell("align");
    this.#say("Aligned: how you look now is how the picture looks.", "good");
  }

  async #open() {
    if (!state.picture) {
      this.#say("A picture first: it is what the camera moves.", "bad");
      return;
    }
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#say("This page may not use a camera: browsers allow it on localhost and over HTTPS only.", "bad");
      return;
    }
    if (this.#stream) this.stop();
    this.#start.disabled = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: {
        width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, ...(this.#device ? { deviceId: { exact: this.#device } } : { facingMode: "user" }),
      } });
      this.#stream = stream;
      this.#video.srcObject = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => { if (this.#stream === stream) { this.stop(); this.#say("The camera has gone.", "bad"); } });
      await this.#video.play();
      await this.#listDevices();
      this.#connect();
      this.#buttons();
      this.#watch(stream);
    } catch (fault) {
      this.stop();
      this.#say(reason(fault), "bad");
    } finally {
      this.#start.disabled = !state.picture;
    }
  }

  /** @param {MediaStream} stream */
  #watch(stream) {
    /** @param {number} now */
    const frame = now => {
      if (this.#stream !== stream) return;
      this.#draw();
      this.socket.ask(sequence => this.#message(sequence), now);
      next();
    };
    const video = /** @type {HTMLVideoElement & { requestVideoFrameCallback?: (callback: (now: number) => void) => number }} */ (this.#video);
    const next = () => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(frame);
      else requestAnimationFrame(frame);
    };
    next();
  }

  /** The square of the camera's picture that is looked at. */
  #draw() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (width === 0) return;
    const side = Math.min(width, height) / this.zoom.value;
    this.stage.drawBefore(this.#video, { left: (width - side) / 2, top: (height - side) / 2, side }, "Camera", this.#isMirrored);
  }

  /**
   * A frame as the service takes it: 16 bytes, then RGBA in the model's size.
   * @param {number} sequence
   * @returns {ArrayBuffer}
   */
  #message(sequence) {
    const side = state.model?.size ?? 256, ink = this.#grabInk;
    if (this.#grab.width !== side) this.#grab.width = this.#grab.height = side;
    const { videoWidth: width, videoHeight: height } = this.#video;
    const square = Math.min(width, height) / this.zoom.value;
    ink.imageSmoothingQuality = "high";
    ink.setTransform(this.#isMirrored ? -1 : 1, 0, 0, 1, this.#isMirrored ? side : 0, 0);
    ink.drawImage(this.#video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, side, side);
    const pixels = ink.getImageData(0, 0, side, side).data;
    const message = new ArrayBuffer(16 + pixels.length);
    const view = new DataView(message);
    view.setUint32(0, sequence, true);
    view.setUint16(4, side, true);
    view.setUint16(6, side, true);
    view.setFloat64(8, performance.now(), true);
    new Uint8Array(message, 16).set(pixels);
    return message;
  }

  #tellStrength() { this.socket.tell(JSON.stringify({ strength: this.strength.value })); }

  async #listDevices() {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(device => device.kind === "videoinput");
    const { select } = this.devices;
    select.replaceChildren(make("option", { value: "", textContent: "The usual one" }),
      ...cameras.map((camera, i) => make("option", { value: camera.deviceId, textContent: camera.label || `Camera ${i + 1}` })));
    select.value = this.#device;
  }

  #startRecording() {
    const type = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"].find(kind => MediaRecorder.isTypeSupported(kind));
    if (!type) {
      this.#say("This browser cannot record a canvas.", "bad");
      return;
    }
    const recorder = new MediaRecorder(this.stage.canvas.captureStream(30), { mimeType: type, videoBitsPerSecond: 4_000_000 });
    /** @type {Blob[]} */
    const parts = [];
    let bytes = 0;
    const began = performance.now();
    recorder.ondataavailable = event => { parts.push(event.data); bytes += event.data.size; };
    recorder.onstop = () => {
      clearInterval(this.#recordTimer);
      this.#recorder = null;
      this.#buttons();
      const name = `lia-camera.${type.startsWith("video/mp4") ? "mp4" : "webm"}`;
      download(new Blob(parts, { type: type.split(";")[0] }), name);
      this.#say(`Recorded ${clock((performance.now() - began) / 1000, true)}, ${size(bytes)}: ${name}`, "good");
    };
    recorder.start(500);
    this.#recorder = recorder;
    this.#buttons();
    this.#recordTimer = window.setInterval(() => this.#say(`Recording ${clock((performance.now() - began) / 1000, true)}, ${size(bytes)}`), 100);
  }

  #buttons() {
    this.#start.textContent = this.isOn ? "Stop the camera" : "Start the camera";
    this.#start.classList.toggle("primary", !this.isOn);
    this.#align.disabled = this.#record.disabled = !this.isOn;
    this.#record.textContent = this.#recorder ? "Stop and save" : "Record";
    this.#record.classList.toggle("live", this.#recorder !== null);
  }

  #connect() {
    if (state.picture) this.socket.open(`/api/sources/${state.picture.source.id}/camera?strength=${state.strength}`);
  }

  /**
   * @param {string} [sentence]
   * @param {"" | "bad" | "good"} [tone]
   */
  #say(sentence, tone = "") {
    say(this.#says, sentence ?? (!state.picture ? "A picture first: it is what the camera moves."
      : this.isOn ? "Look at the camera as the picture looks, and press R." : "Frames go to this studio, and nowhere else."), tone);
  }
}

/**
 * Why there is no camera, in a sentence.
 * @param {unknown} fault
 */
function reason(fault) {
  const name = fault instanceof DOMException ? fault.name : "";
  switch (name) {
    case "NotAllowedError": return "The browser was told not to give this page the camera. It asks again when its setting for this page is changed.";
    case "NotFoundError": return "There is no camera.";
    case "NotReadableError": return "The camera is used by another program.";
    case "OverconstrainedError": return "That camera is no longer there.";
    default: return `The camera does not start: ${fault instanceof Error ? fault.message : String(fault)}`;
  }
}
