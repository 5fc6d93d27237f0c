"""Every model's public verbs: arrays of any precision are taken, bad ones refused in a sentence."""

import numpy as np
import pytest
import torch

from coursekit import (
    alignment,
    autoencoder,
    autoregressive,
    clustering,
    conditional_gan,
    data,
    dbn,
    ddpm,
    embeddings,
    evaluation,
    factorization,
    flow,
    gan,
    manifold,
    pca,
    rbm,
    training,
    transformer,
    vae,
    wgan,
)
from coursekit.evaluation import DigitClassifier
from coursekit.networks import LabelEmbedding, TimeMLP, UNet, conv_net, mlp, residual_mlp

BITS = (np.random.default_rng(0).random((6, 4)) < 0.5).astype(float)


def models():
    torch.manual_seed(0)
    return {
        "rbm": rbm.RBM(4, 3),
        "gaussian rbm": rbm.RBM(4, 3, visible="gaussian"),
        "autoencoder": autoencoder.Autoencoder(4, 2, hidden=3, likelihood="bernoulli"),
        "vae": vae.VAE(4, 2, hidden=3),
        "flow": flow.Flow([flow.AffineCoupling(4, hidden=8)], shape=4),
        "ddpm": ddpm.DDPM(TimeMLP(4, width=8), ddpm.cosine_schedule(3), shape=4),
        "gan": gan.GAN(mlp((2, 4)), mlp((4, 1)), n_latent=2),
        "wgan": wgan.WGAN(mlp((2, 4)), mlp((4, 1)), n_latent=2),
    }


# What each model makes of data x; seeded where it is random.
VERBS = {
    "rbm": ["free_energy", "log_prob", "hidden_probability", "exact_gradient", "expected_cd_gradient"],
    "gaussian rbm": ["free_energy", "log_prob", "cd_gradient"],
    "autoencoder": ["loss", "encode", "reconstruct", "jacobian_norm"],
    "vae": ["loss", "elbo", "encode"],
    "flow": ["loss", "log_prob", "forward"],
    "ddpm": ["loss", "elbo"],
    "gan": ["score", "probability", "generator_loss"],
    "wgan": ["score", "generator_loss"],
}
CASES = [(name, verb) for name, verbs in VERBS.items() for verb in verbs]
RANDOM = {
    ("vae", "loss"),
    ("vae", "elbo"),
    ("ddpm", "loss"),
    ("ddpm", "elbo"),
    ("gaussian rbm", "cd_gradient"),
}


def call(name, verb, x):
    options = {"rng": torch.Generator().manual_seed(1)} if (name, verb) in RANDOM else {}
    return getattr(models()[name], verb)(x, **options)


def flat(result):
    if isinstance(result, torch.Tensor):
        return [result.detach()]
    return [
        part for value in (result.values() if isinstance(result, dict) else result) for part in flat(value)
    ]


@pytest.mark.parametrize(("name", "verb"), CASES)
def test_arrays_of_any_kind_give_the_numbers_of_the_models_own_precision(name, verb):
    own = flat(call(name, verb, torch.tensor(BITS, dtype=torch.float32)))
    for x in (BITS, BITS.astype(np.int64), BITS.tolist(), torch.tensor(BITS), torch.tensor(BITS).long()):
        for mine, other in zip(own, flat(call(name, verb, x)), strict=True):
            assert mine.dtype == other.dtype == torch.float32 and torch.equal(mine, other)


@pytest.mark.parametrize(("name", "verb"), [case for case in CASES if case[0] not in ("gan", "wgan")])
def test_another_width_is_refused_in_a_sentence(name, verb):
    with pytest.raises(ValueError, match=r"[xv] must have shape \(n, 4\), got \(6, 3\)"):
        call(name, verb, BITS[:, :3])


