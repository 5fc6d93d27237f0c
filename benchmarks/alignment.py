"""Alignment beside what is known exactly: Bayes' rule for prompts, floors for fine-tuning, the best policy.

Sequences with a chain of their own have an exact predictor; walks have one right answer; the fine-tuned
worlds have an entropy; and texts of five letters can all be listed, so that the best policy, its objective
and every divergence are sums. Public implementations of these methods have no optimum to compare themselves
with, so there is no peer in this table.
"""

import math

import numpy as np
import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit.alignment import (
    all_log_probs,
    all_texts,
    best_objective,
    objective,
    optimal_policy,
    recipe,
)


def chain_texts():
    """Training and test texts of the Markov chains, and the exact Bayes log p of the test texts."""
    world = recipe.chains()
    train, _ = world.sample(60_000, recipe.LENGTH, rng=1)
    test, _ = world.sample(4000, recipe.LENGTH, rng=2)
    return train, test, world.log_prob(test)


def reading(bench):
    "In-context learning of Markov chains: nats above the exact Bayes predictor, by layers and by budget."
    train, test, exact = chain_texts()
    row = bench.row("nats per state above exact Bayes, two layers", "", better="lower", target=0.005)
    with bench.store("alignment_reading", recipe, "chains", "reader", "READING_STEPS") as table:
        curves = {}

        def add(name, model, history, seconds, seed):
            log_p = on(model, test)
            excess = (exact - log_p).mean()
            table.add(seed=seed, steps=len(history.loss), seconds=seconds, model=name, excess=excess)
            curves.setdefault(name, []).append((exact - log_p).mean(0))
            return excess

        for seed in bench.seeds:
            for name, n_steps in zip(("2 layers, short", "2 layers"), recipe.READING_STEPS, strict=True):
                n_steps = 5 if bench.quick else n_steps
                (model, history), seconds = cpu_seconds(recipe.reader, train, n_steps=n_steps, seed=seed)
                excess = add(name, model, history, seconds, seed)
            row.add(OURS, seed, excess, steps=n_steps)
            for name, times in (("1 layer", 1), ("1 layer, three times the seconds", 3)):
                limits = {"seconds": times * seconds, "n_layers": 1, "seed": seed}
                (model, history), spent = cpu_seconds(recipe.reader, train, **limits)
                add(name, model, history, spent, seed)
        for name in ("2 layers", "1 layer"):
            table.arrays[name] = np.mean(curves[name], 0).astype("float32")


def wide(bench):
    "One block with as many parameters as the two, for 15 CPU-seconds; the first seed for 45."
    train, test, exact = chain_texts()
    row = bench.row("nats per state above exact Bayes, one wide layer", "", better="lower")
    with bench.store("alignment_wide", recipe, "chains", "wide_reader") as table:
        for seed in bench.seeds:
            for budget in (15, 45)[: 1 + (seed == 0 and not bench.quick)]:
                (model, history), seconds = cpu_seconds(
                    recipe.wide_reader, train, seconds=bench.budget(budget), seed=seed
                )
                excess = (exact - on(model, test)).mean()
                table.add(seed=seed, steps=len(history.loss), seconds=seconds, budget=budget, excess=excess)
                if budget == 15:
                    row.add(OURS, seed, excess, steps=len(history.loss))


@torch.no_grad()
def on(model, rows):
    """log p of rows (n, t) under a GPT, float64."""
    return torch.cat([model.log_prob(part) for part in torch.tensor(rows).split(500)]).double().numpy()


def moves(bench):
    "Ten moves on five places: the last place right, by how many moves go by unwritten."
    row = bench.row("share of last places right, every place written", "", better="higher")
    with bench.store("alignment_moves", recipe, "walks", "walker", "WALKING_STEPS") as table:
        for seed in bench.seeds:
            for per_step in (1, 2, 5, 10):
                # With ten times the steps, as many answers are learned from as with every place written.
                for times in {1: (1,), 10: (1, 3, 10)}.get(per_step, (1, 3)):
                    rng = np.random.default_rng(seed)
                    rows = recipe.walks(40_000, per_step, rng=rng)
                    test = new_rows(rows, per_step, rng)
                    n_steps = 5 if bench.quick else times * recipe.WALKING_STEPS
                    (model, _), seconds = cpu_seconds(recipe.walker, rows, n_steps=n_steps, seed=seed)
                    last, whole = answered(model, test)
                    table.add(seed=seed, steps=n_steps, seconds=seconds, per_step=per_step, times=times,
                              last=last, whole=whole)  # fmt: skip
                    if per_step == 1:
                        row.add(OURS, seed, last, steps=n_steps)


