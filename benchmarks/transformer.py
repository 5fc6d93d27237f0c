"""Transformers beside what is known exactly: the entropy of a toy language, Bayes' rule, and n-grams.

The toy languages are hidden Markov models, so that the floor of each loss and the best possible answer to
each question can be computed. Jane Austen's novels have no known floor; there the n-gram is the opponent.
All models see the same training part, and are compared on the same test part, in bits per character.
"""

import math
import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from benchmarks.harness import OURS, Skipped, cpu_seconds
from coursekit.data import HIDDEN
from coursekit.transformer import KneserNey, recipe

LABELS = (16, 32, 64, 128, 512)


def toy(bench):
    "GPT on a toy language: bits per word above the exact floor, and the n-grams."
    world = recipe.small_world()
    train, _ = world.sample(60_000, recipe.LENGTH, rng=1)
    longer, _ = world.sample(180_000, recipe.LENGTH, rng=3)
    test, _ = world.sample(2000, recipe.LENGTH, rng=2)
    exact = world.log_prob(test) / math.log(2)
    floor = -exact.mean()
    row = bench.row("bits per word above the floor", "", better="lower", target=0.06)
    with bench.store("transformer_toy", recipe, "small_world", "toy_gpt", "bits") as table:
        curves = []
        for seed in bench.seeds:
            n_steps = 5 if bench.quick else recipe.TOY_STEPS[1]
            (model, _), seconds = cpu_seconds(recipe.toy_gpt, train, n_steps=n_steps, seed=seed)
            excess = recipe.bits(model, test) - floor
            row.add(OURS, seed, excess, steps=n_steps)
            table.add(seed=seed, steps=n_steps, seconds=seconds, model="GPT", excess=excess)
            curves.append(-model.log_prob(torch.tensor(test)).detach().double().numpy().mean(0) / math.log(2))
        for name, documents in (("", train), (", three times the documents", longer)):
            for order in (1, 2, 3, 4):
                start = time.process_time()
                gram = KneserNey(order, n_words=80).fit(documents)
                bits = -gram.log_prob(test) / math.log(2)
                table.add(seed=0, steps=0, seconds=time.process_time() - start, model=f"{order}-gram{name}",
                          excess=bits.mean() - floor)  # fmt: skip
                if name == "" and order == 3:
                    table.arrays["gram"] = bits.mean(0).astype("float32")
        table.arrays["gpt"] = np.array(curves, dtype="float32")
        table.arrays["floor"] = -exact.mean(0).astype("float32")


def pairs(bench):
    "BERT on a toy language: blanks and pairs beside exact Bayes, then few labels."
    world = recipe.large_world()
    train, goes_on, _ = world.sample_pairs(60_000, recipe.SENTENCE, rng=1)
    test, truth, _ = world.sample_pairs(4000, recipe.SENTENCE, rng=2)
    sentences, topics = world.sample(4000, recipe.SENTENCE, rng=4)
    groups = topics // 4  # two kinds of documents, four topics each
    few, few_topics = world.sample(max(LABELS) * 3, recipe.SENTENCE, rng=5)
    best = ((world.continues(test, cut=recipe.SENTENCE) > 0.5) == truth).mean()
    row = bench.row("share of pairs judged right, less exact Bayes", "", better="higher", target=-0.03)
    n_steps = 5 if bench.quick else recipe.PAIR_STEPS[1]
    used = ("large_world", "toy_bert", "pretrained_bert", "classifier")
    with bench.store("transformer_pairs", recipe, *used) as table:
        for seed in bench.seeds:
            (bert, _), seconds = cpu_seconds(
                recipe.pretrained_bert, train, goes_on, n_steps=n_steps, seed=seed
            )
            measured = judged(bert, world, test, truth)
            row.add(OURS, seed, measured["pairs"] - best, steps=n_steps)
            table.add(seed=seed, steps=n_steps, seconds=seconds, model="BERT", best_pairs=best, **measured)
            state = bert.state_dict()
            for n in LABELS[:1] if bench.quick else LABELS:
                chosen = slice(max(LABELS) * (seed % 3), max(LABELS) * (seed % 3) + n)
                x, y = few[chosen], few_topics[chosen] // 4
                for name, (share, steps) in few_labels(state, x, y, sentences, groups, seed).items():
                    table.add(seed=seed, steps=steps, seconds=0, model=name, labels=n, share=share)
        posterior = world.topic_posterior(sentences).reshape(len(sentences), 2, 4).sum(2)
        share = (posterior.argmax(1) == groups).mean()
        table.add(seed=0, steps=0, seconds=0, model="exact Bayes", share=share)


