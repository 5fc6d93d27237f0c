"""Explorer of lecture 05: how many dimensions a word needs, and who its neighbours are."""

from functools import partial

import ipywidgets

from coursekit import widgets
from coursekit.embeddings import grouped_words, nearest, pictures, unit_rows


def neighbours_frame(found, d, word):
    """Groups against dimensions, and the neighbours of one word; `found` as made by `neighbours_by_rank`."""
    neighbours, cosines = found["nearest"][word][d]
    return pictures.rank_and_neighbours(found["dims"], found["shares"], d, word, neighbours, cosines)


def neighbours_alt(d, word):
    return (
        f"How often the nearest word is of the same group, against dimensions, with {d} marked; "
        f"beside it bars of the words nearest to {word} in {d} dimensions."
    )


def neighbours_by_rank(vectors, vocabulary, words, dims, same_share, *, n=8) -> dict:
    """What `neighbours_frame` needs, worked out once.

    Args:
        vectors: (n_words, d) whose first columns are the vectors in fewer dimensions, as of an SVD.
        vocabulary: of the rows.
        words: that can be chosen.
        dims: numbers of dimensions, in the order of the slider.
        same_share: function of vectors (n, d) and labels (n,) -> share, such as `manifold.same_label_share`.
        n: neighbours shown.
    """
    chosen, groups = grouped_words(vocabulary)
    found = {"dims": list(dims), "shares": [], "nearest": {word: {} for word in words}}
    for d in dims:
        units = unit_rows(vectors[:, :d])
        found["shares"].append(same_share(units[chosen], groups))
        for word in words:
            number = int(vocabulary.ids([word])[0])
            best = nearest(units, number, n)
            names = [vocabulary.words[i] for i in best]
            found["nearest"][word][d] = names, units[best] @ units[number]
    return found


def neighbours_explorer(found):
    """Choose a word and the number of dimensions; `found` as made by `neighbours_by_rank`."""
    words, dims = list(found["nearest"]), found["dims"]
    d = ipywidgets.SelectionSlider(options=dims, value=dims[len(dims) // 2], description="dimensions")
    word = ipywidgets.Dropdown(options=words, value=words[0], description="word")
    return widgets.explore(partial(neighbours_frame, found), alt=neighbours_alt, d=d, word=word)
