"""How the lecture's models are trained, on worlds so small that the best possible result is known.

    chains, reader           sequences with a chain of their own each; the exact Bayes predictor is known
    walks, walker            ten moves on five places, the places under way written down or not
    old_world, new_world     two topic worlds of 80 words, for fine-tuning and what it forgets
    language, taste          texts of five letters, all 3125 of which can be listed, and what people like
    pretrained, tuned, comparisons, reward_model, ppo, dpo      the steps from a language model to a policy
    kinds, routed            tokens of eight kinds, and a mixture of experts for them

Notebook 18_alignment.
"""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.alignment.experts import MixtureOfExperts, load_balance
from coursekit.alignment.lora import with_lora
from coursekit.alignment.policy import advantages, all_texts, ppo_loss
from coursekit.alignment.preferences import RewardModel, dpo_loss
from coursekit.data import MarkovChains, TopicWorld, markov_chains, topic_world
from coursekit.training import History, Settings, fit
from coursekit.transformer import GPT

EVER = 10**9  # steps, where the time decides

# Prompting

LENGTH = 48  # states of a sequence
READING_STEPS = (300, 600)  # of the notebook's live run and of the benchmark's
READING: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 64, "learning_rate": 0.02}


def chains() -> MarkovChains:
    """Four states, every row of every matrix drawn evenly."""
    return markov_chains(n_states=4)


