"""How the lecture's models are trained, and the exact numbers and n-grams they are held against.

    small_world, toy_gpt     documents of 24 words, of 80; the floor of the loss is known
    large_world, toy_bert    pairs of 8 words, of 200; the posterior of blanks and of the pair is known
    classifier               few labels on top of BERT, or none of BERT
    two_tasks                copy or reverse, as a token says
    Austen, austen_gpt       six novels in byte pairs

GPT and BERT train with Muon, a classifier and the usual recipe with AdamW. Small vocabularies and short
contexts let them train in seconds. Notebook 07_transformers.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coursekit.data import TopicWorld, austen, topic_world
from coursekit.training import History, Settings, fit
from coursekit.transformer.bert import BERT, TextClassifier
from coursekit.transformer.byte_pairs import BytePairs
from coursekit.transformer.gpt import GPT

LENGTH = 24  # words of a document of the small world
SENTENCE = 8  # words of a sentence of the large one
TOY: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 128, "learning_rate": 0.02}
PAIRS: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 128, "learning_rate": 0.01}
TEXT: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 32, "learning_rate": 0.01}
USUAL: Settings = {"optimizer": "adamw", "schedule": "cosine", "batch_size": 32, "learning_rate": 3e-3}
# Steps of the notebook's live run and of the benchmark's.
TOY_STEPS, PAIR_STEPS = (350, 700), (250, 500)
CLASSIFIER_STEPS = 60
TEXT_STEPS = 1100
TASK_STEPS = 300
EVER = 10**9  # steps, where the time decides


def small_world() -> TopicWorld:
    """80 words, 4 topics, 4 classes."""
    return topic_world(n_words=80, n_topics=4, n_classes=4, word_concentration=0.2, seed=1)


def toy_gpt(documents: np.ndarray, *, n_steps: int, seed: int = 0) -> tuple[GPT, History]:
    """A GPT of 2 layers and width 32 on documents (n, LENGTH) of the small world."""
    torch.manual_seed(seed)
    model = GPT(80, context=LENGTH, width=32, n_layers=2, n_heads=2).float()
    return model, fit(model, documents, n_steps=n_steps, seed=seed, device="cpu", **TOY)


def large_world() -> TopicWorld:
    """200 words, 8 topics, 5 classes."""
    return topic_world(n_words=200, n_topics=8, n_classes=5, word_concentration=0.1, seed=1)


def toy_bert() -> BERT:
    """A new BERT of 2 layers and width 48 for pairs of sentences of the large world."""
    return BERT(200, context=2 * SENTENCE + 3, width=48, n_layers=2, n_heads=4).float()


def pretrained_bert(
    pairs: np.ndarray, goes_on: np.ndarray, *, n_steps: int, seed: int = 0
) -> tuple[BERT, History]:
    """`toy_bert` after n_steps on pairs (n, 2 SENTENCE) and whether each goes on (n,)."""
    torch.manual_seed(seed)
    model = toy_bert()
    tokens = model.pack(pairs[:, :SENTENCE], pairs[:, SENTENCE:])
    return model, fit(model, (tokens, goes_on), n_steps=n_steps, seed=seed, device="cpu", **PAIRS)


def classifier(
    bert: BERT,
    sentences: np.ndarray,
    labels: np.ndarray,
    *,
    frozen: bool = False,
    rate: float = 3e-3,
    n_steps: int = CLASSIFIER_STEPS,
    seed: int = 0,
) -> TextClassifier:
    """A classifier of two kinds of sentences (n, SENTENCE), fitted to their labels in place."""
    torch.manual_seed(seed)
    model = TextClassifier(bert, 2, frozen=frozen).float()
    settings: Settings = {"optimizer": "adamw", "schedule": "linear", "learning_rate": rate}
    fit(model, (bert.pack(sentences), labels), n_steps=n_steps, batch_size=min(64, len(labels)), seed=seed,
        device="cpu", **settings)  # fmt: skip
    return model


def two_tasks(n: int, *, told: bool, rng: np.random.Generator) -> np.ndarray:
    """n rows [task, 3 letters, 3 letters], (n, 7): the last three are the first, copied (8) or reversed (9).

    Letters are 0..7. Where the net is not told, the first sign is 8 whatever the task.
    """
    letters, reverse = rng.integers(8, size=(n, 3)), rng.integers(2, size=n)
    output = np.where(reverse[:, None] == 1, letters[:, ::-1], letters)
    task = 8 + (reverse if told else np.zeros(n, dtype=int))
    return np.concatenate([task[:, None], letters, output], axis=1)


def task_gpt(rows: np.ndarray, *, n_steps: int = TASK_STEPS, seed: int = 0) -> GPT:
    """A GPT of 2 layers and width 32 on rows of `two_tasks`."""
    torch.manual_seed(seed)
    model = GPT(10, context=7, width=32, n_layers=2, n_heads=2).float()
    fit(model, rows, n_steps=n_steps, seed=seed, device="cpu", **PAIRS)
    return model


@dataclass(frozen=True)
class Novels:
    """Austen's six novels in three parts: of each the first 95 % train, 2.5 % choose, 2.5 % test."""

    train: str
    choose: str
    test: str


