// Set the formulas, give each slide the largest type that fits, then start.
(async () => {
  await MathJax.startup.promise;
  await document.fonts.ready;
  await MathJax.typesetPromise();
  // The speaker's window gets the notes without this page's styles: no second, hidden copy of a formula
  // may be in them, and no folded answer.
  document.querySelectorAll(".notes mjx-assistive-mml").forEach((copy) => copy.remove());
  // A step of a formula is one step, whatever a screen reader is given beside it.
  document.querySelectorAll("mjx-assistive-mml .fragment").forEach((copy) => copy.classList.remove("fragment"));
  document.querySelectorAll(".notes details").forEach((fold) => { fold.open = true; });
  const deck = document.querySelector(".reveal");
  deck.classList.add("measuring");
  const narrower = (element) => element.clientWidth / element.scrollWidth;
  for (const page of document.querySelectorAll(".page")) {
    const full = () => [...page.children].some((part) => part.offsetTop + part.offsetHeight > 696);
    let size = page.querySelector(".figure") ? 28 : 36;
    const show = () => page.style.setProperty("--size", `${size}px`);
    for (show(); size > 24 && full(); show()) size--;
    for (const formula of page.querySelectorAll(".formula")) {
      formula.style.fontSize = `${1.06 * Math.min(1, narrower(formula))}em`;
    }
    for (const code of page.querySelectorAll("pre")) {
      code.style.whiteSpace = "pre";
      const wanted = parseFloat(getComputedStyle(code).fontSize) * narrower(code);
      if (narrower(code) < 1) code.style.fontSize = `${Math.max(24, wanted)}px`;
      code.style.whiteSpace = "pre-wrap";
      // A function of more lines than a slide holds at 24 px is set a little smaller.
      for (let size = 23; size >= 19 && full(); size--) code.style.fontSize = `${size}px`;
    }
  }
  deck.classList.remove("measuring");
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, hash: true, slideNumber: "c/t",
    navigationMode: "linear", transition: "none", backgroundTransition: "none",
    pdfSeparateFragments: false, plugins: [RevealNotes, RevealZoom],
  });
})();