def reader(
    sequences: np.ndarray,
    *,
    n_steps: int = EVER,
    seconds: float | None = None,
    n_layers: int = 2,
    seed: int = 0,
) -> tuple[GPT, History]:
    """A GPT of width 32 on sequences (n, LENGTH), for so many steps or CPU-seconds."""
    torch.manual_seed(seed)
    model = GPT(4, context=LENGTH, width=32, n_layers=n_layers, n_heads=2).float()
    limits: Settings = {"n_steps": n_steps, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    return model, fit(model, sequences, **limits, **READING)


def wide_reader(sequences: np.ndarray, *, seconds: float, seed: int = 0) -> tuple[GPT, History]:
    """One block with 26 228 parameters, `reader` has 27 044 in two, for so many CPU-seconds."""
    torch.manual_seed(seed)
    model = GPT(4, context=LENGTH, width=44, n_layers=1, n_heads=2).float()
    limits: Settings = {"n_steps": EVER, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    return model, fit(model, sequences, **limits, **READING)


# Chain of thought

N_MOVES = 10
WALKING_STEPS = 150
MOVES = np.array([[1, 2, 3, 4, 0], [1, 0, 2, 3, 4], [0, 1, 4, 2, 3]])  # where each of 3 moves leads from 0..4
WALKING: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 128, "learning_rate": 0.02}


def walks(n: int, moves_per_step: int, *, rng: np.random.Generator) -> np.ndarray:
    """n rows [start, 10 moves, places written down], (n, 11 + 10 / moves_per_step).

    Places are 0..4 and moves 5..7. A place is written after every so many moves; with 10, the last alone.
    """
    place, moves = rng.integers(5, size=n), rng.integers(3, size=(n, N_MOVES))
    rows, written = [place, *(moves + 5).T], []
    for i in range(N_MOVES):
        place = MOVES[moves[:, i], place]
        if (i + 1) % moves_per_step == 0:
            written.append(place)
    return np.stack(rows + written, axis=1)


class Answering(nn.Module):
    """A GPT that is trained on the answer alone: what it is asked cannot be foreseen."""

    def __init__(self, gpt: GPT, n_given: int):
        super().__init__()
        self.gpt, self.n_given = gpt, n_given

    def loss(self, rows: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean of -log p per token of the answer, nats."""
        return -self.gpt.log_prob(rows)[:, self.n_given :].mean()


def walker(
    rows: np.ndarray, *, n_steps: int = WALKING_STEPS, seed: int = 0, on_step: Callable | None = None
) -> tuple[GPT, History]:
    """A GPT of 2 layers and width 32 on rows of `walks`."""
    torch.manual_seed(seed)
    model = GPT(8, context=2 * N_MOVES + 1, width=32, n_layers=2, n_heads=2).float()
    answering = Answering(model, N_MOVES + 1)
    settings = WALKING | {"seed": seed, "device": "cpu", "on_step": on_step}
    return model, fit(answering, rows, n_steps=n_steps, **settings)


# Fine-tuning

WORDS, WORLD_LENGTH = 80, 24
BASE_STEPS, TUNING_STEPS = 350, 100
RATES = {"full": 3e-3, "LoRA": 0.01}
WORLD: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 128}


def old_world() -> TopicWorld:
    """80 words, 4 topics, 4 classes."""
    return topic_world(n_words=WORDS, n_topics=4, n_classes=4, word_concentration=0.2, seed=1)


def new_world() -> TopicWorld:
    """The same topics and words under another grammar: which class follows which."""
    old = old_world()
    other = topic_world(n_words=WORDS, n_topics=4, n_classes=4, seed=2)
    return TopicWorld(topics=old.topics, transition=other.transition, words=old.words)


def base(documents: np.ndarray, *, n_steps: int = BASE_STEPS, seed: int = 0) -> GPT:
    """A GPT of 2 layers and width 32 on documents (n, WORLD_LENGTH)."""
    torch.manual_seed(seed)
    model = GPT(WORDS, context=WORLD_LENGTH, width=32, n_layers=2, n_heads=2).float()
    fit(model, documents, n_steps=n_steps, learning_rate=0.02, seed=seed, device="cpu", **WORLD)
    return model


def fine_tuned(
    model: GPT,
    documents: np.ndarray,
    *,
    rank: int | None,
    rate: float | None = None,
    n_steps: int = TUNING_STEPS,
    seed: int = 0,
) -> GPT:
    """A copy of a GPT after n_steps on documents: all of its weights (rank None), or LoRAs of a rank.

    The learning rate is that of RATES unless another is given.
    """
    torch.manual_seed(seed)
    rate = rate or RATES["full" if rank is None else "LoRA"]
    model = copy.deepcopy(model) if rank is None else with_lora(model, rank)
    settings = WORLD | {"optimizer": "adamw"}
    fit(model, documents, n_steps=n_steps, learning_rate=rate, seed=seed, device="cpu", **settings)
    return model


# From a language model to a policy

LETTERS, TEXT = 5, 5
BETA = 0.3


def language() -> np.ndarray:
    """The matrix (5, 5) of the one chain that all texts of the corpus come from."""
    return np.random.default_rng(3).dirichlet(np.ones(LETTERS), LETTERS)


def taste(texts: Tensor | np.ndarray) -> Tensor:
    """How people like texts (n, 5), (n,): letters that differ are good, doubled ones bad, a frame is good.

    The number of different letters, less 2 for each letter that follows itself, plus 2 where the text ends
    with the letter it began with.
    """
    texts = torch.as_tensor(texts)
    different = F.one_hot(texts, LETTERS).amax(1).sum(1)
    doubled = (texts[:, 1:] == texts[:, :-1]).sum(1)
    framed = texts[:, 0] == texts[:, -1]
    return (different - 2 * doubled + 2 * framed).float()


TUNING: Settings = {"optimizer": "muon", "schedule": "linear", "batch_size": 128}


def pretrained(*, n_steps: int = 200, seed: int = 0) -> GPT:
    """Step 0: a GPT of 2 layers and width 32 on texts of the language."""
    corpus = markov_chains(n_states=LETTERS).follow(
        np.broadcast_to(language(), (20_000, 5, 5)), TEXT, rng=seed
    )
    torch.manual_seed(seed)
    model = GPT(LETTERS, context=TEXT, width=32, n_layers=2, n_heads=2).float()
    fit(model, corpus, n_steps=n_steps, learning_rate=0.02, seed=seed, device="cpu", **TUNING)
    return model


def demonstrations(n: int, *, seed: int = 0) -> Tensor:
    """n texts that people wrote, (n, 5): those of the language, the likelier the better they are liked."""
    texts, matrix = all_texts(LETTERS, TEXT), torch.tensor(language())
    log_p = matrix.log()[texts[:, :-1], texts[:, 1:]].sum(1) + taste(texts) / 2
    drawn = torch.multinomial(log_p.softmax(0), n, True, generator=torch.Generator().manual_seed(seed))
    return texts[drawn]


def tuned(model: GPT, texts: Tensor, *, n_steps: int = 60, seed: int = 0) -> GPT:
    """Step 1: a copy of a GPT, fine-tuned on demonstrations (n, 5). The reference of what follows."""
    model = copy.deepcopy(model)
    fit(model, texts, n_steps=n_steps, learning_rate=3e-3, seed=seed, device="cpu", **TUNING)
    return model


def comparisons(model: GPT, n: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """n pairs of texts of a model, better and worse, (n, 5) each, as people with that taste judge them."""
    rng = torch.Generator().manual_seed(seed)
    texts = model.generate(torch.zeros(2 * n, 0), TEXT, rng=rng)
    first, second = texts.chunk(2)
    likes_first = torch.rand(n, generator=rng) < (taste(first) - taste(second)).sigmoid()
    keep = likes_first[:, None]
    return torch.where(keep, first, second), torch.where(keep, second, first)


def reward_model(
    model: GPT, better: Tensor, worse: Tensor, *, n_steps: int = 200, seed: int = 0
) -> RewardModel:
    """Step 2: a reward model that starts from a GPT, fitted to comparisons (n, 5) and (n, 5)."""
    torch.manual_seed(seed)
    reward = RewardModel(model).float()
    fit(reward, (better, worse), n_steps=n_steps, learning_rate=0.01, seed=seed, device="cpu", **TUNING)
    return reward.requires_grad_(False)


def ppo(
    reference: GPT,
    reward: RewardModel,
    *,
    beta: float = BETA,
    n_rounds: int = 60,
    n_texts: int = 512,
    n_epochs: int = 2,
    rate: float = 2e-3,
    tighten: float = 0.6,
    seed: int = 0,
    on_round: Callable | None = None,
) -> GPT:
    """Step 3: a copy of the reference after rounds of writing, judging and clipped steps (PPO).

    Each token pays beta times its log ratio to the reference; the last one earns the reward of the text. The
    critic starts as a copy of the reward model, as InstructGPT's does. The penalty is annealed: 1 / beta
    grows evenly from near 0 to its value, so that good texts grow together and fewer are given up before
    they were tried often enough.

    Args:
        reference: a GPT on texts of TEXT letters.
        reward: of whole texts.
        beta: weight of the divergence.
        n_rounds: each writes n_texts new ones.
        n_texts: per round.
        n_epochs: passes over them, in batches of 128.
        rate: learning rate of policy and critic; it falls to 0 over the second half.
        tighten: part of the rounds over which 1 / beta grows; 0 for none.
        seed: of what is written and of the batches.
        on_round: function (round, policy), called before each round and after the last.
    """
    rng = torch.Generator().manual_seed(seed)
    policy, critic = copy.deepcopy(reference), copy.deepcopy(reward).requires_grad_(True)
    weights = [*policy.parameters(), *critic.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=rate, fused=True)
    for i in range(n_rounds):
        if on_round:
            on_round(i, policy)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, 2 * (1 - i / n_rounds))
        weight = beta * max(1.0, tighten * n_rounds / (i + 1))
        with torch.no_grad():
            texts = policy.generate(torch.zeros(n_texts, 0), TEXT, rng=rng)
            old = policy.log_prob(texts)
            earned = -weight * (old - reference.log_prob(texts))  # (n_texts, TEXT), for each token
            earned[:, -1] += reward(texts)
            gain, target = advantages(earned, critic.values(texts))
            gain = (gain - gain.mean()) / gain.std()
        for _ in range(n_epochs):
            for rows in torch.randperm(n_texts, generator=rng).split(128):
                loss = ppo_loss(policy.log_prob(texts[rows]) - old[rows], gain[rows])
                loss = loss + F.mse_loss(critic.values(texts[rows]), target[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    if on_round:
        on_round(n_rounds, policy)
    return policy.eval()


N_COMPARISONS = 4000
FEW, FEW_STEPS = 500, 60  # comparisons for a reward that goes wrong, and its training


def reference_and_reward(*, seed: int = 0) -> tuple[GPT, GPT, RewardModel]:
    """Steps 0 to 2 with their settings: the pretrained model, the reference, the reward model."""
    first = pretrained(seed=seed)
    reference = tuned(first, demonstrations(500, seed=seed), seed=seed)
    return (
        first,
        reference,
        reward_model(reference, *comparisons(reference, N_COMPARISONS, seed=seed), seed=seed),
    )


class Preferring(nn.Module):
    """A policy whose loss is that of direct preference optimisation."""

    def __init__(self, policy: GPT, beta: float):
        super().__init__()
        self.policy, self.beta = policy, beta

    def loss(
        self, better: Tensor, worse: Tensor, in_reference: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """`dpo_loss` of comparisons (n, 5); in_reference: log reference of both, (n, 2)."""
        log_p = torch.stack([self.policy.log_prob(texts).sum(1) for texts in (better, worse)], 1)
        return dpo_loss(*(log_p - in_reference).T, self.beta)  # type: ignore[call-arg]


def dpo(
    reference: GPT,
    better: Tensor,
    worse: Tensor,
    *,
    beta: float = BETA,
    n_steps: int = 200,
    rate: float = 3e-3,
    seed: int = 0,
) -> GPT:
    """Steps 2 and 3 at once: a copy of the reference, fitted to comparisons.

    Args:
        reference: a GPT on texts of TEXT letters.
        better: texts that were preferred, (n, 5).
        worse: the others of the pairs, (n, 5).
        beta: weight of the divergence, as in `ppo`.
        n_steps: of training.
        rate: learning rate.
        seed: of the batches.
    """
    with torch.no_grad():
        log_p = torch.stack([reference.log_prob(texts).sum(1) for texts in (better, worse)], 1)
    model = Preferring(copy.deepcopy(reference), beta)
    rows = (better, worse, log_p)
    fit(model, rows, n_steps=n_steps, learning_rate=rate, seed=seed, device="cpu", **TUNING)
    return model.policy


# Experts

WIDTH, N_KINDS = 8, 8


def kinds(n: int, *, rng: np.random.Generator | int) -> tuple[Tensor, Tensor]:
    """n tokens of eight kinds and what is to become of them, (n, 8) both: a matrix for each kind."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(rng)
    centers = 3 * fixed.normal(size=(N_KINDS, WIDTH))
    matrices = fixed.normal(size=(N_KINDS, WIDTH, WIDTH)) / math.sqrt(WIDTH)
    kind, noise = rng.integers(N_KINDS, size=n), rng.normal(size=(n, WIDTH))
    y = np.einsum("nij,nj->ni", matrices[kind], noise)
    return torch.tensor(centers[kind] + noise).float(), torch.tensor(y).float()


class Routed(nn.Module):
    """A mixture of experts with its loss: squared error, and so much times the balance of the load."""

    def __init__(self, layer: MixtureOfExperts, weight: float):
        super().__init__()
        self.layer, self.weight = layer, weight

    def loss(self, x: Tensor, y: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean squared error of tokens (n, 8) to targets (n, 8), and the balance term."""
        return F.mse_loss(self.layer(x), y) + self.weight * load_balance(*self.layer.route(x))


def routed(weight: float, *, n_steps: int = 300, seed: int = 0) -> MixtureOfExperts:
    """Eight experts, one per token, on `kinds`, with so much weight on the balance of their load."""
    torch.manual_seed(seed)
    model = Routed(MixtureOfExperts(WIDTH, N_KINDS, k=1, n_hidden=16).float(), weight)
    settings: Settings = {"learning_rate": 0.01, "schedule": "linear", "seed": seed, "device": "cpu"}
    fit(model, kinds(10_000, rng=1), n_steps=n_steps, batch_size=256, **settings)
    return model.layer.requires_grad_(False)
