import { on, one } from "./dom.js";

/** Dark and light: the system's, until the button is pressed; then what was chosen, here. */
export function theme() {
  const root = document.documentElement;
  const button = one("#theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: dark)");
  const say = () => {
    const other = root.dataset.theme === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Change to the ${other} theme`);
    button.title = `Change to the ${other} theme`;
  };
  on(button, "click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("lia-theme", root.dataset.theme); } catch { /* It lasts as long as the page. */ }
    say();
  });
  system.addEventListener("change", () => {
    let chosen = null;
    try { chosen = localStorage.getItem("lia-theme"); } catch { /* as above */ }
    if (!chosen) root.dataset.theme = system.matches ? "dark" : "light";
    say();
  });
  say();
}
