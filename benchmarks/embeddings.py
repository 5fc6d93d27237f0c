"""Word and document vectors of Jane Austen's novels beside gensim's: what they know of words, and of novels.

The vocabulary, 64 dimensions and a window of 5 are the same. A word counts if its nearest neighbour, among
107 words in nine groups, is of its own group; an analogy if its answer comes first, the three words of the
question left out. Every run leaves out a tenth of the paragraphs of its own, for all alike; of words a seed
makes three runs, for one word more or less in its group is .009. Seconds of ours include the table of counts.
gensim gets as many epochs as those seconds hold, with its own rate (.025) and with twice that; on all
paragraphs it also gets three times as many.
"""

import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.harness import OURS
from coursekit.embeddings import balanced, cooccurrence, join, ppmi, recipe, svd_vectors, tf_idf, word_counts

GENSIM = {
    "gensim skip-gram": {"sg": 1, "alpha": 0.025},
    "gensim skip-gram, rate .05": {"sg": 1, "alpha": 0.05},
    "gensim CBOW, rate .05": {"sg": 0, "alpha": 0.05},
}


def timed(work):
    """(what `work()` returns, CPU seconds)."""
    start = time.process_time()
    return work(), time.process_time() - start


def epochs_in(seconds, train):
    """How many epochs the seconds hold, at least one, by the time of one and of two."""
    one, two = (timed(lambda n=n: train(n))[1] for n in (1, 2))
    return max(1, round((seconds - one) / max(two - one, 1e-3)) + 1)


def word2vec(gensim, sentences, n_epochs, seed, options):
    """gensim's model on sentences, lists of words."""
    return gensim.Word2Vec(
        sentences, vector_size=recipe.N_DIMS, window=recipe.WINDOW, min_count=1,
        negative=recipe.SETTINGS["k"], epochs=n_epochs, workers=1, seed=seed, **options,
    )  # fmt: skip


def spelled_out(vocabulary, tokens):
    """The paragraphs as lists of words."""
    paragraphs = np.split(tokens, np.flatnonzero(tokens < 0))
    return [[vocabulary.words[i] for i in text if i >= 0] for text in paragraphs]


def words(bench):
    "Neighbours and analogies of 2620 words, at equal CPU seconds."
    gensim = bench.peer("gensim.models")
    shown = {"groups": "nearest word of the same group", "mean": "analogies, mean of three kinds"}
    shown |= {kind: f"analogies, {kind}" for kind in ("gender", "tense", "plural")}
    rows = {key: bench.row(name, "", better="higher") for key, name in shown.items()}
    if not bench.quick:
        bench.seeds = bench.entry["seeds"] = [3 * seed + part for seed in bench.seeds for part in range(3)]
    with bench.store("embeddings_words", recipe, "novels", "word_vectors", "scores") as table:
        for seed in [None, *bench.seeds]:
            min_count = 120 if bench.quick else 20
            vocabulary, tokens = recipe.novels(min_count=min_count, leave_out=seed)
            counts, counting = timed(lambda tokens=tokens: cooccurrence(tokens, window=recipe.WINDOW))
            part = {
                "seed": 0 if seed is None else seed,
                "paragraphs": "all" if seed is None else "a tenth less",
            }

            def note(who, vectors, seconds, steps, *, show, part=part, vocabulary=vocabulary, seed=seed):
                found = recipe.scores(vectors, vocabulary)
                table.add(**part, steps=steps, seconds=seconds, model=who, **found)
                if show and seed is not None:
                    for key, row in rows.items():
                        row.add(OURS if who == "negative sampling" else who, seed, found[key])

            vectors, seconds = timed(lambda counts=counts: recipe.word_vectors(counts))
            seconds += counting
            note("negative sampling", vectors, seconds, recipe.SETTINGS["n_steps"], show=True)
            for power in (0.25, 1.0):
                vectors, more = timed(
                    lambda counts=counts, power=power: svd_vectors(
                        ppmi(counts, power=0.75), recipe.N_DIMS, power=power
                    )
                )
                note(f"PPMI + SVD, power {power:g}", vectors, counting + more, 0, show=True)
            if seed is None:
                noise = np.random.default_rng(0).normal(size=(len(vocabulary), recipe.N_DIMS))
                note("random", noise, 0, 0, show=False)
                longer = recipe.SETTINGS | {"n_steps": 3 * recipe.SETTINGS["n_steps"]}
                (W, C), more = timed(lambda counts=counts, s=longer: recipe.table_vectors(counts, **s))
                vectors = balanced(W, C).numpy()
                note("negative sampling, longer", vectors, counting + more, longer["n_steps"], show=False)
            if gensim is None:
                continue
            sentences = spelled_out(vocabulary, tokens)
            for name, options in GENSIM.items():

                def train(n, options=options, sentences=sentences, seed=seed):
                    return word2vec(gensim, sentences, n, seed or 0, options)

                budget = bench.budget(seconds)
                n = epochs_in(budget, train)
                for times in (1, 3) if seed is None and not bench.quick else (1,):
                    model, spent = timed(lambda n=n, times=times, train=train: train(n * times))
                    vectors = np.array([model.wv[word] for word in vocabulary.words])
                    ending = ", three times as long" * (times == 3)
                    note(name + ending, vectors, spent, n * times, show=times == 1)