def novels() -> Novels:
    """The three parts of `data.austen()`, each of all six novels."""
    corpus, parts = austen(), ([], [], [])
    for novel in range(len(corpus.label_names)):
        text = "\n".join(t for t, label in zip(corpus.texts, corpus.labels, strict=True) if label == novel)
        first, second = int(0.95 * len(text)), int(0.975 * len(text))
        for part, piece in zip(parts, (text[:first], text[first:second], text[second:]), strict=True):
            part.append(piece)
    return Novels(*("\n".join(part) for part in parts))


def byte_pairs(text: Novels, n_words: int = 2048) -> BytePairs:
    """A vocabulary learned from the training part; every character of the corpus has a token."""
    alphabet = "".join(sorted(set(text.train + text.choose + text.test)))
    return BytePairs(n_words, alphabet=alphabet).fit(text.train)


def windows(tokens: np.ndarray, context: int) -> np.ndarray:
    """Windows (n, context) of a text (t,), each half a window on from the one before."""
    return np.lib.stride_tricks.sliding_window_view(tokens, context)[:: context // 2]


def austen_gpt(
    tokens: np.ndarray, n_words: int, *, n_steps: int = TEXT_STEPS, seed: int = 0
) -> tuple[GPT, History]:
    """A GPT of 2 layers, width 64 and context 32 on the tokens (t,) of a text."""
    torch.manual_seed(seed)
    model = GPT(n_words, context=32, width=64, n_layers=2, n_heads=4).float()
    return model, fit(model, windows(tokens, 32), n_steps=n_steps, seed=seed, device="cpu", **TEXT)


def usual_gpt(tokens: np.ndarray, n_words: int, *, seconds: float, seed: int = 0) -> tuple[GPT, History]:
    """What tutorials train: characters, 3 layers, context 64, AdamW; for so many CPU-seconds."""
    torch.manual_seed(seed)
    model = GPT(n_words, context=64, width=64, n_layers=3, n_heads=4).float()
    settings = USUAL | {"n_steps": EVER, "max_cpu_seconds": seconds}
    return model, fit(model, windows(tokens, 64), seed=seed, device="cpu", **settings)


@torch.no_grad()
def text_log_prob(model: GPT, tokens: np.ndarray) -> np.ndarray:
    """log p of every token of a text (t,) in nats, each with at least half a context before it.

    Windows of a whole context overlap by half, and only the later half of each counts; but for the beginning
    of the text, before which there is nothing.
    """
    half, t = model.context // 2, len(tokens)
    padded = np.concatenate([tokens, np.zeros(-t % half + half, dtype=tokens.dtype)])
    parts = [model.log_prob(part) for part in torch.tensor(windows(padded, model.context)).split(256)]
    log_p = torch.cat(parts).numpy()
    return np.concatenate([log_p[0, :half], log_p[:, half:].ravel()])[:t]


def bits_per_character(log_prob: np.ndarray, text: str) -> float:
    """Minus log p of all tokens of a text, in bits, over its characters."""
    return float(-log_prob.sum() / math.log(2) / len(text))


def mixed(log_probs: list[np.ndarray], weight: float) -> np.ndarray:
    """log(weight p + (1 - weight) q), token by token."""
    p, q = log_probs
    return np.logaddexp(p + math.log(weight), q + math.log1p(-weight))


@torch.no_grad()
def bits(model: GPT, documents: Tensor | np.ndarray) -> float:
    """Mean of -log2 p over the words of documents (n, t)."""
    return -model.log_prob(torch.as_tensor(documents)).mean().item() / math.log(2)