@pytest.mark.parametrize(
    ("name", "verb"),
    [("rbm", "log_prob"), ("rbm", "exact_gradient"), ("gaussian rbm", "cd_gradient"), ("autoencoder", "loss")]
    + [("vae", "loss"), ("flow", "loss"), ("ddpm", "loss"), ("ddpm", "elbo")],
)
def test_nan_is_refused_in_a_sentence(name, verb):
    bad = BITS.copy()
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match="[xv] holds 1 values that are NaN or infinite"):
        call(name, verb, bad)


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("rbm", "free_energy"),
        ("rbm", "exact_gradient"),
        ("autoencoder", "loss"),
        ("vae", "loss"),
    ],
)
def test_pixels_beyond_1_are_no_bits_and_grey_ones_are_allowed(name, verb):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        call(name, verb, 16 * BITS)
    call(name, verb, BITS / 3)


def test_only_bits_are_states_that_have_a_probability():
    own = {"rbm": rbm.RBM(4, 3), "boltzmann": rbm.BoltzmannMachine(4), "dbn": dbn.DBN((4, 3, 2))}
    verbs = [(own[name], "log_prob") for name in own] + [(own["dbn"], "bound")]
    for model, verb in verbs:
        getattr(model, verb)(BITS)
        with pytest.raises(ValueError, match=r"[vx] must hold zeros and ones only, .* one of 2\^4 states"):
            getattr(model, verb)(BITS / 3)
        with pytest.raises(ValueError, match=r"[vx] must lie in \[0, 1\]"):
            getattr(model, verb)(2 * BITS)
    rbm.RBM(4, 3, visible="gaussian").log_prob(BITS / 3)


def test_a_data_set_counts_as_its_x():
    """In every model and every estimator, for those who forget the `.x`."""
    whole = data.Dataset(BITS, feature_names=tuple("abcd"))
    for name, verb in CASES:
        if name not in ("gan", "wgan"):
            expected = flat(call(name, verb, BITS))
            assert all(map(torch.equal, expected, flat(call(name, verb, whole))))
    np.testing.assert_array_equal(pca.PCA(2).fit_transform(whole), pca.PCA(2).fit_transform(BITS))
    np.testing.assert_array_equal(clustering.linkage(whole, "average"), clustering.linkage(BITS, "average"))
    assert evaluation.frechet_distance(whole, whole) == pytest.approx(0, abs=1e-12)


def test_networks_of_ones_own_that_do_not_fit_are_named():
    x = torch.tensor(BITS)
    for game, opponent in (
        (gan.GAN(mlp((2, 4)), mlp((4, 1)), n_latent=3), "discriminator"),
        (wgan.WGAN(mlp((2, 4)), mlp((4, 1)), n_latent=3), "critic"),
    ):
        with pytest.raises(ValueError, match=r"the generator does not take samples of shape \(n, 3\)"):
            game.sample(5)
        with pytest.raises(
            ValueError, match=rf"the {opponent} does not take samples of shape \(n, 3\): mat1"
        ):
            game.opponent_loss(x[:, :3], x[:, :3])

    class Broken(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="^something else$"):
        gan.GAN(mlp((2, 4)), Broken(), n_latent=2).score(x)


def test_the_rest():
    machine, x = rbm.RBM(4, 3), torch.tensor(BITS)
    calls = [
        (lambda: machine.cd_gradient(x, k=0), "k must be at least 1, got 0"),
        (lambda: machine.expected_cd_gradient(x, k=0), "k must be at least 1, got 0"),
        (lambda: machine.expected_cd_gradient(x, k=-5), "k must be at least 1, got -5"),
        (lambda: machine.cd_gradient(x[:0]), "v must hold at least one example"),
        (lambda: machine.sample(2, rng=0), "rng must be a torch.Generator"),
        (lambda: machine.visible_mean(x), r"h must have shape \(n, 3\), got \(6, 4\)"),
        (lambda: machine.energy(x, x), r"h must have shape \(n, 3\)"),
        (lambda: autoencoder.Autoencoder(4, 2).decode(x), r"z must have shape \(n, 2\), got \(6, 4\)"),
        (lambda: autoencoder.Autoencoder(4, 2, noise="much"), "noise must be a number"),
        (lambda: flow.real_nvp(4).inverse(x[:, :3]), r"z must have shape \(n, 4\), got \(6, 3\)"),
        (lambda: flow.real_nvp(4).discrete_log_prob(x, 0), "n_samples must be at least 1"),
        (
            lambda: wgan.gradient_penalty(mlp((4, 1)), x, x, epsilon=0.5),
            r"epsilon must have shape \(n,\), got \(\)",
        ),
    ]
    for action, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            action()


