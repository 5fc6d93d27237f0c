// A browser lets no script read other files of a folder: opened from a disk, the search lists titles alone.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The lines below a hit come from the page as it is stored, with its formulas in TeX: short ones become
// letters, the others three dots.
const MATH = /<(span|div) class="math[^>]*>\s*\\[([]([^]*?)\\[)\]]\s*<\/\1>/g;
const readable = (all, tag, tex) => {
  const text = tex
    .replace(/\\(?:math\w+|operatorname|text\w*|left|right|big[lr]?|[,;! ])|[{}]/gi, "").replace(/\\(?=[a-z|])/gi, "");
  return tag === "div" || /frac|sum|int\b|prod|sqrt|begin/.test(tex) || text.length > 24 ? "…" : text;
};
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => toText(html.replace(MATH, readable), anchor);
});

// A button to copy each cell of code, and one to hide all code of a notebook; the reader's choice is kept.
document.addEventListener("DOMContentLoaded", () => {
  const inputs = document.querySelectorAll("div.cell_input");
  for (const input of inputs) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "course-copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const code = input.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(code);
        button.textContent = "Copied";
      } catch {  // a page from a disk may not write to the clipboard: select it, so that Ctrl-C does
        getSelection().selectAllChildren(input.querySelector("pre"));
        button.textContent = "Press Ctrl-C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    input.append(button);
  }
  const links = document.querySelector(".course-links");
  if (!links || !inputs.length) return;
  const toggle = document.createElement("button");
  toggle.type = "button";
  const hide = (hidden) => {
    document.documentElement.classList.toggle("course-no-code", hidden);
    toggle.textContent = hidden ? "Show the code" : "Hide the code";
    toggle.setAttribute("aria-pressed", hidden);
  };
  toggle.addEventListener("click", () => {
    const hidden = !document.documentElement.classList.contains("course-no-code");
    hide(hidden);
    try { localStorage.setItem("course-no-code", hidden ? "yes" : ""); } catch { /* not kept, then */ }
  });
  let kept = "";
  try { kept = localStorage.getItem("course-no-code"); } catch { /* a browser that keeps nothing */ }
  hide(kept === "yes");
  links.append(" · ", toggle);
});

// The theme gives the arrows that unfold the sidebar no name for a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const page = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `Pages below ${page}`);
  }
});

// On a phone a wide figure scrolls by itself: say so, and let the keyboard do it too.
const sayWide = () => {
  for (const box of document.querySelectorAll("div.cell_output > .output.text_html")) {
    const wide = box.scrollWidth > box.clientWidth + 8;
    box.classList.toggle("course-wide", wide);
    if (wide) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", sayWide);
addEventListener("resize", sayWide);
