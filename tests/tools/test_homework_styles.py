"""Right answers in another style pass: lists where arrays are usual, single precision, other routes."""

import warnings

import pytest
from test_homework import ROOT

from coursetools.homework.build import read_source
from coursetools.homework.island.probes import evaluate
from coursetools.homework.proof import _try, collect, exercises_of, run_notebook

STYLES = {
    "hw01_pca": [
        ("whiten", "_first = whiten", "_first(X).tolist()"),
        ("whiten", "_first = whiten", "_first(X).astype(np.float32)"),
        ("whiten", "_first = whiten", "-_first(X)"),
        ("first_components", "_first = first_components", "-_first(X, k, start, n_steps)"),
        ("first_components", "_first = first_components", "_first(X, k, start, n_steps).tolist()"),
        ("power_iteration", "_first = power_iteration", "[p.tolist() for p in _first(S, start, n_steps)]"),
    ],
    "hw02_clustering": [
        ("assign", "_first = assign", "(_first(X, centers)[0].tolist(), float(_first(X, centers)[1]))"),
        ("moved_centroids", "_first = moved_centroids",
         "[part.tolist() for part in _first(centers, counts, points, old, new)]"),
    ],
    "hw03_manifold_learning": [
        ("weighted_center", "_first = weighted_center", "_first(squared, weights).tolist()"),
        ("weighted_center", "_first = weighted_center", "np.float32(_first(squared, weights))"),
        ("linear_map", "_first = linear_map", "-np.linalg.svd(X - X.mean(0))[2][:k].T"),
        ("linear_map", "_first = linear_map", "_first(X, k).tolist()"),
        ("first_coordinate", "_first = first_coordinate", "(float(_first(weights)[0]), -_first(weights)[1])"),
        ("first_coordinate", "_first = first_coordinate",
         "[_first(weights)[0], _first(weights)[1].tolist()]"),
        ("perplexity_of", "_first = perplexity_of", "float(np.prod([q**-q for q in p if q > 0]))"),
        ("find_beta", "_first = find_beta", "float(_first(d2, perplexity)) * (1 + 5e-7)"),
    ],
    "hw04_nmf_ratings": [
        ("masked_update", "_first = masked_update",
         "[np.float32(part).tolist() for part in _first(X, W, H)]"),
        ("masked_loss", "_first = masked_loss",
         "sum((X[i, j] - W[i] @ H[:, j])**2 for i, j in np.argwhere(X == X)) / 2"),
        ("kkt_violation", "_first = kkt_violation", "np.float32(_first(X, W, H))"),
        ("biases", "_first = biases", "[np.asarray(part).tolist() for part in _first(X, n_rounds)]"),
        ("recommend", "_first = recommend", "[int(j) for j in _first(X, W, H, i, n)]"),
    ],
    "hw06_autoregressive_images": [
        ("log_prob", "_first = log_prob", "_first(x, w, b).tolist()"),
        ("log_prob", "_first = log_prob", "np.float32(_first(x, w, b))"),
        ("colour_mask", "_first = colour_mask", "_first(kernel, kind).astype(bool)"),
        ("colour_mask", "_first = colour_mask", "_first(kernel, kind).astype(int).tolist()"),
        ("who_sees", "_first = who_sees", "_first([m.tolist() for m in masks], height, width).astype(int)"),
        ("who_sees", "_first = who_sees", "_first(masks, height, width).tolist()"),
        ("log_mixture", "_first = log_mixture",
         "list(_first(k, logits - logits.max(1)[:, None], mean, log_scale, n_levels))"),
        ("parallel_cost", "_first = parallel_cost", "np.float32(_first(p, groups))"),
    ],
    "hw07_transformers": [
        ("who_sees_whom", "_first = who_sees_whom", "_first(layer, x).astype(int).tolist()"),
        ("who_sees_whom", "_first = who_sees_whom",
         "np.array([~np.isclose(layer(x), layer(x + np.outer(np.eye(len(x))[j], [1, -3, 5][: x.shape[1]])))"
         ".all(1) for j in range(len(x))]).T"),
        ("causal_attention", "_first = causal_attention", "_first(q, k, v).tolist()"),
        ("causal_attention", "_first = causal_attention",
         "[_first(q[: i + 1], k[: i + 1], v[: i + 1])[-1] for i in range(len(q))]"),
        ("next_place", "_first = next_place",
         "[part.tolist() for part in _first(x, keys, values, W_q, W_k, W_v)]"),
        ("join_once", "_first = join_once",
         "(tuple(int(i) for i in _first(tokens, new)[0]), _first(tokens, new)[1].tolist())"),
        ("mixed_bits", "_first = mixed_bits",
         "float(_first(list(log_p), list(log_q), weight, n_characters))"),
        ("mixed_bits", "_first = mixed_bits",
         "-sum(np.logaddexp(a + np.log(weight), b + np.log1p(-weight)) for a, b in zip(log_p, log_q))"
         " / (np.log(2) * n_characters)"),
    ],
    "hw09_deep_belief_networks": [
        ("turn_over", "_first = turn_over", "[np.transpose(W).tolist(), list(b), list(c)]"),
        ("turn_over", "_first = turn_over", "W.T.copy(), b.copy(), c.copy()"),
        ("bound", "_first = bound", "np.array([_first(row[None], W, c, b, log_prior)[0] for row in v])"),
        ("bound", "_first = bound", "np.float32(_first(v, W, c, b, log_prior))"),
        ("class_probability", "_first = class_probability", "_first(h, W, U, c, d, b).tolist()"),
        ("class_probability", "_first = class_probability", "np.float32(_first(h, W, U, c, d, b))"),
        ("sleep_step", "_first = sleep_step",
         "[part.tolist() for part in _first(h, W, c, R, b, uniform, rate)]"),
    ],
    "hw05_word_vectors": [
        ("shifted_ppmi", "_first = shifted_ppmi", "_first(np.array(counts.tolist()), k).tolist()"),
        ("shifted_ppmi", "_first = shifted_ppmi", "np.float32(_first(counts, k))"),
        ("pair_gradients", "_first = pair_gradients",
         "[part.tolist() for part in _first(W, C, i, j, negatives)]"),
        ("complete", "_first = complete", "np.int64(_first(np.float32(vectors), a, b, c, exclude))"),
        ("place", "_first = place", "_first(np.array(counts), A, q, k, ridge, n_steps).tolist()"),
    ],
    "hw10_autoencoders": [
        ("tangents", "_first = tangents", "(-_first(J, m)).tolist()"),
        ("denoising_loss", "_first = denoising_loss", "np.float32(_first(W, b, c, x, noise))"),
    ],
    "hw11_vae_elbo": [
        ("mended_loss", "_first = mended_loss", "_first(x, A, B, type('Turned', (), {'standard_normal':"
         " lambda self, size: rng.standard_normal(size[::-1]).T})())"),
        ("weighted_bound", "_first = weighted_bound", "list(_first(log_joint, log_q))"),
    ],
    "hw12_gan_optimal_discriminator": [
        ("best_answer", "_first = best_answer", "_first(p, q, alpha, beta).tolist()"),
        ("best_value", "_first = best_value",
         "sum(a * np.log(a / (a + b)) for a, b in zip([*p, *q], [*q, *p]) if a > 0)"),
        ("two_orders", "_first = two_orders", "[max(min(c) for c in zip(*J.tolist())),"
         " min(max(r) for r in J.tolist())]"),
    ],
    "hw13_training_gans": [
        ("virtual_batch_norm", "_first = virtual_batch_norm", "_first(x, reference, epsilon).tolist()"),
        ("virtual_batch_norm", "_first = virtual_batch_norm", "np.float32(_first(x, reference, epsilon))"),
        ("closeness_gradient", "_first = closeness_gradient",
         "[row.tolist() for row in np.float32(_first(M, w))]"),
        ("closeness_gradient", "_first = closeness_gradient",
         "-np.array([sum((w[k] + w[j]) * np.exp(-abs(M[k] - M[j]).sum()) * np.sign(M[k] - M[j])"
         " for j in range(len(M))) for k in range(len(M))])"),
        ("unrolled_slope", "_first = unrolled_slope", "list(_first(p, q, s, rate))"),
        ("unrolled_slope", "_first = unrolled_slope",
         "[(lambda a: -np.logaddexp(0, a) - (p[i] - (p[i] + q[i]) / (1 + np.exp(-a))) * rate"
         " / (1 + np.exp(-s[i])))(s[i] + rate * (p[i] - (p[i] + q[i]) / (1 + np.exp(-s[i]))))"
         " for i in range(len(p))]"),
        ("linear_code", "_first = linear_code", "np.float32(_first(W, c, target, mask, penalty))"),
        ("linear_code", "_first = linear_code",
         "np.linalg.lstsq(np.vstack([np.sqrt(mask / mask.sum())[:, None] * W,"
         " np.sqrt(penalty / W.shape[1]) * np.eye(W.shape[1])]),"
         " np.append(np.sqrt(mask / mask.sum()) * (target - c), np.zeros(W.shape[1])),"
         " rcond=None)[0].tolist()"),
    ],
    "hw14_wgan": [("earth_mover", "_first = earth_mover",
                   "torch.tensor(_first(torch.as_tensor(a).numpy(), torch.as_tensor(b).numpy()))")],
    "hw16_flows": [("log_density", "_first = log_density", "_first(x, a, b).astype(np.float32)")],
    "hw17_ddpm": [("leap", "_first = leap", "[row.tolist() for row in _first(x0, t, noise, betas)]")],
    "hw18_alignment": [
        ("compare", "_first = compare", "[np.asarray(part).tolist() for part in _first(better, worse)]"),
        ("clipped", "_first = clipped", "[np.float32(part) for part in _first(log_ratio, advantage, clip)]"),
        ("best_policy", "_first = best_policy",
         "[np.asarray(part).tolist() for part in _first(reference, reward, beta)]"),
        ("best_of", "_first = best_of", "_first(reference, reward, n).tolist()"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STYLES)
def test_another_style_is_right(name):
    notebook = read_source(ROOT / f"notebooks/homework/source/{name}/{name}.py")
    cells, namespace = exercises_of(notebook), run_notebook(notebook)
    refused = []
    for exercise, keep, result in STYLES[name]:
        solution, test = cells[exercise]
        head = next(line for line in solution.source.splitlines() if line.startswith(f"def {exercise}("))
        source = f"{solution.source}\n\n{keep}\n\n\n{head}\n    return {result}\n"
        probes = collect(test, namespace)
        drawn = [(p, inputs, evaluate(p, inputs, namespace)) for p in probes for inputs in p.draws(11)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict = _try(exercise, result, source, test, {11: drawn}, namespace)
        if verdict.visible or verdict.hidden:
            refused.append((exercise, result, verdict.visible, verdict.hidden))
    assert not refused, refused
