"""Word and document vectors of Jane Austen's novels, from tables of counts, in a few seconds.

The expected loss of negative sampling is a function of the whole table, so nothing is drawn: every step looks
at all pairs at once, three matrix products. It starts at the singular vectors of PPMI, where counting ends,
and stops after 100 steps; longer runs lower the loss and answer fewer analogies (they fit the rare pairs).

    novels         vocabulary and texts              table_vectors   vectors from a table: words, or documents
    pieces         about 300 words each, no names    scores          groups and analogies

Notebook 05_word_vectors.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from coursekit.data import austen
from coursekit.embeddings import (
    DocumentVectors,
    Vocabulary,
    analogy_pairs,
    analogy_ranks,
    balanced,
    grouped_words,
    join,
    noise_distribution,
    ppmi,
    preceding,
    sgns_table,
    svd_vectors,
    table_gradient,
    tokenize,
    unit_rows,
)
from coursekit.manifold import same_label_share
from coursekit.training import Settings, fit

N_DIMS = 64
WINDOW = 5
SETTINGS: Settings = {"k": 5, "power": 0.75, "n_steps": 100, "learning_rate": 0.05}
DOCUMENTS = SETTINGS | {"power": 1.0}
PIECE = 300  # words


def novels(*, min_count: int = 20, leave_out: int | None = None) -> tuple[Vocabulary, NDArray]:
    """The vocabulary of the six novels, 2620 words, and their words as numbers, paragraph by paragraph.

    Args:
        min_count: rarer words are left out.
        leave_out: seed of a random tenth of the paragraphs to do without; None for all of them.
    """
    texts = austen().texts
    vocabulary = Vocabulary(texts, min_count=min_count)
    if leave_out is not None:
        kept = np.random.default_rng(leave_out).random(len(texts)) >= 0.1
        texts = [text for text, keep in zip(texts, kept, strict=True) if keep]
    return vocabulary, join(vocabulary.encode(texts))


def table_vectors(
    counts: ArrayLike, n_dims: int = N_DIMS, *, k: float, power: float, n_steps: int, learning_rate: float
) -> tuple[Tensor, Tensor]:
    """W (n, d) and C (m, d) by Adam on the expected loss of negative sampling; the rate falls linearly to 0.

    Args:
        counts: words x contexts, or documents x words, (n, m).
        n_dims: d.
        k: negatives for each pair.
        power: of the contexts' counts in the noise.
        n_steps: passes over the whole table.
        learning_rate: at the start.
    """
    P, N = (part.float() for part in sgns_table(counts, k, power=power))
    table = ppmi(counts, power=power)
    left = svd_vectors(table, n_dims)  # U S^(1/2); its columns have the squared lengths S
    right = table.T @ (left / (left**2).sum(axis=0))  # V S^(1/2)
    W, C = (torch.tensor(part / 2, dtype=torch.float32) for part in (left, right))
    optimizer = torch.optim.Adam([W, C], lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
    for _ in range(n_steps):
        W.grad, C.grad = table_gradient(P, N, W, C)
        optimizer.step()
        schedule.step()
    return W, C


def word_vectors(counts: ArrayLike) -> NDArray:
    """Vectors (n_words, 64) of a table of co-occurrences, by SETTINGS."""
    return balanced(*table_vectors(counts, **SETTINGS)).numpy()


def document_vectors(counts: ArrayLike) -> DocumentVectors:
    """PV-DBOW of a table documents x words (n, n_words), by DOCUMENTS."""
    counts = np.asarray(counts)
    noise = noise_distribution(counts.sum(axis=0), power=DOCUMENTS["power"])
    model = DocumentVectors(*counts.shape, N_DIMS, n_negative=DOCUMENTS["k"], noise=noise)
    D, A = table_vectors(counts, **DOCUMENTS)
    with torch.no_grad():
        model.D.copy_(D)
        model.A.copy_(A)
    return model


def ordered_vectors(
    texts: list[NDArray], n_words: int, *, n_steps: int = 500, seed: int = 0
) -> DocumentVectors:
    """PV-DM of texts (word numbers): a `DocumentVectors`, trained on places drawn from all of them."""
    documents = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    words, contexts = np.concatenate(texts), np.concatenate([preceding(text, 3) for text in texts])
    noise = noise_distribution(np.bincount(words, minlength=n_words))
    torch.manual_seed(seed)
    model = DocumentVectors(len(texts), n_words, N_DIMS, mode="dm", noise=noise)
    x = documents, words, contexts
    settings: Settings = {"batch_size": 1024, "learning_rate": 0.02, "schedule": "cosine"}
    fit(model, x, n_steps=n_steps, seed=seed, device="cpu", **settings)
    return model


def scores(vectors: ArrayLike, vocabulary: Vocabulary) -> dict[str, float]:
    """Share of grouped words whose nearest one is of the same group; share of analogies right, by kind.

    "mean" is of the three kinds; "..., nothing excluded" leaves none of the three words out.
    """
    words, groups = grouped_words(vocabulary)
    result = {"groups": same_label_share(unit_rows(vectors)[words], groups)}
    kinds = analogy_pairs(vocabulary)
    for exclude, ending in ((True, ""), (False, ", nothing excluded")):
        right = {k: float(np.mean(analogy_ranks(vectors, p, exclude=exclude) == 1)) for k, p in kinds.items()}
        result |= {f"{kind}{ending}": share for kind, share in right.items()}
        result[f"mean{ending}"] = float(np.mean(list(right.values())))
    return result


def names(texts: Sequence[str]) -> set[str]:
    """Words that are written with a capital nine times out of ten where no sentence begins, except I."""
    capital, all_ = Counter(), Counter()
    for text in texts:
        for word in re.findall(r"(?<=[a-z,;] )[A-Za-z]+", text):
            all_[word.lower()] += 1
            capital[word.lower()] += word[0].isupper()
    return {word for word, n in all_.items() if capital[word] > 0.9 * n} - {"i"}


def pieces(*, with_names: bool = False) -> tuple[Vocabulary, list[NDArray], NDArray, NDArray]:
    """The novels cut into pieces of at least 300 words: vocabulary, words of each, its novel, its chapter.

    Whole paragraphs of one chapter; proper names are left out, with their genitives, because they would
    tell the novel, unless `with_names`. What is left of a chapter at its end joins the piece before.
    """
    corpus = austen()
    strangers = set() if with_names else names(corpus.texts)
    texts, labels, chapters, open_ = [], [], [], []
    whole = corpus.by_chapter()
    for number, (label, chapter) in enumerate(zip(whole.labels, whole.texts, strict=True)):
        first = len(texts)
        for paragraph in chapter.split("\n"):
            words = tokenize(paragraph)
            open_ += [word for word in words if word.removesuffix("'s") not in strangers]
            if len(open_) >= PIECE:
                texts.append(open_)
                labels.append(label)
                chapters.append(number)
                open_ = []
        if len(texts) > first:
            texts[-1] = texts[-1] + open_
            open_ = []
    vocabulary = Vocabulary(texts, min_count=20)
    return vocabulary, vocabulary.encode(texts), np.array(labels), np.array(chapters)