# A good value for every setting of every public class and builder, which a bad one then replaces.
SETTINGS = {
    "Autoencoder": (autoencoder.Autoencoder, {"n_inputs": 4, "n_code": 2, "hidden": (3,), "noise": 0.1}),
    "ConvAutoencoder": (autoencoder.ConvAutoencoder, {"image_shape": (8, 8), "n_code": 2, "channels": (4,)}),
    "VAE": (
        vae.VAE,
        {"n_inputs": 4, "n_latent": 2, "hidden": (3,), "beta": 1.0, "prior_components": 2, "n_classes": 2},
    ),
    "MixturePrior": (vae.MixturePrior, {"n_latent": 2, "n_components": 2}),
    "FullyVisibleBeliefNet": (autoregressive.FullyVisibleBeliefNet, {"n_pixels": 4, "n_levels": 2}),
    "MADE": (autoregressive.MADE, {"n_pixels": 4, "n_levels": 2, "hidden": (8,), "dropout": 0.1}),
    "MaskGIT": (autoregressive.MaskGIT, {"n_pixels": 4, "n_levels": 2, "hidden": (8,)}),
    "PixelCNN": (
        autoregressive.PixelCNN,
        {"shape": (4, 4), "width": 8, "n_layers": 2, "dropout": 0.1, "layer_dropout": 0.1},
    ),
    "PixelRNN": (autoregressive.PixelRNN, {"shape": (4, 4), "width": 8, "kernel": 3}),
    "MaskedConv2d": (autoregressive.MaskedConv2d, {"n_in": 1, "n_out": 2, "kernel": 3, "kind": "A"}),
    "GPT": (transformer.GPT, {"n_words": 5, "context": 4, "width": 8, "n_layers": 1, "n_heads": 2}),
    "BERT": (transformer.BERT, {"n_words": 5, "context": 4, "width": 8, "n_layers": 1, "n_heads": 2}),
    "Block": (transformer.Block, {"width": 8, "n_heads": 2}),
    "SelfAttention": (transformer.SelfAttention, {"width": 8, "n_heads": 2}),
    "BytePairs": (transformer.BytePairs, {"n_words": 5}),
    "KneserNey": (transformer.KneserNey, {"order": 2, "n_words": 5}),
    "MixtureOfExperts": (
        alignment.MixtureOfExperts,
        {"width": 4, "n_experts": 3, "k": 2, "n_hidden": 8},
    ),
    "LoRA": (lambda **given: alignment.LoRA(torch.nn.Linear(4, 3), **given), {"rank": 2}),
    "DBN": (dbn.DBN, {"sizes": (4, 3, 2), "n_labels": 2}),
    "LabelRBM": (dbn.LabelRBM, {"n_features": 4, "n_hidden": 3, "n_labels": 2}),
    "LatentCoder": (ddpm.LatentCoder, {"n_inputs": 4, "n_code": 2, "hidden": (8,), "noise": 0.1}),
    "cosine_schedule": (ddpm.cosine_schedule, {"T": 3}),
    "linear_schedule": (ddpm.linear_schedule, {"T": 3, "beta_start": 1e-3, "beta_end": 0.1}),
    "ActNorm": (flow.ActNorm, {"n_features": 4}),
    "AffineCoupling": (
        flow.AffineCoupling,
        {"n_features": 4, "hidden": (8,), "bound": 2.0, "dropout": 0.1, "n_classes": 2},
    ),
    "InvertibleLinear": (flow.InvertibleLinear, {"n_features": 4}),
    "Whiten": (flow.Whiten, {"n_features": 4}),
    "Logit": (flow.Logit, {"scale": 1.0, "margin": 1e-5}),
    "glow": (flow.glow, {"shape": (1, 4, 4), "n_steps": 2, "hidden": (8,), "n_levels": 3, "n_classes": 2}),
    "real_nvp": (flow.real_nvp, {"n_features": 4, "n_layers": 2, "hidden": (8,), "n_classes": 2}),
    "GAN": (lambda **given: gan.GAN(mlp((2, 4)), mlp((4, 1)), **given), {"n_latent": 2, "r1": 0.1}),
    "WGAN": (
        lambda **given: wgan.WGAN(mlp((2, 4)), mlp((4, 1)), **given),
        {"n_latent": 2, "penalty_weight": 10.0, "clip": 0.1},
    ),
    "batch_discriminator": (gan.batch_discriminator, {"n_inputs": 4, "width": 8}),
    "RBM": (rbm.RBM, {"n_visible": 4, "n_hidden": 3}),
    "BoltzmannMachine": (rbm.BoltzmannMachine, {"n_units": 4}),
    "TimeMLP": (TimeMLP, {"n_features": 4, "width": 8, "n_blocks": 2, "n_time": 8, "n_classes": 2}),
    "UNet": (UNet, {"n_channels": 1, "width": 8, "n_time": 8, "n_classes": 2}),
    "LabelEmbedding": (LabelEmbedding, {"n_classes": 2, "n_features": 4}),
    "mlp": (mlp, {"sizes": (4, 3, 2), "dropout": 0.1}),
    "conv_net": (conv_net, {"sizes": (4, 3, 2), "dropout": 0.1}),
    "residual_mlp": (residual_mlp, {"sizes": (4, 3, 3, 2)}),
    "DigitClassifier": (DigitClassifier, {"n_inputs": 4, "n_hidden": 8, "n_features": 4, "n_classes": 3}),
}
BAD = {int: [-1, 2.5, "3", None, True, (3,)], float: [-1.0, np.nan, "much", None]}
BAD[tuple] = [8.0, (0,), (2.5,), ("a",), None, "38", {4: 3}]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_looked_at_before_pytorch_sees_it(name):
    build, settings = SETTINGS[name]
    build(**settings)
    for key, value in settings.items():
        for bad in BAD.get(type(value), ["nonsense"]):
            if (name, key, bad) == ("glow", "n_levels", None):  # of no levels: continuous data
                continue
            with pytest.raises(ValueError) as caught:
                build(**{**settings, key: bad})
            said, word = str(caught.value), key if key != "kind" else "kind of mask"
            assert word in said or key in ("n_features", "sizes"), f"{key}={bad!r}: {said}"


