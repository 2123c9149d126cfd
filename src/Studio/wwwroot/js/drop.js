import { on, say } from "./dom.js";

/**
 * A place to drop a file, or to click for choosing one.
 * @param {object} its
 * @param {HTMLElement} its.zone What lights up.
 * @param {HTMLElement} its.area Where a file may be dropped; wider than the zone, so that it need not be aimed at.
 * @param {HTMLInputElement} [its.input] What chooses a file otherwise.
 * @param {HTMLElement[]} [its.choosers] What opens that choice.
 * @param {HTMLElement} its.says
 * @param {(file: File) => void} its.take
 */
export function dropZone({ zone, area, input, choosers = [], says, take }) {
  let depth = 0;
  const over = () => zone.toggleAttribute("data-over", depth > 0);
  on(area, "dragenter", event => { event.preventDefault(); depth++; over(); });
  on(area, "dragleave", () => { depth = Math.max(0, depth - 1); over(); });
  on(area, "dragover", event => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  on(area, "drop", event => {
    event.preventDefault();
    depth = 0;
    over();
    const files = event.dataTransfer?.files;
    if (files?.length === 1) take(files[0]);
    else say(says, files?.length ? "One file at a time, please: these were " + files.length + "." : "What was dropped is not a file.", "bad");
  });
  if (!input) return;
  for (const chooser of choosers) on(chooser, "click", () => input.click());
  on(input, "change", () => {
    const file = input.files?.[0];
    // The same file may be chosen twice: after a mistake it has been mended, perhaps.
    input.value = "";
    if (file) take(file);
  });
}

/** A file dropped beside the zones would replace the page. */
export function refuseStrays() {
  on(document, "dragover", event => event.preventDefault());
  on(document, "drop", event => event.preventDefault());
}