def new_rows(rows, per_step, rng):
    """1000 walks whose question was not among the rows."""
    known = {row.tobytes() for row in rows[:, : recipe.N_MOVES + 1]}
    more = recipe.walks(3000, per_step, rng=rng)
    fresh = [row[: recipe.N_MOVES + 1].tobytes() not in known for row in more]
    return torch.tensor(more[fresh][:1000])


def answered(model, test):
    """Shares of walks whose last place is right, and of those written without a mistake, likeliest first."""
    given = recipe.N_MOVES + 1
    found = model.generate(test[:, :given], test.shape[1] - given, temperature=0)
    right = found == test
    return right[:, -1].double().mean().item(), right.all(1).double().mean().item()


def emergence(bench):
    "While the walker learns: the likelihood of a place, and the share of walks without a mistake."
    row = bench.row("share of walks without a mistake at the end", "", better="higher")
    with bench.store("alignment_emergence", recipe, "walks", "walker") as table:
        for seed in bench.seeds:
            rng = np.random.default_rng(seed)
            rows = recipe.walks(40_000, 1, rng=rng)
            test = new_rows(rows, 1, rng)

            def look(step, model, loss, seed=seed, test=test):
                if step % 5:
                    return
                gpt, given = model.gpt, recipe.N_MOVES + 1
                with torch.no_grad():
                    log_p = gpt.log_prob(test)[:, given:].double()
                dice = torch.Generator().manual_seed(step)
                drawn = gpt.generate(test[:, :given], recipe.N_MOVES, rng=dice)
                table.add(seed=seed, steps=step, seconds=0, nats=-log_p.mean().item(),
                          expected=log_p.sum(1).exp().mean().item(),
                          whole=(drawn == test).all(1).double().mean().item())  # fmt: skip

            recipe.walker(rows, n_steps=10 if bench.quick else 120, seed=seed, on_step=look)
            row.add(OURS, seed, table.rows[-1]["whole"])