@torch.no_grad()
def judged(bert, world, pairs, truth):
    """Bits per masked word and share of pairs judged right, of a BERT and of exact Bayes."""
    cut = recipe.SENTENCE
    tokens = bert.pack(pairs[:, :cut], pairs[:, cut:])
    masked, chosen = bert.mask_words(tokens, rng=torch.Generator().manual_seed(0))
    log_p = bert.logits(masked)[chosen].log_softmax(-1).gather(-1, tokens[chosen][:, None])
    words = (tokens < bert.n_words)[0]  # the places of words among those of words and signs
    shown = np.where(chosen[:, words], HIDDEN, pairs)
    exact = world.hidden_words(shown, cut=cut)[shown == HIDDEN]
    exact = exact[np.arange(len(exact)), pairs[shown == HIDDEN]]
    right = ((bert.next_logit(tokens) > 0).numpy() == truth).mean()
    per_bit = -1 / math.log(2)
    return {
        "blanks": log_p.mean().item() * per_bit,
        "best_blanks": np.log(exact).mean() * per_bit,
        "pairs": right,
    }


# Pre-trained or not, and what else: the nets with few labels, each also with three times the steps.
NETS = {
    "from scratch": (False, {}),
    "frozen features": (True, {"frozen": True, "rate": 0.03}),
    "fine-tuned": (True, {}),
    "fine-tuned, rate .0003": (True, {"rate": 3e-4}),
}


def few_labels(state, x, y, sentences, groups, seed):
    """(share of sentences put into the right group, steps) of each method, after learning from x and y."""

    def counts(documents):
        return np.stack([np.bincount(document, minlength=200) for document in documents])

    torch.manual_seed(seed)
    bag = LogisticRegression(max_iter=1000).fit(counts(x), y)
    found = {"bag of words": (bag.score(counts(sentences), groups), 0)}
    for name, (pretrained, options) in NETS.items():
        for times in (1, 3):
            bert, n_steps = recipe.toy_bert(), times * recipe.CLASSIFIER_STEPS
            if pretrained:
                bert.load_state_dict(state)
            model = recipe.classifier(bert, x, y, n_steps=n_steps, seed=seed, **options)
            with torch.no_grad():
                logits = torch.cat([model.logits(part) for part in bert.pack(sentences).split(500)])
            share = (logits.argmax(1).numpy() == groups).mean()
            found[name + ", three times as long" * (times == 3)] = share, n_steps
    return found


def austen(bench):
    "Jane Austen, aim 40 CPU-s: GPT in byte pairs, n-grams, both mixed, the usual recipe by characters."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    text = recipe.novels()
    start = time.process_time()
    pairs = recipe.byte_pairs(text)
    train, choose, test = (pairs.encode(part) for part in (text.train, text.choose, text.test))
    vocabulary = time.process_time() - start
    letters = recipe.byte_pairs(text, len(set(text.train + text.choose + text.test)))
    row = bench.row("bits per character, GPT of byte pairs", "", better="lower", target=1.6)
    both = bench.row("bits per character, mixed with the 4-gram", "", better="lower", target=1.45)
    used = ("novels", "byte_pairs", "austen_gpt", "usual_gpt", "text_log_prob", "mixed", "bits_per_character")
    with bench.store("transformer_austen", recipe, *used) as table:
        grams = {}
        for order in (2, 3, 4, 5):
            start = time.process_time()
            gram = KneserNey(order, n_words=2048).fit(train[None])
            grams[order] = [gram.log_prob(part[None])[0] for part in (choose, test)]
            table.add(seed=0, steps=0, seconds=time.process_time() - start, model=f"byte pairs, {order}-gram",
                      bits=recipe.bits_per_character(grams[order][1], text.test))  # fmt: skip
        for order in (3, 5, 8):
            start = time.process_time()
            gram = KneserNey(order, n_words=letters.n_words).fit(letters.encode(text.train)[None])
            log_p = gram.log_prob(letters.encode(text.test)[None])
            table.add(seed=0, steps=0, seconds=time.process_time() - start, model=f"characters, {order}-gram",
                      bits=recipe.bits_per_character(log_p, text.test))  # fmt: skip
        for times, seed in [(1, seed) for seed in bench.seeds] + [(3, bench.seeds[0])]:
            n_steps, longer = times * recipe.TEXT_STEPS, ", three times as long" * (times == 3)
            (model, _), seconds = cpu_seconds(recipe.austen_gpt, train, 2048, n_steps=n_steps, seed=seed)
            ours = [recipe.text_log_prob(model, part) for part in (choose, test)]
            bits = recipe.bits_per_character(ours[1], text.test)
            row.add(OURS + longer, seed, bits, steps=n_steps)
            of_run = {"seed": seed, "steps": n_steps, "seconds": seconds}
            table.add(**of_run, model=f"byte pairs, GPT{longer}", bits=bits)
            weight = max(
                np.arange(0.05, 1, 0.05), key=lambda w: recipe.mixed([ours[0], grams[4][0]], w).mean()
            )
            bits = recipe.bits_per_character(recipe.mixed([ours[1], grams[4][1]], weight), text.test)
            both.add(OURS + longer, seed, bits, steps=n_steps)
            table.add(**of_run, model=f"GPT and 4-gram, mixed{longer}", bits=bits, weight=weight)
            if seed == bench.seeds[0]:
                if times == 1:
                    keep_samples(table, model, pairs)
                characters = letters.encode(text.train)
                usual, history = recipe.usual_gpt(characters, letters.n_words, seconds=seconds, seed=seed)
                bits = recipe.bits_per_character(
                    recipe.text_log_prob(usual, letters.encode(text.test)), text.test
                )
                of_run |= {"steps": len(history.loss)}
                table.add(**of_run, model=f"characters, usual GPT{longer}", bits=bits)
        bench.note(f"Learning and writing the byte pairs took {vocabulary:.1f} CPU-seconds.")


