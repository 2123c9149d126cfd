// The few things that are done with elements everywhere.

/**
 * The one element that a selector names. That it is there, and is what it should be, is checked once, here.
 * @template {Element} T
 * @param {string} selector
 * @param {{ new (): T }} type
 * @param {ParentNode} [within]
 * @returns {T}
 */
export function one(selector, type, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`There is no ${type.name} ${selector} in the page.`);
  return found;
}

/**
 * Makes an element. Properties that begin with aria-, data-, role, class and for are attributes; the others are properties.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$|class$|for$)/.test(key)) element.setAttribute(key, String(value));
    else Object.assign(element, { [key]: value });
  }
  element.append(...children);
  return element;
}

/**
 * A picture of the page's own set.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

/**
 * @template {keyof HTMLElementEventMap} K
 * @param {EventTarget} target
 * @param {K} type
 * @param {(event: HTMLElementEventMap[K]) => void} listener
 * @param {AddEventListenerOptions} [options]
 */
export function on(target, type, listener, options) {
  target.addEventListener(type, /** @type {EventListener} */ (listener), options);
}

/**
 * The 2D context of a canvas.
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function context(canvas) {
  const made = canvas.getContext("2d");
  if (!made) throw new Error("This browser draws no canvas.");
  return made;
}

/**
 * Says a sentence in the place that is kept for it.
 * @param {HTMLElement} place
 * @param {string} sentence
 * @param {"" | "bad" | "good"} [tone]
 */
export function say(place, sentence, tone = "") {
  place.textContent = sentence || "\u00a0";
  if (tone) place.dataset.tone = tone;
  else delete place.dataset.tone;
}

/**
 * Tells those who listen.
 * @param {string} sentence
 */
export function announce(sentence) {
  one("#announcer", HTMLDivElement).textContent = sentence;
}

/**
 * Gives a file to whoever sits there.
 * @param {Blob | string} what Bytes, or an address of this service.
 * @param {string} name
 */
export function download(what, name) {
  const url = typeof what === "string" ? what : URL.createObjectURL(what);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (typeof what !== "string") setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Keys that are pressed where text is chosen or typed belong there.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)
    && !(target instanceof HTMLInputElement && /^(range|checkbox)$/.test(target.type)));
}

/**
 * Bytes for people: 1.4 MB.
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes, unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/**
 * Seconds for people: 0:07.4 with tenths, 1:23 without.
 * @param {number} seconds
 * @param {boolean} [tenths]
 */
export function clock(seconds, tenths = false) {
  const whole = tenths ? Math.floor(seconds * 10) / 10 : Math.round(seconds);
  const minutes = Math.floor(whole / 60), rest = whole - minutes * 60;
  return `${minutes}:${tenths ? rest.toFixed(1).padStart(4, "0") : String(rest).padStart(2, "0")}`;
}
