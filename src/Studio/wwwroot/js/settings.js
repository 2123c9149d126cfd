import { make, on } from "./dom.js";

let made = 0;

/**
 * Shows how far a slider is from where it does nothing.
 * @param {HTMLInputElement} input
 * @param {number} neutral
 */
function fill(input, neutral) {
  const low = Number(input.min), span = Number(input.max) - low;
  const at = (Number(input.value) - low) / span * 100, zero = (neutral - low) / span * 100;
  input.style.setProperty("--from", `${Math.min(at, zero)}%`);
  input.style.setProperty("--to", `${Math.max(at, zero)}%`);
}

/**
 * A slider with its name and its figure. A double click or the key 0 or Delete sets it back.
 * @param {object} its
 * @param {string} its.label
 * @param {number} its.min
 * @param {number} its.max
 * @param {number} its.step
 * @param {number} its.value Where it is at first, and goes back to.
 * @param {number} [its.neutral] Where it does nothing, if that is another value.
 * @param {(value: number) => string} its.write
 * @param {(value: number, since: number) => void} its.changed since: when, on the clock of performance.now().
 */
export function slider(its) {
  const id = `setting-${++made}`;
  const neutral = its.neutral ?? its.value;
  const input = make("input", { id, type: "range", class: "slider", min: its.min, max: its.max, step: its.step, value: String(its.value) });
  const label = make("label", { for: id }, its.label);
  const output = make("output", { for: id }, its.write(its.value));
  const show = () => {
    const text = its.write(Number(input.value));
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
    fill(input, neutral);
  };
  /** @param {number} since */
  const change = since => { show(); its.changed(Number(input.value), since); };
  on(input, "input", event => change(event.timeStamp));
  /** @param {Event} event */
  const back = event => {
    input.value = String(its.value);
    change(event.timeStamp);
    event.preventDefault();
  };
  on(input, "dblclick", back);
  on(input, "keydown", event => { if (event.key === "0" || event.key === "Delete" || event.key === "Backspace") back(event); });
  show();
  return {
    input, label, output,
    get value() { return Number(input.value); },
    /** @param {number} value Set without telling anybody. */
    set value(value) { input.value = String(value); show(); },
  };
}

/** @typedef {ReturnType<typeof slider>} Slider */

/**
 * A slider as a setting: name and figure above it.
 * @param {Slider} made
 * @param {string} [extra] More classes.
 */
export function sliderRow(made, extra = "") {
  return make("div", { class: `setting ${extra}` }, made.label, made.output, made.input);
}

/**
 * A choice of one among several.
 * @param {object} its
 * @param {string} its.label
 * @param {[value: string, text: string][]} its.choices
 * @param {string} its.value
 * @param {(value: string) => void} its.changed
 */
export function choice(its) {
  const id = `setting-${++made}`;
  const select = make("select", { id }, ...its.choices.map(([value, text]) => make("option", { value, textContent: text })));
  select.value = its.value;
  on(select, "change", () => its.changed(select.value));
  const row = make("div", { class: "setting" }, make("label", { for: id }, its.label), make("output"), select);
  return { row, select };
}

/**
 * Yes or no.
 * @param {object} its
 * @param {string} its.label
 * @param {boolean} its.value
 * @param {(value: boolean) => void} its.changed
 */
export function check(its) {
  const id = `setting-${++made}`;
  const input = make("input", { id, type: "checkbox", checked: its.value });
  on(input, "change", () => its.changed(input.checked));
  return { row: make("div", { class: "check" }, input, make("label", { for: id }, its.label)), input };
}
