"""Languages whose truth is known: every probability that a model is asked for can be computed exactly."""

from dataclasses import dataclass

import numpy as np

from coursekit.inputs import numpy_rng, positive_int, real_number

HIDDEN = -1  # stands for a word that is not shown


@dataclass(frozen=True, eq=False)
class TopicWorld:
    """Documents with a topic that lasts and a grammar that moves: a hidden Markov model.

    A document draws a topic k once. Its words belong to classes c_0, c_1, ..., a stationary Markov chain,
    much as nouns and verbs follow each other; word i is drawn from words[k, c_i]. So the topic, at which
    every word hints, helps with each word to come, however far away; the class of the last word helps with
    the next.

    Whatever is exact here is one pass of forward-backward over the states (k, c). A pair of sentences is
    one document or two: at the `cut` the state is drawn afresh with probability 1/2.

    Args:
        topics: probabilities (n_topics,).
        transition: of the classes, (n_classes, n_classes), rows add up to 1.
        words: probabilities (n_topics, n_classes, n_words).

    >>> world = topic_world(n_words=20, n_topics=2, n_classes=3)
    >>> tokens, topics = world.sample(4, 10, rng=0)
    >>> world.log_prob(tokens).shape
    (4, 10)
    """

    topics: np.ndarray
    transition: np.ndarray
    words: np.ndarray

    def __post_init__(self):
        values, vectors = np.linalg.eig(self.transition.T)
        stationary = np.real(vectors[:, np.argmin(np.abs(values - 1))])
        object.__setattr__(self, "classes", stationary / stationary.sum())
        for array in (self.topics, self.transition, self.words, self.classes):
            array.setflags(write=False)

    @property
    def n_words(self) -> int:
        """Size of the vocabulary."""
        return self.words.shape[-1]

    # Samples

    def sample(
        self, n: int, length: int, *, rng: int | np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """n documents: words (n, length) and the topic of each (n,), int64."""
        positive_int(n, "n", low=0)
        positive_int(length, "length", low=0)
        rng = numpy_rng(rng)
        topics = _draw(np.broadcast_to(self.topics, (n, len(self.topics))), rng)
        return self._write(topics, length, rng), topics

    def sample_pairs(
        self, n: int, length: int, *, rng: int | np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """n pairs of sentences: words (n, 2 length), whether one document goes on, and the first's topic.

        With probability 1/2 the second sentence continues the first; else it comes from another document.
        """
        positive_int(length, "length", low=0)
        rng = numpy_rng(rng)
        tokens, topics = self.sample(n, 2 * length, rng=rng)
        goes_on = rng.uniform(size=n) < 0.5
        others, _ = self.sample(n, length, rng=rng)
        tokens[~goes_on, length:] = others[~goes_on]
        return tokens, goes_on.astype(np.int64), topics

    def _write(self, topics, length, rng):
        classes = _draw(np.broadcast_to(self.classes, (len(topics), len(self.classes))), rng)
        tokens = np.empty((len(topics), length), dtype=np.int64)
        for i in range(length):
            tokens[:, i] = _draw(self.words[topics, classes], rng)
            classes = _draw(self.transition[classes], rng)
        return tokens

    # Exact probabilities

    def log_prob(self, tokens: np.ndarray) -> np.ndarray:
        """log p(word i | the words before it) in nats, (n, t); the floor of every loss on these documents."""
        return np.log(self._forward(tokens)[1])

    def next_word(self, prefix: np.ndarray) -> np.ndarray:
        """p(next word | prefix (n, t)), (n, n_words); t may be 0."""
        after = self._forward(prefix)[0][-1]  # of the state, before the next word is seen
        return np.einsum("nkc,kcv->nv", after, self.words)

    def topic_posterior(self, tokens: np.ndarray) -> np.ndarray:
        """p(topic | words), (n, n_topics); words (n, t), HIDDEN where not shown."""
        return self._forward(tokens)[0][-1].sum(2)

    def hidden_words(self, tokens: np.ndarray, *, cut: int | None = None) -> np.ndarray:
        """p(word i | the words shown, other than word i), (n, t, n_words).

        tokens: words (n, t), HIDDEN where not shown.
        cut: place of the first word of the second sentence, in a pair; None for one document.
        """
        tokens = self._checked(tokens)
        if cut is not None:
            positive_int(cut, "cut", low=0, high=tokens.shape[1])
        before = self._forward(tokens, cut)[0]
        seen, after = self._seen(tokens), np.ones((len(tokens), *self.words.shape[:2]))
        result = np.empty((*tokens.shape, self.n_words))
        for i in reversed(range(tokens.shape[1])):
            state = before[i] * after
            state /= state.sum((1, 2), keepdims=True)
            result[:, i] = np.einsum("nkc,kcv->nv", state, self.words)
            after = after * seen[:, i]
            after = after / after.sum((1, 2), keepdims=True)
            after = self._backwards(after, i == cut)
        return result

    def continues(self, tokens: np.ndarray, *, cut: int) -> np.ndarray:
        """p(the second sentence continues the first | words shown) of pairs (n, t), (n,)."""
        tokens = self._checked(tokens)
        positive_int(cut, "cut", low=0, high=tokens.shape[1])
        together = np.log(self._forward(tokens)[1]).sum(1)
        apart = sum(np.log(self._forward(part)[1]).sum(1) for part in np.split(tokens, [cut], axis=1))
        return 1 / (1 + np.exp(apart - together))

    # Forward-backward over the states (topic, class)

    def _forward(self, tokens, cut=None):
        """p(state i | words before i) for i = 0, ..., t, and p(word i | words before it) (n, t)."""
        tokens = self._checked(tokens)
        fresh = self.topics[:, None] * self.classes
        state = np.broadcast_to(fresh, (len(tokens), *fresh.shape))
        states, likelihoods, seen = [], np.ones(tokens.shape), self._seen(tokens)
        for i in range(tokens.shape[1]):
            if i == cut:
                state = (state + fresh) / 2
            states.append(state)
            joint = state * seen[:, i]
            likelihoods[:, i] = joint.sum((1, 2))
            state = joint / likelihoods[:, i, None, None] @ self.transition
        return [*states, state], likelihoods

    def _backwards(self, after, at_cut):
        """From p(words from i on | state i) to that given state i - 1, up to a factor per document."""
        if at_cut:
            fresh = self.topics[:, None] * self.classes
            after = (after + (fresh * after).sum((1, 2), keepdims=True)) / 2
        return after @ self.transition.T

    def _seen(self, tokens):
        """p(word | state), (n, t, n_topics, n_classes); 1 where the word is not shown."""
        table = np.concatenate([np.moveaxis(self.words, 2, 0), np.ones((1, *self.words.shape[:2]))])
        return table[tokens]  # HIDDEN = -1 takes the last row

    def _checked(self, tokens):
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
            raise ValueError(f"words must be whole numbers (n, t), got {tokens.dtype} {tokens.shape}")
        if tokens.size and (tokens.min() < HIDDEN or tokens.max() >= self.n_words):
            raise ValueError(f"words must lie in 0..{self.n_words - 1}, or be {HIDDEN} where not shown")
        return tokens


def topic_world(
    *,
    n_words: int = 120,
    n_topics: int = 6,
    n_classes: int = 4,
    word_concentration: float = 0.1,
    class_concentration: float = 0.3,
    seed: int = 0,
) -> TopicWorld:
    """A random `TopicWorld`: equally likely topics, Dirichlet rows.

    Args:
        n_words: size of the vocabulary.
        n_topics: topics of a document.
        n_classes: classes of words.
        word_concentration: of the words of a topic and class; small: few words, and clear hints.
        class_concentration: of the next class; small: a strict grammar.
        seed: of the world itself; its documents take a generator of their own.
    """
    for name, count in (("n_words", n_words), ("n_topics", n_topics), ("n_classes", n_classes)):
        positive_int(count, name)
    real_number(word_concentration, "word_concentration", above=0, below=np.inf)
    real_number(class_concentration, "class_concentration", above=0, below=np.inf)
    rng = numpy_rng(seed, "seed")
    return TopicWorld(
        topics=np.full(n_topics, 1 / n_topics),
        transition=rng.dirichlet(np.full(n_classes, class_concentration), n_classes),
        words=rng.dirichlet(np.full(n_words, word_concentration), (n_topics, n_classes)),
    )


@dataclass(frozen=True)
class MarkovChains:
    """Sequences that each have a Markov chain of their own, to be found out while reading.

    A sequence draws a transition matrix, each row from a Dirichlet distribution, and its first state at
    random; then it follows the chain. Whoever reads it learns the matrix from the transitions seen so far:
    with n(i, j) of them from state i to j, the next state after i is j with probability

        (n(i, j) + a) / (n(i, 1) + ... + n(i, K) + K a),     K states, concentration a.

    Args:
        n_states: K.
        concentration: a; small: a state has few successors.

    >>> chains = markov_chains(n_states=3)
    >>> chains.next_word(np.array([[0, 1, 0]])).round(2)  # one transition from 0 so far, to 1
    array([[0.25, 0.5 , 0.25]])
    """

    n_states: int
    concentration: float

    def sample(
        self, n: int, length: int, *, rng: int | np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """n sequences: states (n, length), int64, and the matrix of each (n, n_states, n_states)."""
        positive_int(n, "n", low=0)
        rng = numpy_rng(rng)
        matrices = rng.dirichlet(np.full(self.n_states, self.concentration), (n, self.n_states))
        return self.follow(matrices, length, rng=rng), matrices

    def follow(
        self, matrices: np.ndarray, length: int, *, rng: int | np.random.Generator | None = None
    ) -> np.ndarray:
        """One sequence of each of the matrices (n, n_states, n_states): states (n, length), int64."""
        positive_int(length, "length")
        rng, n = numpy_rng(rng), len(matrices)
        tokens = np.empty((n, length), dtype=np.int64)
        tokens[:, 0] = rng.integers(self.n_states, size=n)
        for i in range(1, length):
            tokens[:, i] = _draw(matrices[np.arange(n), tokens[:, i - 1]], rng)
        return tokens

    def counts(self, tokens: np.ndarray) -> np.ndarray:
        """How often each transition was made in tokens (n, t), (n, n_states, n_states)."""
        tokens = self._checked(tokens)
        table = np.zeros((len(tokens), self.n_states, self.n_states))
        rows = np.arange(len(tokens))[:, None]
        np.add.at(table, (rows, tokens[:, :-1], tokens[:, 1:]), 1)
        return table

    def posterior(self, tokens: np.ndarray) -> np.ndarray:
        """Dirichlet parameters of each row of the matrix given tokens (n, t), (n, n_states, n_states)."""
        return self.concentration + self.counts(tokens)

    def next_word(self, prefix: np.ndarray) -> np.ndarray:
        """p(next state | prefix (n, t)), (n, n_states), the matrix integrated out; t may be 0."""
        prefix = self._checked(prefix)
        if prefix.shape[1] == 0:
            return np.full((len(prefix), self.n_states), 1 / self.n_states)
        row = self.posterior(prefix)[np.arange(len(prefix)), prefix[:, -1]]
        return row / row.sum(1, keepdims=True)

    def log_prob(self, tokens: np.ndarray, *, before: np.ndarray | None = None) -> np.ndarray:
        """log p(state i | the states before it) in nats, (n, t): no model is better on average.

        Args:
            tokens: sequences (n, t).
            before: transitions known from elsewhere, (n, n_states, n_states) or (n_states, n_states).
        """
        tokens = self._checked(tokens)
        table = np.full((len(tokens), self.n_states, self.n_states), float(self.concentration))
        table += 0 if before is None else before
        rows, result = np.arange(len(tokens)), np.full(tokens.shape, -np.log(self.n_states))
        for i in range(1, tokens.shape[1]):
            last, state = tokens[:, i - 1], tokens[:, i]
            row = table[rows, last]
            result[:, i] = np.log(row[rows, state] / row.sum(1))
            table[rows, last, state] += 1
        return result

    def entropy_rate(self, matrices: np.ndarray) -> np.ndarray:
        """Nats per state of chains whose matrices (n, n_states, n_states) are known, (n,)."""
        k = self.n_states
        # pi (P - 1) = 0 and sum pi = 1: the chain's stationary distribution solves both at once.
        ones = np.ones((len(matrices), 1, k))
        equations = np.concatenate([np.swapaxes(matrices, 1, 2) - np.eye(k), ones], axis=1)
        stationary = np.linalg.pinv(equations)[:, :, -1]
        logs = np.log(np.where(matrices > 0, matrices, 1.0))
        return -(stationary[:, :, None] * matrices * logs).sum((1, 2))

    def _checked(self, tokens):
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
            raise ValueError(f"states must be whole numbers (n, t), got {tokens.dtype} {tokens.shape}")
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self.n_states):
            raise ValueError(f"states must lie in 0..{self.n_states - 1}")
        return tokens


def markov_chains(*, n_states: int = 4, concentration: float = 1.0) -> MarkovChains:
    """Chains whose n_states rows are drawn from a Dirichlet law, at concentration 1 evenly from all rows."""
    positive_int(n_states, "n_states", low=2)
    real_number(concentration, "concentration", above=0, below=np.inf)
    return MarkovChains(n_states, concentration)


def _draw(probability, rng):
    """One number from each row of probabilities (n, m), int64 (n,)."""
    cumulative = probability.cumsum(1)
    return (rng.uniform(0, cumulative[:, -1:]) >= cumulative).sum(1)