@pytest.mark.parametrize("name", [name for name in SETTINGS if "hidden" in SETTINGS[name][1]])
def test_one_hidden_layer_may_be_given_as_a_number_and_a_numpy_number_is_one(name):
    build, settings = SETTINGS[name]
    shapes = []
    for hidden in (8, (8,), [8], np.array([8]), np.int64(8)):
        model = build(**{**settings, "hidden": hidden})
        shapes.append([tuple(parameter.shape) for parameter in model.parameters()])
    assert all(shape == shapes[0] for shape in shapes)


def whole():
    """name -> (loop, model) for each loop and every kind of model that computes with its data."""
    torch.manual_seed(0)
    fit, contrast, play = training.fit, training.fit_contrastive, training.fit_adversarial
    found = {name: (fit, models()[name]) for name in ("autoencoder", "vae", "flow", "ddpm")}
    found |= {name: (contrast, models()[name]) for name in ("rbm", "gaussian rbm")}
    found |= {name: (play, models()[name]) for name in ("gan", "wgan")}
    found["MADE"] = (fit, autoregressive.MADE(4, hidden=8))
    found["coder"] = (fit, ddpm.LatentCoder(4, 2, hidden=8))
    found["batch discriminator"] = (play, gan.GAN(mlp((2, 4)), gan.batch_discriminator(4, 8), n_latent=2))
    return found


