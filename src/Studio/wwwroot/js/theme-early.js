// Before the first paint: the theme that was chosen here, else the one of the system. A classic script, since modules wait for the document.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("lia-theme"); } catch { /* Storage is off: the system decides. */ }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
