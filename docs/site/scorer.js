// Which hit of the search comes first: what explains a word before the entries of the reference, and of pages
// with the same score the lecture. Sphinx's own numbers put every name of the package above the text.
var Scorer = {
  objNameMatch: 4,
  objPartialMatch: 2,
  objPrio: {0: 2, 1: 0, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score: ([page, , , , score]) => score + 2 * /^notebooks\/\d\d_/.test(page),
};