@pytest.mark.parametrize("name", whole())
def test_whole_numbers_train_like_the_floats_they_are(name):
    trained = []
    for x in (BITS, BITS.astype(np.int64), torch.tensor(BITS, dtype=torch.int32), BITS.astype(np.uint8)):
        loop, model = whole()[name]
        loop(model, x, n_steps=2, batch_size=3)
        trained.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert all(torch.equal(trained[0], other) for other in trained[1:])


def test_a_loss_of_ones_own_that_wants_floats_is_told_so():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp((4, 4))

        def loss(self, x, *, rng=None):
            return ((self.net(x) - x) ** 2).mean()

    with pytest.raises(ValueError, match=r"x holds whole numbers, .* Own.loss wants floats"):
        training.fit(Own(), BITS.astype(int), n_steps=1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):  # of another kind: PyTorch's own
        training.fit(Own(), BITS[:, :3], n_steps=1)


def test_networks_and_layers_say_what_they_were_built_for():
    unet, t = UNet(width=8, n_time=8), torch.ones(2, dtype=torch.int64)
    x, wide = torch.zeros(2, 4), torch.zeros(2, 5)
    squeeze, images = flow.Squeeze(), torch.zeros(2, 3, 4, 4)
    calls = [
        (lambda: unet(torch.zeros(2, 1, 7, 7), t), r"height and width, .* even, got \(2, 1, 7, 7\)"),
        (lambda: unet(torch.zeros(2, 1, 8, 7), t), r"must be even, got \(2, 1, 8, 7\)"),
        (lambda: unet(torch.zeros(2, 3, 8, 8), t), r"x must have shape \(n, 1, any, any\)"),
        (lambda: unet(torch.zeros(2, 8, 8), t), r"x must have shape \(n, 1, any, any\), got \(2, 8, 8\)"),
        (lambda: unet(torch.zeros(3, 1, 8, 8), t), "one time per example: 2 times for 3 examples"),
        (lambda: TimeMLP(4, width=8)(wide, t), r"x must have shape \(n, 4\), got \(2, 5\)"),
        (lambda: TimeMLP(4, width=8)(x, t[:1]), "one time per example: 1 times for 2 examples"),
        (lambda: squeeze.inverse(images), r"Squeeze undoes \(n, 4 channels, height, width\)"),
        (lambda: squeeze.inverse(x), r"Squeeze undoes \(n, 4 channels, height, width\)"),
        (lambda: flow.Flow([3], shape=4), "layers must be a list of modules"),
        (lambda: flow.Permute(None), "order must be an array of numbers"),
    ]
    for layer in flow_layers():
        calls += [
            (lambda layer=layer: layer.forward(wide), r"x must have 4 features .* got \(2, 5\)"),
            (lambda layer=layer: layer.inverse(wide), r"must have 4 features .* got \(2, 5\)"),
        ]
    for action, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            action()


def flow_layers():
    torch.manual_seed(0)
    layers = [flow.ActNorm(4), flow.AffineCoupling(4), flow.InvertibleLinear(4), flow.Whiten(4)]
    return [*layers, flow.Permute([2, 0, 3, 1])]


@pytest.mark.parametrize("number", range(5))
def test_layers_take_arrays_and_whole_numbers(number):
    layer = flow_layers()[number].eval()
    for verb in (layer.forward, layer.inverse):
        own = verb(torch.tensor(BITS, dtype=torch.float32))
        for x in (BITS, BITS.astype(int), torch.tensor(BITS).long()):
            kept = [np.asarray(part.detach(), dtype=float) for part in verb(x)]
            for mine, other in zip(own, kept, strict=True):
                np.testing.assert_array_equal(mine.detach(), other)


