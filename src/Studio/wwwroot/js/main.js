import { api } from "./api.js";
import { Camera } from "./camera.js";
import { ClipPanel } from "./clip-panel.js";
import { DirectionsPanel } from "./directions-panel.js";
import { isTyping, make, on, one } from "./dom.js";
import { dropZone, refuseStrays } from "./drop.js";
import { Follower } from "./follower.js";
import { Jobs } from "./jobs.js";
import { Meter } from "./meter.js";
import { PicturePanel } from "./picture-panel.js";
import { Stage } from "./stage.js";
import { hear, state, tell, usesClip } from "./state.js";
import { theme } from "./theme.js";

/** @typedef {import("./types.js").Mode} Mode */

const modes = /** @type {Mode[]} */ (["directions", "clip", "camera"]);

const stage = new Stage();
const meter = new Meter();
const jobs = new Jobs();
const picture = new PicturePanel();
const clip = new ClipPanel({ made: job => jobs.add(job), mode: setMode });
new DirectionsPanel(stage, {
  made: (job, save) => jobs.add(job, save),
  frame: (frame, since) => clip.timeline.setFrame(frame, since),
  start: (frame, since) => clip.setStart(frame, since),
});
const camera = new Camera(stage, meter, () => void restore());
new Follower(stage, meter, () => void restore());

/** What the service has forgotten is given to it again. */
async function restore() {
  if (await picture.restore()) await clip.restore();
}

// What is dropped on the stage goes where it belongs: what moves is the clip.
dropZone({ zone: one("#stage", HTMLElement), area: one("#stage", HTMLElement), says: one("#picture-says", HTMLElement),
  take: file => void (/^video\/|^image\/(gif|apng)/.test(file.type) ? clip : picture).take(file) });

// ---- Tabs ----------------------------------------------------------------------------------------------------------------------------

const tabs = modes.map(name => one(`#tab-${name}`, HTMLButtonElement));

/** @param {Mode} mode */
function setMode(mode) {
  const hasChanged = mode !== state.mode;
  state.mode = mode;
  for (const [i, tab] of tabs.entries()) {
    const isIt = modes[i] === mode;
    tab.setAttribute("aria-selected", String(isIt));
    tab.tabIndex = isIt ? 0 : -1;
    one(`#panel-${modes[i]}`, HTMLElement).hidden = !isIt;
  }
  if (hasChanged) meter.clear();
  if (mode !== "camera") camera.stop();
  tell("mode");
}

for (const [i, tab] of tabs.entries()) {
  on(tab, "click", () => setMode(modes[i]));
  on(tab, "keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (i + step + modes.length) % modes.length;
    setMode(modes[next]);
    tabs[next].focus();
  });
}

on(one("#motion-camera", HTMLButtonElement), "click", () => {
  setMode("camera");
  void camera.start();
});

// ---- What the result is compared with ------------------------------------------------------------------------------------------------

/** In a wipe the picture, since the result lies over it; beside the result, what moves it. */
function drawBefore() {
  if (state.mode === "camera" && camera.isOn) return;
  const image = state.mode === "clip" && stage.view !== "wipe" ? state.clip?.frames.get(state.frame) : null;
  if (image) {
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    stage.drawBefore(image, { left: (image.naturalWidth - side) / 2, top: (image.naturalHeight - side) / 2, side }, "Clip");
    return;
  }
  const { image: whole, box } = picture.cropper;
  if (state.picture && whole.complete && whole.naturalWidth > 0 && (state.mode !== "clip" || stage.view === "wipe" || !state.clip))
    stage.drawBefore(whole, { left: box.left, top: box.top, side: box.width }, "Picture");
}

hear(["picture", "clip", "frame", "mode", "view"], () => {
  drawBefore();
  one("#timeline-area", HTMLElement).hidden = !usesClip();
  one("#hint", HTMLElement).textContent = !state.picture ? "" : state.mode === "directions" ? "Drag a slider, and the picture follows. A double click sets it back."
    : state.mode === "clip" ? "Drop a clip, and its timeline is here." : "The camera's pictures go to this studio, and nowhere else.";
});
on(one("#views", HTMLElement), "click", () => tell("view"));

// ---- Keys ----------------------------------------------------------------------------------------------------------------------------

/** @type {[keys: string[], shown: string, does: string, act: (since: number) => void][]} */
const keys = [
  [["1"], "1", "Directions", () => setMode("directions")],
  [["2"], "2", "Clip", () => setMode("clip")],
  [["3"], "3", "Camera", () => setMode("camera")],
  [["v"], "V", "The next view: result, wipe, side by side", () => { stage.turn(); tell("view"); }],
  [[" ", "k"], "Space", "Play and pause the clip", () => { if (usesClip()) clip.play(); }],
  [[","], ",", "The frame before", since => { if (usesClip()) clip.step(-1, since); }],
  [["."], ".", "The next frame", since => { if (usesClip()) clip.step(1, since); }],
  [["i"], "I", "The clip is used from this frame", since => { if (usesClip()) clip.trim("first", since); }],
  [["o"], "O", "The clip is used up to this frame", since => { if (usesClip()) clip.trim("last", since); }],
  [["s"], "S", "The motion starts at this frame", since => { if (usesClip()) clip.setStart(state.frame, since); }],
  [["m"], "M", "Sound on and off", () => { if (state.clip?.driving.sound) clip.mute(); }],
  [["r"], "R", "Camera: how you look now is how the picture looks", () => camera.align()],
  [["t"], "T", "Dark and light", () => one("#theme", HTMLButtonElement).click()],
  [["?"], "?", "These keys", () => keysDialog.showModal()],
];
const keysDialog = one("#keys", HTMLDialogElement);
one("#keys-list", HTMLElement).append(...keys.flatMap(([, shown, does]) => [make("dt", {}, make("kbd", {}, shown)), make("dd", {}, does)]),
  make("dt", {}, make("kbd", {}, "0")), make("dd", {}, "On a slider: back to where it was"),
  make("dt", {}, make("kbd", {}, "Shift"), " ", make("kbd", {}, "→")), make("dd", {}, "On the crop box: larger; without Shift it moves"));

on(document, "keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  // Space presses a button that has the focus; it plays only from elsewhere.
  if (event.key === " " && event.target instanceof Element && event.target.closest("button, input, a, summary")) return;
  const found = keys.find(([names]) => names.includes(event.key.length === 1 ? event.key.toLowerCase() : event.key));
  if (!found) return;
  event.preventDefault();
  found[3](event.timeStamp);
});
on(one("#keys-open", HTMLButtonElement), "click", () => keysDialog.showModal());
on(one("#keys-close", HTMLButtonElement), "click", () => keysDialog.close());
for (const dialog of document.querySelectorAll("dialog"))
  on(dialog, "click", event => { if (event.target === dialog) dialog.close(); });

// ---- The beginning -------------------------------------------------------------------------------------------------------------------

async function begin() {
  const place = one("#model", HTMLElement);
  try {
    const model = state.model = await api.model();
    place.textContent = `${model.name} · ${model.size} × ${model.size} · ${model.device}`;
    place.title = `LIA.Native ${model.version}`;
    tell("model");
    await jobs.refresh();
  } catch (fault) {
    place.textContent = `${fault instanceof Error ? fault.message : fault} Trying again in 2 s.`;
    setTimeout(() => void begin(), 2000);
  }
}

theme();
refuseStrays();
void begin();