def cut(bench):
    """The pieces of the novels; of a quick run every twelfth, and the 300 most frequent words."""
    vocabulary, texts, labels, chapters = recipe.pieces()
    if not bench.quick:
        return vocabulary.words, texts, labels, chapters
    return vocabulary.words[:300], [t[t < 300] for t in texts[::12]], labels[::12], chapters[::12]


def accuracy(vectors, labels, chapters, seed):
    """Share of pieces whose novel a logistic regression names, in five parts that split no chapter."""
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=500))
    split = GroupKFold(5, shuffle=True, random_state=seed)
    return cross_val_score(judge, vectors, labels, groups=chapters, cv=split).mean()


def documents(bench):
    "Which novel a piece of about 370 words is from, names left out, by logistic regression."
    spelled, texts, labels, chapters = cut(bench)
    counts = word_counts(texts, len(spelled))
    gensim = bench.peer("gensim.models.doc2vec")
    row = bench.row("share of pieces with the right novel, chapters held out", "", better="higher")
    epochs = {}
    parts = ("pieces", "document_vectors", "ordered_vectors", "word_vectors")
    with bench.store("embeddings_documents", recipe, *parts) as table:

        def note(who, vectors, seconds, steps, seed):
            share = accuracy(vectors, labels, chapters, seed)
            row.add(OURS if who == "PV-DBOW" else who, seed, share)
            table.add(seed=seed, steps=steps, seconds=seconds, model=who, accuracy=share)

        def mean_vectors():
            around = cooccurrence(join(texts), window=recipe.WINDOW, n_words=len(spelled))
            return counts @ recipe.word_vectors(around) / counts.sum(axis=1, keepdims=True)

        made = {
            "bag of words": timed(lambda: np.sqrt(counts)),
            "TF-IDF + SVD": timed(lambda: svd_vectors(tf_idf(counts), recipe.N_DIMS, power=1.0)),
            "mean of word vectors": timed(mean_vectors),
            "PV-DBOW": timed(lambda: recipe.document_vectors(counts).D.detach().numpy()),
        }
        for seed in bench.seeds:
            for who, (vectors, seconds) in made.items():
                note(who, vectors, seconds, recipe.DOCUMENTS["n_steps"] if who == "PV-DBOW" else 0, seed)
            for who, steps in (("PV-DM", 500), ("PV-DM, three times as long", 1500))[: 1 + (seed == 0)]:
                steps = 5 if bench.quick else steps
                model, seconds = timed(
                    lambda n=steps, s=seed: recipe.ordered_vectors(texts, len(spelled), n_steps=n, seed=s)
                )
                note(who, model.D.detach().numpy(), seconds, steps, seed)
            if gensim is None:
                continue
            tagged = [
                gensim.TaggedDocument([spelled[i] for i in text], [number])
                for number, text in enumerate(texts)
            ]
            for name, options in {"gensim PV-DBOW": {"dm": 0}, "gensim PV-DM": {"dm": 1}}.items():

                def train(n, options=options, tagged=tagged, seed=seed):
                    return gensim.Doc2Vec(
                        tagged, vector_size=recipe.N_DIMS, window=recipe.WINDOW, min_count=1,
                        epochs=n, workers=1, seed=seed, **options,
                    )  # fmt: skip

                if name not in epochs:
                    epochs[name] = epochs_in(bench.budget(made["PV-DBOW"][1]), train)
                for times in (1, 3) if seed == 0 and not bench.quick else (1,):
                    n = epochs[name] * times
                    model, spent = timed(lambda n=n, train=train: train(n))
                    ending = ", three times as long" * (times == 3)
                    vectors = np.array([model.dv[i] for i in range(len(texts))])
                    note(name + ending, vectors, spent, n, seed)


def longer(bench):
    "The same pieces, PV-DBOW with three times as many steps."
    spelled, texts, labels, chapters = cut(bench)
    row = bench.row("share of pieces with the right novel, three times as long", "", better="higher")
    settings = recipe.DOCUMENTS | {"n_steps": 3 * recipe.DOCUMENTS["n_steps"]}
    with bench.store("embeddings_longer", recipe, "pieces", "table_vectors", "DOCUMENTS") as table:
        counts = word_counts(texts, len(spelled))
        (vectors, _), seconds = timed(lambda: recipe.table_vectors(counts, **settings))
        for seed in bench.seeds:
            share = accuracy(vectors.numpy(), labels, chapters, seed)
            row.add(OURS, seed, share)
            table.add(seed=seed, steps=settings["n_steps"], seconds=seconds, accuracy=share)


PARTS = {"words": words, "documents": documents, "longer": longer}