@pytest.mark.parametrize("predictor", [TimeMLP(4, width=8), UNet(width=8, n_time=8)])
def test_time_networks_take_arrays_and_times_of_any_kind(predictor):
    torch.nn.init.normal_(
        predictor.leave.weight if isinstance(predictor, TimeMLP) else predictor.leave[-1].weight
    )
    x = BITS if isinstance(predictor, TimeMLP) else np.tile(BITS.reshape(6, 1, 2, 2), (1, 1, 4, 4))
    t = np.arange(1, 7)
    own = predictor(torch.tensor(x, dtype=torch.float32), torch.tensor(t))
    for given, times in ((x, t), (torch.tensor(x), t.tolist()), (x.astype(int), torch.tensor(t).float())):
        assert torch.equal(own, predictor(given, times))


def test_numbers_that_choose_how_many_and_how_finely_are_looked_at_too():
    p, q, Z = [0.5, 0.5], [0.2, 0.8], clustering.linkage(np.arange(5.0)[:, None], "single")
    garbage = np.random.default_rng(0).normal(size=(4, 4))
    calls = [
        (lambda: gan.jensen_shannon(p, q, -1), "dx must be positive, got -1"),
        (lambda: gan.jensen_shannon(p, q, np.nan), "dx must be positive, got nan"),
        (lambda: gan.jensen_shannon([5, 5], q, 1), "must integrate to 1, got 10 and 1"),
        (lambda: gan.game_value(p, p, q, "a"), "dx must be a number, got 'a'"),
        (lambda: clustering.cut(garbage, 2), "Z"),
        (lambda: clustering.cut(np.abs(garbage) % 1, 2), "Z is no merge tree"),
        (lambda: clustering.cut(Z, 2.5), "n_clusters must be a whole number, got 2.5"),
        (lambda: clustering.cut(Z, "2"), "n_clusters must be a whole number, got '2'"),
        (lambda: TimeMLP(4, n_time=5), "n_time must be even"),
        (lambda: UNet(n_time=5), "n_time must be even"),
        (lambda: evaluation.bits_per_dim(1.0, 2.5), "n_dims must be a whole number"),
        (lambda: evaluation.bits_per_dim(1.0, 4, level="1"), "level must be a number"),
        (lambda: evaluation.bits_per_dim(1.0, 4, level=np.nan), "level must be positive"),
        (lambda: evaluation.ais_log_partition(rbm.RBM(4, 3), n_steps=2.5), "n_steps must be a whole number"),
        (lambda: evaluation.ais_log_partition(rbm.RBM(4, 3), n_chains="9"), "n_chains must be a whole"),
        (lambda: rbm.all_states(2.5), "n_units must be a whole number"),
        (lambda: rbm.all_states(-1), "n_units must be at least 0"),
        (lambda: rbm.RBM(4, 3).sample(2, n_steps=-1), "n_steps must be at least 0"),
        (lambda: vae.active_units(BITS, threshold=np.nan), "threshold must be at least 0"),
        (lambda: mlp((4, 3, 2), activation=["relu"]), "unknown activation"),
    ]
    for action, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            action()