def keep_samples(table, model, pairs):
    """What the model writes after the same words at three temperatures, as bytes."""
    prompt = torch.tensor(pairs.encode("It is a truth"))[None]
    for temperature in (0.0, 0.7, 1.0, 1.5):
        rng = torch.Generator().manual_seed(0)
        tokens = model.generate(prompt, 80, temperature=temperature, rng=rng)[0]
        text = pairs.decode(tokens).encode()
        table.arrays[f"text_{temperature}"] = np.frombuffer(text, dtype=np.uint8)


def tasks(bench):
    "One net, two tasks: nats per string above the floor when the task is told and when it is not."
    row = bench.row("nats per string above the floor, task told", "", better="lower")
    with bench.store("transformer_tasks", recipe, "two_tasks", "task_gpt") as table:
        for seed in bench.seeds:
            for told in (True, False):
                rng = np.random.default_rng(seed)
                rows = recipe.two_tasks(40_000, told=told, rng=rng)
                test = recipe.two_tasks(2000, told=told, rng=rng)
                n_steps = 5 if bench.quick else recipe.TASK_STEPS
                model, seconds = cpu_seconds(recipe.task_gpt, rows, n_steps=n_steps, seed=seed)
                loss = -model.log_prob(test)[:, 4:].sum(1).mean().item()
                floor = 0.0 if told else (1 - 1 / 8) * math.log(2)  # 1 in 8 strings is a palindrome
                table.add(seed=seed, steps=n_steps, seconds=seconds, told=told, loss=loss, floor=floor)
                if told:
                    row.add(OURS, seed, loss - floor)


def live(bench):
    "The notebook's own runs, short ones: GPT above the floor, BERT beside exact Bayes."
    small, large = recipe.small_world(), recipe.large_world()
    train, _ = small.sample(60_000, recipe.LENGTH, rng=1)
    test, _ = small.sample(2000, recipe.LENGTH, rng=2)
    floor = -small.log_prob(test).mean() / math.log(2)
    pairs, goes_on, _ = large.sample_pairs(60_000, recipe.SENTENCE, rng=1)
    new, truth, _ = large.sample_pairs(4000, recipe.SENTENCE, rng=2)
    best = ((large.continues(new, cut=recipe.SENTENCE) > 0.5) == truth).mean()
    row = bench.row("bits per word above the floor, short", "", better="lower")
    other = bench.row("share of pairs judged right, less exact Bayes, short", "", better="higher")
    used = ("small_world", "toy_gpt", "bits", "large_world", "pretrained_bert")
    with bench.store("transformer_live", recipe, *used) as table:
        for seed in bench.seeds:
            n_steps = 5 if bench.quick else recipe.TOY_STEPS[0]
            (model, _), seconds = cpu_seconds(recipe.toy_gpt, train, n_steps=n_steps, seed=seed)
            excess = recipe.bits(model, test) - floor
            row.add(OURS, seed, excess, steps=n_steps)
            table.add(seed=seed, steps=n_steps, seconds=seconds, model="GPT", excess=excess)
            n_steps = 5 if bench.quick else recipe.PAIR_STEPS[0]
            (bert, _), seconds = cpu_seconds(
                recipe.pretrained_bert, pairs, goes_on, n_steps=n_steps, seed=seed
            )
            measured = judged(bert, large, new, truth)
            other.add(OURS, seed, measured["pairs"] - best, steps=n_steps)
            table.add(seed=seed, steps=n_steps, seconds=seconds, model="BERT", best_pairs=best, **measured)


PARTS = {"toy": toy, "pairs": pairs, "live": live, "austen": austen, "tasks": tasks}
