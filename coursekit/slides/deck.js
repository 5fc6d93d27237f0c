// Set the formulas, give each slide the largest type that fits, then start.
(async () => {
  await MathJax.startup.promise;
  await document.fonts.ready;
  await MathJax.typesetPromise();
  // The speaker's window gets the notes without this page's styles: no second, hidden copy of a formula
  // may be in them, and no folded answer.
  document.querySelectorAll(".notes mjx-assistive-mml").forEach((copy) => copy.remove());
  document.querySelectorAll(".notes details").forEach((fold) => { fold.open = true; });
  const deck = document.querySelector(".reveal");
  deck.classList.add("measuring");
  for (const page of document.querySelectorAll(".page")) {
    let size = page.querySelector(".figure") ? 28 : 36;
    page.style.setProperty("--size", `${size}px`);
    while (size > 24 && page.scrollHeight > page.clientHeight) {
      page.style.setProperty("--size", `${--size}px`);
    }
    for (const formula of page.querySelectorAll(".formula")) {
      if (formula.scrollWidth > formula.clientWidth) {
        formula.style.fontSize = `${1.06 * formula.clientWidth / formula.scrollWidth}em`;
      }
    }
  }
  deck.classList.remove("measuring");
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, hash: true, slideNumber: "c/t",
    navigationMode: "linear", transition: "none", backgroundTransition: "none",
    pdfSeparateFragments: false, plugins: [RevealNotes, RevealZoom],
  });
})();