WORLD, CHAINS = data.topic_world(n_words=12, n_topics=2, n_classes=2), data.markov_chains()
COUNTS, WORDS = np.array([[3, 1, 2], [1, 2, 1], [2, 1, 4]]), np.array([[1, 2, 4, 3]])
# A call, its numbers where they are right, and which of these are amounts; the others count something.
COUNTED = [
    (data.shapes, {"n": 2, "size": 16, "noise": 0.1, "rng": 0}, {"noise"}),
    (lambda **given: data.toy2d("ring", **given), {"n": 2, "rng": 0}, ()),
    (data.digits().split, {"seed": 0}, ()),
    (lambda seed: data.binarised(data.digits(), seed), {"seed": 0}, ()),
    (lambda seed: data.train_and_test("digits", seed=seed), {"seed": 0}, ()),
    (WORLD.sample, {"n": 2, "length": 3, "rng": 0}, ()),
    (WORLD.sample_pairs, {"n": 2, "length": 3, "rng": 0}, ()),
    (lambda cut: WORLD.hidden_words(WORDS, cut=cut), {"cut": 2}, ()),
    (lambda cut: WORLD.continues(WORDS, cut=cut), {"cut": 2}, ()),
    (
        data.topic_world,
        {"n_words": 9, "n_topics": 2, "n_classes": 2, "word_concentration": 0.1, "seed": 0},
        {"word_concentration"},
    ),
    (CHAINS.sample, {"n": 2, "length": 3, "rng": 0}, ()),
    (data.markov_chains, {"n_states": 3, "concentration": 0.5}, {"concentration"}),
    (manifold.flat_sheet, {"n": 4, "rng": 0}, ()),
    (lambda **given: factorization.hold_out(COUNTS, **given), {"share": 0.2, "rng": 0}, {"share"}),
    (embeddings.royal_family, {"n_traces": 3, "rng": 0}, ()),
    (lambda power: embeddings.ppmi(COUNTS, power=power), {"power": 0.75}, {"power"}),
    (lambda power: embeddings.noise_distribution(COUNTS[0], power=power), {"power": 0.75}, {"power"}),
    (lambda word: embeddings.nearest(COUNTS, word, 1), {"word": 1}, ()),
    (lambda amount: autoencoder.corrupt(torch.ones(2, 3), amount), {"amount": 0.1}, {"amount"}),
    (lambda n_pixels: autoregressive.steps_to_reveal(n_pixels, 3), {"n_pixels": 9}, ()),
    (
        lambda **given: autoregressive.seen_pixels((5, 5), gated=True, **given),
        {"row": 2, "column": 2, "kernel": 3, "n_layers": 2},
        (),
    ),
    (autoregressive.MADE(4, hidden=(8,)).sample, {"n": 2}, ()),
    (conditional_gan.ConditionalDiscriminator, {"n_inputs": 4, "n_condition": 2, "width": 8}, ()),
    (conditional_gan.GrowingGenerator, {"n_latent": 4, "n_channels": 3, "width": 4}, ()),
    (conditional_gan.TranslationUNet, {"n_in": 1, "n_out": 1, "n_latent": 2, "width": 4}, ()),
    (dbn.DBN((4, 3, 3)).float().sample, {"n": 2, "n_steps": 2}, ()),
    (transformer.causal_mask, {"n_queries": 2, "n_keys": 3}, ()),
]


@pytest.mark.parametrize("call, right, amounts", COUNTED)
def test_fractions_negative_sizes_and_words_are_answered_with_the_name_of_what_is_wrong(call, right, amounts):
    call(**right)
    for name in right:
        for bad in (-1, "3", np.nan) if name in amounts else (-1, "3", np.nan, 2.5):
            with pytest.raises(ValueError, match=rf"^{name} must "):
                call(**right | {name: bad})


def test_a_share_of_the_rows_is_no_seed_of_a_split():
    with pytest.raises(ValueError, match=r"^seed must be a whole number .*, got 1\.5$"):
        data.digits().split(1.5)


@pytest.mark.parametrize("name", ["rbm", "gaussian rbm", "vae", "flow", "ddpm", "gan", "wgan"])
def test_how_many_samples_is_a_whole_number(name):
    for n in (-1, 2.5, "3", None):
        with pytest.raises(ValueError, match=r"^n must be "):
            models()[name].sample(n)
    assert models()[name].sample(np.int64(2)).shape == (2, 4) and models()[name].sample(0).shape == (0, 4)


def test_the_penalty_and_the_weighted_bound_take_arrays():
    critic, x = mlp((4, 1)), torch.tensor(BITS, dtype=torch.float32)
    half = np.full(6, 0.5)
    own = wgan.gradient_penalty(critic, x, x.flip(0), epsilon=torch.tensor(half))
    assert torch.equal(own, wgan.gradient_penalty(critic, BITS, BITS[::-1].copy(), epsilon=half))
    weights = [[0.0, 1.0], [2.0, 1.0]]
    expected = [np.log((1 + np.exp(2)) / 2), 1.0]
    np.testing.assert_allclose(vae.importance_weighted_bound(weights), expected)
