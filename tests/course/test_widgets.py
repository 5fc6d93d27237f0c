"""Explorers: each frame is called at both ends and the middle of its range and draws what it says."""

import time

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through, move_to_the_ends

from coursekit import plots, widgets
from coursekit.pca import explorers as pca_explorers
from coursekit.start import explorers as start_explorers


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def test_line_explorer_draws_what_it_says():
    rng = np.random.default_rng(3)
    cloud = rng.normal(size=(30, 2)) * [2, 0.5]
    cloud -= cloud.mean(axis=0)
    move_through(pca_explorers.line_explorer(cloud))
    for angle in (0, 90, 180):
        left, right = pca_explorers.line_frame(cloud, angle).axes
        turn = np.radians(angle)
        kept = np.mean((cloud @ [np.cos(turn), np.sin(turn)]) ** 2)
        marked = right.lines[3].get_ydata()
        np.testing.assert_allclose(marked, [kept, np.mean((cloud**2).sum(axis=1)) - kept])
        np.testing.assert_allclose(right.lines[0].get_ydata()[angle], kept)
        assert f"{angle} degrees" in left.get_title(
            loc="left"
        ) and f"{angle} degrees" in pca_explorers.line_alt(angle)


def test_digit_explorer_draws_what_it_says():
    from coursekit.data import digits
    from coursekit.pca import PCA

    images = digits().x
    model = PCA().fit(images)
    move_through(pca_explorers.digit_explorer(model, images[:10], (8, 8)))
    for k in (0, 32, 64):
        above, below = (
            ax.images[0].get_array() for ax in pca_explorers.digit_frame(model, images[:10], (8, 8), k).axes
        )
        np.testing.assert_allclose(above[1:9, 1:9], images[0].reshape(8, 8))
        centred = images[0] - model.mean_
        rebuilt = model.mean_ + model.components_[:k].T @ (model.components_[:k] @ centred)
        np.testing.assert_allclose(below[1:9, 1:9], rebuilt.reshape(8, 8), atol=1e-10)
    assert np.allclose(above, below), "all components rebuild the image"


def test_kl_explorer_says_both_divergences():
    x = np.linspace(-30, 30, 12001)
    p = 0.6 * start_explorers.gaussian(x, -2, 0.7) + 0.4 * start_explorers.gaussian(x, 2.2, 0.6)
    move_through(start_explorers.kl_explorer(x, p))
    for mean, std in ((-4, 0.4), (0, 1), (-2, 0.7), (4, 4)):
        bars = start_explorers.kl_frame(x, p, mean, std).axes[1]
        forward, reverse = (text.get_text() for text in bars.texts)
        said = start_explorers.kl_alt(x, p, mean, std)
        assert f"mean {mean:.1f}" in said and f"KL(p || q) is {forward}, KL(q || p) is {reverse}." in said
    assert "KL(q || p) is 0.51" in start_explorers.kl_alt(x, p, -2, 0.7), (
        "-log of the share 0.6 that it keeps"
    )


def test_show_insists_on_a_description():
    with pytest.raises(ValueError, match="alt"):
        plots.show(plt.figure(), alt="figure")


def test_static_frames_stitch_without_shrinking():
    import base64
    import io

    from PIL import Image

    def frame(width):
        return plt.figure(figsize=(width, 2))

    html = plots.image_html([frame(4), frame(5), frame(3)], "three <frames> in two rows")
    picture = Image.open(io.BytesIO(base64.b64decode(html.split("base64,")[1].split('"')[0])))
    assert picture.size == (900, 400)
    assert 'alt="three &lt;frames&gt; in two rows"' in html
    assert not plt.get_fignums(), "shown figures are closed"


def test_explorer_without_a_change_is_found():
    import ipywidgets

    slider = ipywidgets.IntSlider(min=0, max=4, description="nothing")
    box = widgets.explore(
        lambda n: plt.figure(figsize=(2, 2)), alt=lambda n: f"an empty figure at {n}", n=slider
    )
    with pytest.raises(AssertionError, match="does not change"):
        move_through(box)


def test_slow_explorer_is_found():
    import ipywidgets

    def frame(n):
        end = time.process_time() + 0.35
        while time.process_time() < end:
            pass
        return plt.figure(figsize=(1, 1))

    slider = ipywidgets.IntSlider(min=0, max=2, description="slow")
    box = widgets.explore(frame, alt=lambda n: f"an empty figure at {n}", n=slider)
    assert move_to_the_ends(box) > 0.3