def lora(bench):
    "Another grammar by fine-tuning: bits above the floor of the new world and of the old one."
    old, new = recipe.old_world(), recipe.new_world()
    train, _ = old.sample(60_000, recipe.WORLD_LENGTH, rng=1)
    documents, _ = new.sample(4000, recipe.WORLD_LENGTH, rng=4)
    tests = [world.sample(2000, recipe.WORLD_LENGTH, rng=5)[0] for world in (old, new)]
    floors = [-world.log_prob(test).mean() for world, test in zip((old, new), tests, strict=True)]
    row = bench.row("bits per word above the new floor, LoRA of rank 4, 200 documents", "", better="lower")
    used = ("old_world", "new_world", "base", "fine_tuned")
    with bench.store("alignment_lora", recipe, *used) as table:

        def add(name, model, seed, n_steps, seconds, n):
            gaps = [(-on(model, test).mean() - floor) / math.log(2)
                    for test, floor in zip(tests, floors, strict=True)]  # fmt: skip
            trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
            table.add(seed=seed, steps=n_steps, seconds=seconds, model=name, documents=n, trainable=trainable,
                      old=gaps[0], new=gaps[1])  # fmt: skip
            return gaps[1]

        for seed in bench.seeds:
            n_steps = 5 if bench.quick else recipe.BASE_STEPS
            model, seconds = cpu_seconds(recipe.base, train, n_steps=n_steps, seed=seed)
            add("base", model, seed, n_steps, seconds, 0)
            full = 6 if bench.quick else recipe.TUNING_STEPS
            runs = [(200, rank, full, None) for rank in (None, 1, 4, 16)]
            runs += [(200, 16, full, recipe.RATES["full"])]  # is it the rank, or LoRA's larger rate?
            runs += [(200, None, full // 3, None), (200, 4, 3 * full, None)]
            runs += [(4000, None, full, None), (4000, 4, full, None)]
            for n, rank, n_steps, rate in runs:
                settings = {"rank": rank, "n_steps": n_steps, "rate": rate, "seed": seed}
                tuned, seconds = cpu_seconds(recipe.fine_tuned, model, documents[:n], **settings)
                name = "all weights" if rank is None else f"rank {rank}"
                name += f", rate {rate:g}" if rate else ""
                gap = add(name, tuned, seed, n_steps, seconds, n)
                if (n, rank, n_steps) == (200, 4, full):
                    row.add(OURS, seed, gap, steps=n_steps)
                if (n, rank, n_steps) == (200, None, full) and seed == bench.seeds[0]:
                    before, after = dict(model.blocks.named_parameters()), tuned.blocks.named_parameters()
                    change = [weight - before[key] for key, weight in after if weight.ndim == 2]
                    values = [torch.linalg.svdvals(each.detach().double()).numpy() for each in change]
                    table.arrays["singular_values"] = np.array(values, dtype="float32")  # (layers, 32)
            for n, n_steps in ((200, full // 3), (200, full), (4000, full)):
                scratch, seconds = cpu_seconds(recipe.base, documents[:n], n_steps=n_steps, seed=seed)
                add("from scratch", scratch, seed, n_steps, seconds, n)


def policy(bench):
    "PPO beside the best policy: share of J* - J(reference) that it gains; DPO; PPO with beta fixed."
    texts, beta = all_texts(recipe.LETTERS, recipe.TEXT), recipe.BETA
    taste = recipe.taste(texts).double()
    row = bench.row("PPO: share of J* - J(reference)", "", better="higher", target=0.95)
    used = ("reference_and_reward", "ppo", "dpo", "taste", "BETA")
    with bench.store("alignment_policy", recipe, *used) as table:
        for seed in bench.seeds:
            (first, reference, reward), seconds = cpu_seconds(recipe.reference_and_reward, seed=seed)
            with torch.no_grad():
                log_first = all_log_probs(first, recipe.TEXT).double()
                log_reference = all_log_probs(reference, recipe.TEXT).double()
                learned = reward(texts).double()
            start = objective(log_reference, log_reference, learned, beta).item()
            best = optimal_policy(log_reference, learned, beta)
            top = best_objective(log_reference, learned, beta).item()

            def add(name, log_policy, n_steps, seconds, seed=seed, log_reference=log_reference,
                    learned=learned, start=start, best=best, top=top):  # fmt: skip
                p = log_policy.exp()
                J = objective(log_policy, log_reference, learned, beta).item()
                values = {"J": J, "share": (J - start) / (top - start), "taste": (p @ taste).item(),
                          "learned": (p @ learned).item(),
                          "kl": (p * (log_policy - log_reference)).sum().item(),
                          "to_best": (p * (log_policy - best)).sum().item()}  # fmt: skip
                # What the best policy writes over ten times as often; and of that, what the reference
                # writes less than once in a thousand texts.
                given_up = best.exp() * (log_policy < best - math.log(10))
                values["given_up"] = given_up.sum().item()
                values["given_up_rare"] = given_up[log_reference < -math.log(1000)].sum().item()
                table.add(seed=seed, steps=n_steps, seconds=seconds, model=name, **values)
                return values

            add("pretrained", log_first, 0, 0)
            add("reference", log_reference, 0, seconds)
            add("optimum", best, 0, 0)
            n_rounds = 3 if bench.quick else 60
            path = []

            def look(i, policy, path=path, log_reference=log_reference, learned=learned):
                with torch.no_grad():
                    log_policy = all_log_probs(policy, recipe.TEXT).double()
                p = log_policy.exp()
                path.append([objective(log_policy, log_reference, learned, beta).item(), (p @ taste).item(),
                             (p * (log_policy - log_reference)).sum().item()])  # fmt: skip

            plans = [("PPO", 0.6, n_rounds), ("PPO, beta fixed", 0.0, n_rounds)]
            plans += [("PPO, beta fixed, three times the rounds", 0.0, 3 * n_rounds)]
            for name, tighten, n_rounds in plans:
                path.clear()
                trained, spent = cpu_seconds(recipe.ppo, reference, reward, seed=seed, n_rounds=n_rounds,
                                             tighten=tighten, on_round=look)  # fmt: skip
                with torch.no_grad():
                    values = add(name, all_log_probs(trained, recipe.TEXT).double(), n_rounds, spent)
                if name == "PPO":
                    row.add(OURS, seed, values["share"], steps=n_rounds)
                    table.arrays[f"path_{seed}"] = np.array(path, dtype="float32")
            pairs = recipe.comparisons(reference, recipe.N_COMPARISONS, seed=seed)
            for name, n_steps in (("DPO", 200), ("DPO, three times the steps", 600)):
                n_steps = 5 if bench.quick else n_steps
                trained, spent = cpu_seconds(recipe.dpo, reference, *pairs, n_steps=n_steps, seed=seed)
                with torch.no_grad():
                    add(name, all_log_probs(trained, recipe.TEXT).double(), n_steps, spent)
        bench.note(
            "J and J* are of the reward that was learned; of the taste itself nobody knows the rewards."
        )


def limits(bench):
    "A reward from few comparisons: what people think of the policy that is best for it, by beta."
    texts = all_texts(recipe.LETTERS, recipe.TEXT)
    taste, betas = recipe.taste(texts).double(), np.geomspace(3, 0.01, 25)
    row = bench.row("taste lost from the peak to the smallest beta", "", better="lower")
    used = ("pretrained", "tuned", "comparisons", "reward_model", "taste", "FEW", "FEW_STEPS")
    with bench.store("alignment_limits", recipe, *used) as table:
        table.arrays["betas"] = betas.astype("float32")
        # What the smallest beta finds hangs on single texts, so it scatters much: twice as many seeds.
        for seed in [*bench.seeds, *(seed + len(bench.seeds) for seed in bench.seeds)]:
            reference = recipe.tuned(
                recipe.pretrained(seed=seed), recipe.demonstrations(500, seed=seed), seed=seed
            )
            with torch.no_grad():
                log_reference = all_log_probs(reference, recipe.TEXT).double()
            for n in (recipe.FEW, 3 * recipe.FEW):
                pairs = recipe.comparisons(reference, n, seed=seed)
                steps = recipe.FEW_STEPS * n // recipe.FEW
                reward, seconds = cpu_seconds(
                    recipe.reward_model, reference, *pairs, n_steps=steps, seed=seed
                )
                learned = reward(texts).double()
                curve = []
                for beta in betas:
                    log_best = optimal_policy(log_reference, learned, float(beta))
                    p = log_best.exp()
                    kl = (p * (log_best - log_reference)).sum().item()
                    curve.append([kl, (p @ learned).item(), (p @ taste).item()])
                curve = np.array(curve)
                table.arrays[f"curve_{n}_{seed}"] = curve.astype("float32")
                start, peak, end = (log_reference.exp() @ taste).item(), curve[:, 2].max(), curve[-1, 2]
                table.add(
                    seed=seed, steps=steps, seconds=seconds, comparisons=n, start=start, peak=peak, end=end
                )
                if n == recipe.FEW and seed in bench.seeds:
                    row.add(OURS, seed, peak - end)


def experts(bench):
    "Eight experts, one per token: the largest load and the error, with the balance term and without."
    x, y = recipe.kinds(2000, rng=5)
    with bench.store("alignment_experts", recipe, "routed", "kinds") as table:
        for weight in (0.0, 0.5):
            row = bench.row(f"weight {weight}: largest load, 900 steps, in even shares", "", None)
            for n_steps in (10,) if bench.quick else (300, 900):
                loads = []
                for seed in bench.seeds:
                    layer, seconds = cpu_seconds(recipe.routed, weight, n_steps=n_steps, seed=seed)
                    _, chosen = layer.route(x)
                    loads.append(np.bincount(chosen[:, 0], minlength=8) / len(x))
                    found = {"largest": 8 * loads[-1].max(), "unused": int((loads[-1] < 0.01).sum())}
                    found["missed"] = (((layer(x) - y) ** 2).mean() / (y**2).mean()).item()
                    table.add(seed=seed, steps=n_steps, seconds=seconds, weight=weight, **found)
                    if n_steps != 300:
                        row.add(OURS, seed, found["largest"], steps=n_steps)
                table.arrays[f"loads, weight {weight:g}, {n_steps} steps"] = np.array(loads, np.float32)


PARTS = {
    "reading": reading,
    "wide": wide,
    "moves": moves,
    "emergence": emergence,
    "lora": lora,
    "policy": policy,
    "limits": limits,
    "experts": experts,
}
