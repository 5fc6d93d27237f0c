"""The site as people meet it: links, words for pictures, a phone, the dark, a screen reader, and no network.

It is built once, without npm and with a proxy that nobody answers. Three pages are opened in a real browser
in the usual run, each page with --all.
"""

import base64
import functools
import http.server
import inspect
import io
import json
import os
import pydoc
import re
import subprocess
import sys
import threading
import tomllib
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import numpy as np
import pytest
from conftest import missing
from PIL import Image

from coursetools import assets, cli, moving
from coursetools.site import picture, searching, sources
from coursetools.site.docstrings import to_rst
from coursetools.slides import cells

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
MOVING = "01_pca_usarrests"
USUAL = {"index.html", "notebooks/01_pca_usarrests.html", "reference/pca.html"}
NOBODY = "http://127.0.0.1:9"  # the port of `discard`: a connection is refused at once


def keep_still(path):
    """Films of one position for a notebook: to run them all takes minutes."""
    coded = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    films, axis = {}, {"label": "still", "values": ["0"], "start": 0, "choice": False}
    for cell in coded:
        shown = cells.results(nbformat.from_dict(cell))[0] if "explorer(" in "".join(cell["source"]) else []
        if shown:
            alt, png = shown[0]
            width, height = Image.open(io.BytesIO(png)).size
            still = moving.Film(base64.b64encode(png).decode(), width, height, [axis], [""], [alt])
            films[cell["id"]] = [asdict(still)]
    kept = moving.kept_as(path.stem, coded)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(films), encoding="utf-8")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache with the packages of the usual one, in which the explorers of one notebook only move."""
    try:
        packages = assets.installed()
    except assets.AssetError as error:
        missing(str(error))
    folder = tmp_path_factory.mktemp("cache")
    (folder / packages.name).symlink_to(packages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_CACHE", str(folder))
        for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
            if path.stem != MOVING:
                keep_still(path)
        yield folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, cache):
    """The folder of a site that was built without a network."""
    out = tmp_path_factory.mktemp("web") / "site"
    offline = {"PATH": os.path.dirname(sys.executable), "OMP_NUM_THREADS": "1"}
    offline |= {name: NOBODY for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    command = [sys.executable, "-m", "coursetools.cli", "site", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 2 and str(out) in done.stdout.splitlines()[-1]
    assert f"Drawing the explorers of {MOVING}" in done.stdout
    (out / "axe.js").write_bytes((assets.package("axe-core") / "axe.min.js").read_bytes())
    return out


class Page(HTMLParser):
    """What matters of one page: ids, links, files it loads, pictures and headings."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.pictures, self.headings = set(), [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag in ("a", "link") and attributes.get("href"):
            (self.links if tag == "a" else self.loads).append(attributes["href"])
        for name in ("src", "srcset"):
            if attributes.get(name):
                self.loads.append(attributes[name])
        if tag == "img":
            self.pictures.append(attributes)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def pages(site):
    """All pages: {path from the site's root: Page}."""
    names = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    return {name: Page(site / name) for name in sorted(names) if not name.startswith("_static/")}


def target(page, link):
    """Path and anchor that a local `link` on `page` leads to, from the root of the site."""
    path, anchor = urldefrag(link)
    path = (
        os.path.normpath(os.path.join(os.path.dirname(page), unquote(path.split("?")[0]))) if path else page
    )
    return path, unquote(anchor)


def local(link):
    return not re.match(r"[a-z]+:|//", link)


def test_the_whole_course_is_there(pages):
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        assert f"notebooks/{path.stem}.html" in pages
    for path in (ROOT / "notebooks" / "homework").glob("*/*/*.ipynb"):
        assert path.relative_to(ROOT).with_suffix(".html").as_posix() in pages
    for path in (ROOT / "coursekit").glob("*.py"):
        if path.stem != "__init__":
            assert f"reference/{path.stem}.html" in pages
    assert {"docs/glossary.html", "docs/teacher.html", "CONTRIBUTING.html", "search.html"} <= pages.keys()


def test_no_link_is_broken(site, pages):
    broken = []
    for name, page in pages.items():
        for link in filter(local, page.links + page.loads):
            path, anchor = target(name, link)
            named = anchor in ("", "top") or path not in pages or anchor in pages[path].ids
            if not named or not (site / path).is_file():
                broken.append(f"{name}: {link}")
    assert not broken, broken[:10]


def test_every_page_can_be_reached(pages):
    reached, new = set(), {"index.html"}
    while new:
        reached |= new
        links = {target(name, link)[0] for name in new for link in filter(local, pages[name].links)}
        new = (links & pages.keys()) - reached
    # Sphinx makes search.html for the search field, and an index of modules that nothing needs.
    assert pages.keys() - reached <= {"search.html", "genindex.html", "_modules/index.html"}


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for name, page in pages.items():
        assert [load for load in page.loads if not local(load) and not load.startswith("data:")] == [], name
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path


def test_every_picture_has_words(pages):
    n_pictures = 0
    for name, page in pages.items():
        for attributes in page.pictures:
            n_pictures += 1
            assert len((attributes.get("alt") or "").split()) >= 5, (name, attributes.get("src", "")[:60])
    assert n_pictures > 100


def test_headings_are_in_order(pages):
    for name, page in pages.items():
        assert page.headings.count(1) == 1, name
        levels = page.headings[page.headings.index(1) :]
        assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False)), (name, levels)


# In a browser


@pytest.fixture(scope="module")
def address(site):
    """The address under which a server on this machine shows the site."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Visit:
    """A page of a browser that writes down requests to elsewhere and complaints."""

    def __init__(self, browser, address, name, *, width, mode):
        self.page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=mode)
        self.outside, self.complaints = [], []
        self.page.on(
            "request", lambda r: None if r.url.startswith((address, "data:")) else self.outside.append(r.url)
        )
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{address}/{name}")
        self.page.evaluate("window.MathJax && MathJax.startup.promise")

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.page.close()
        assert error or (self.outside == [] and self.complaints == []), (self.outside, self.complaints)


AXE = """() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target + ' ' + n.failureSummary).join(' | ')))"""
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 8).map(e => e.tagName + '.' + e.className)"""


def look(browser, address, name, *, axe=True):
    """What every page has to stand: a phone in the dark and a screen in the light; `axe` takes seconds."""
    for width, mode in ((390, "dark"), (1280, "light")):
        with Visit(browser, address, name, width=width, mode=mode) as visit:
            page = visit.page
            assert page.evaluate(WIDER) == [], (name, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.documentElement.dataset.theme") == mode
            assert page.locator("mjx-merror").count() == 0, name
            if axe:
                page.add_script_tag(url=f"{address}/axe.js")
                assert page.evaluate(AXE) == [], (name, mode)


@pytest.mark.parametrize("name", sorted(USUAL))
def test_a_page_on_phone_and_screen(browser, address, name):
    look(browser, address, name, axe=not name.startswith("notebooks/"))


@pytest.mark.exhaustive
def test_every_page_on_phone_and_screen(browser, address, pages):
    for name in sorted(pages):
        look(browser, address, name)


def test_formulas_are_typeset_and_folds_open(browser, address):
    with Visit(browser, address, "notebooks/01_pca_usarrests.html", width=1280, mode="light") as visit:
        assert visit.page.locator("mjx-container").count() > 50
        fold = visit.page.locator("details").first
        answer = fold.locator("p").first
        assert not answer.is_visible()
        fold.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        assert answer.is_visible() and "right angle" in answer.inner_text()


def test_figures_keep_their_white_in_the_dark(browser, address):
    with Visit(browser, address, "notebooks/01_pca_usarrests.html", width=1280, mode="dark") as visit:
        picture = visit.page.locator(".cell_output img").first
        style = picture.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).filter]")
        assert style == ["rgb(255, 255, 255)", "brightness(0.88)"]


def test_a_phone_is_told_that_a_figure_goes_on(browser, address):
    hint = "e => [getComputedStyle(e, '::after').content, e.tabIndex]"
    for width, wide in ((390, True), (1280, False)):
        with Visit(browser, address, "notebooks/01_pca_usarrests.html", width=width, mode="light") as visit:
            visit.page.wait_for_load_state("load")
            told = [e.evaluate(hint) for e in visit.page.locator("div.cell_output > .output.text_html").all()]
            assert {tab for text, tab in told if "swipe" in text} == ({0} if wide else set())


COMPOSED = """async box => {
    const [picture, change] = box.querySelectorAll('img');
    await Promise.all([picture, change].filter(e => !e.hidden).map(e => e.decode()));
    const canvas = Object.assign(document.createElement('canvas'),
        {width: picture.naturalWidth, height: picture.naturalHeight});
    const pen = canvas.getContext('2d');
    for (const image of [picture, change]) if (!image.hidden) pen.drawImage(image, 0, 0);
    return canvas.toDataURL();
}"""


def rows(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def move(page, box, angle):
    """Move the line of notebook 01 to an angle by keyboard; the picture must be the frame's."""
    slider, start = box.locator("input"), 18  # 90 degrees, in steps of 5
    slider.focus()
    for _ in range(abs(angle // 5 - start)):
        page.keyboard.press("ArrowRight" if angle > 90 else "ArrowLeft")
    assert box.locator("output").inner_text() == str(angle)
    assert slider.get_attribute("aria-valuetext") == str(angle)
    assert f"{angle} degrees" in box.locator("img").first.get_attribute("alt")
    assert f"{angle} degrees" in box.locator("[aria-live]").inner_text()
    return rows(box.evaluate(COMPOSED))


def test_explorers_move_on_the_site_and_in_a_deck(browser, address, site, tmp_path):
    """The same pictures in both, from a server and from a disk; at another angle another one."""
    seen = {}
    for start in (address, site.as_uri()):
        with Visit(browser, start, f"notebooks/{MOVING}.html", width=1280, mode="light") as visit:
            box = visit.page.locator(".moving").first
            before = rows(box.evaluate(COMPOSED))
            seen[start] = move(visit.page, box, 105)
            assert (before != seen[start]).any()
            folded = visit.page.locator("details", has_text="chosen positions")
            assert folded.count() == 1 and not folded.locator("img").first.is_visible()
    assert cli.main(["slides", MOVING[:2], "--out", str(tmp_path)]) == 0
    with Visit(browser, tmp_path.as_uri(), f"{MOVING}.html", width=1280, mode="light") as visit:
        page = visit.page
        page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
        box = page.locator(".moving").first
        slide = box.locator("xpath=ancestor::section[1]")
        slide.evaluate("slide => Reveal.slide(...Object.values(Reveal.getIndices(slide)))")
        place = page.evaluate("Reveal.getSlidePastCount()")
        seen["deck"] = move(page, box, 105)
        assert page.evaluate("Reveal.getSlidePastCount()") == place, "the arrows move the slider alone"
        room = slide.locator(".page").bounding_box()
        picture = box.locator("img").first.bounding_box()
        assert picture["y"] + picture["height"] <= room["y"] + room["height"] and picture["height"] > 300
    assert all((picture == seen["deck"]).all() for picture in seen.values())


def test_search_finds_and_needs_no_server(browser, address, site):
    for start in (address, site.as_uri()):
        with Visit(browser, start, "search.html?q=whitening", width=1280, mode="light") as visit:
            visit.page.locator("text=/found [0-9]+ pages/").wait_for()
            links = [link.get_attribute("href") for link in visit.page.locator("ul.search li a").all()]
            assert any("release/hw01_pca" in link for link in links)


# The parts


def test_the_front_page_leads_everywhere(site, pages, browser, address):
    """Each lecture by its box of the map, by its card with a picture, and its notebook and homework."""
    links = pages["index.html"].links
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        number, page = path.name[:2], f"notebooks/{path.stem}.html"
        boxes = 0 if number.startswith(picture.SUMMARIES) else 2
        assert links.count(page) >= boxes + 2, f"{page}: map, card, table"
        assert f"download/{path.name}" in links
        assert (site / "download" / path.name).read_bytes() == path.read_bytes()
        homework = [link for link in links if f"release/hw{number}_" in link]
        assert bool(homework) == (number not in ("00", "19", "99"))
    covers = [p for p in pages["index.html"].pictures if "covers/" in p["src"]]
    assert len(covers) >= 17
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/index.html")
    page.locator(".map-wide a").filter(has_text="01 ").click()
    page.wait_for_url("**/01_pca_usarrests.html")
    page.close()


def test_boxes_of_the_links_lie_over_those_of_the_map():
    lectures = sources.lectures(ROOT)
    drawn = picture.drawn_ones(lectures)
    for boxes, draw in ((picture.wide_boxes, picture.wide_map), (picture.tall_boxes, picture.tall_map)):
        figure = draw(drawn, picture.INK["light"])
        width, height = figure.get_size_inches()
        frames = [p.get_bbox() for p in figure.axes[0].patches if type(p).__name__ == "FancyBboxPatch"]
        for (_, left, top, wide, high), frame in zip(boxes(lectures), frames, strict=True):
            found = (left * width, height * (1 - top - high), wide * width, high * height)
            assert found == pytest.approx(frame.bounds, abs=0.01)


def test_the_gallery_shows_what_its_file_names(site, pages):
    wanted = tomllib.loads((ROOT / "docs/site/gallery.toml").read_text())["picture"]
    shown = [p["alt"] for p in pages["gallery.html"].pictures if "gallery/" in p["src"]]
    assert len(shown) == len(wanted) >= 6
    assert all(alt.startswith(each["shows"]) for alt, each in zip(shown, wanted, strict=True))


def test_code_is_copied_and_hidden(browser, address, site):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/notebooks/{MOVING}.html")
    button = page.locator(".course-copy").first
    button.hover()
    button.click()
    page.locator(".course-copy").get_by_text(re.compile("^(Copied|Press Ctrl-C)$")).wait_for(timeout=5000)
    page.get_by_role("button", name="Hide the code").click()
    assert not page.locator("div.cell_input").first.is_visible()
    page.reload()
    assert not page.locator("div.cell_input").first.is_visible(), "the choice is kept"
    page.get_by_role("button", name="Show the code").click()
    assert page.locator("div.cell_input").first.is_visible()
    page.close()


def test_what_is_shared_has_words(site):
    text = (site / "notebooks" / f"{MOVING}.html").read_text(encoding="utf-8")
    said = re.search(r'<meta name="description" content="([^"]{40,204})">', text)
    assert said and f'<meta property="og:description" content="{said[1]}">' in text
    assert 'property="og:title" content="01 · ' in text
    assert "og:image" not in text, "without an address there is no full name for it"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("reparameterization trick", "reparametrisation"),
        ("normalizing", "normalising"),
        ("k-means", "K-means"),
        ("Variational autoencoder", "VAE"),
        ("labelled neighbours", "labeled neighbors"),
    ],
)
def test_two_spellings_are_one_word_of_the_index(one, other):
    lang = searching.CourseEnglish({})
    words = [{lang.stem(word) for word in lang.split(text)} for text in (one, other)]
    assert words[0] == words[1]
    assert lang.stem(lang.split("k-means")[-1]) == "kmean" and "mean" in map(lang.stem, lang.split("k-means"))


def test_the_search_knows_other_words(browser, address):
    page = browser.new_page()

    def found(query):
        page.goto(f"{address}/search.html?q={query}")
        page.locator("#search-results .search-summary").first.wait_for()
        page.wait_for_function("!document.querySelector('#search-progress')?.textContent.endsWith('.')")
        page.wait_for_timeout(500)
        return page.locator("#search-results ul.search > li > a").all_inner_texts()

    assert any("11 · " in title for title in found("reparameterization trick"))
    assert any("02 · " in title for title in found("k-means")) and len(found("k-means")) < 40
    firsts = {query: found(query)[0][:5] for query in ("k-means", "PCA", "VAE", "clustering")}
    lectures = {"k-means": "02 · ", "PCA": "01 · ", "VAE": "11 · ", "clustering": "02 · "}
    assert firsts == lectures, "the lecture stands above the reference"
    found("reconstruction")
    said = page.locator("#search-results p.context").all_inner_texts()
    assert said and not any("\\" in words for words in said), "formulas are shown as words, not as TeX"
    page.close()


def test_a_docstring_becomes_markup():
    lines = ["Rows of X (n, p), *centred*; see `gram` and 01_pca_usarrests.", ""]
    lines += [
        "Args:",
        "    n_rows: how many x_",
        "        at a time, `gram`",
        "",
        "    x_i = *y*",
        "    |z|",
        "",
    ]
    lines += [">>> f(x_)", "1"]
    said = to_rst(lines, {"01_pca_usarrests"})
    assert said[0].startswith(
        "Rows of X (n, p), *centred*; see \\ :py:obj:`gram`\\  and \\ :doc:`01_pca_usarrests "
    )
    assert said[2:4] == ["Args:", "    n_rows: how many x\\_"]
    assert said[4].startswith("        at a time, \\ :py:obj:`gram`")
    assert [line.strip() for line in said[6:10]] == ["::", "", "x_i = *y*", "|z|"]
    assert said[11:13] == [">>> f(x_)", "1"]


def test_each_parameter_is_an_entry_of_the_reference(site):
    """Of every function, class and method; pictures and explorers say in prose what they take."""
    seen, lacking = 0, []
    for page in sorted((site / "reference").glob("*.html")):
        if page.stem.rpartition(".")[2] in ("pictures", "explorers", "plots", "widgets"):
            continue
        text = page.read_text(encoding="utf-8")
        _, *found = re.split(r'<dt class="sig sig-object py" id="(coursekit\.[^"]+)">', text)
        for name, entry in zip(found[::2], found[1::2], strict=True):
            entries = set(re.findall(r"<strong>\**(\w+)</strong>", entry))
            wanted = parameters_of(pydoc.locate(name))
            lacking += [f"{name}({parameter})" for parameter in wanted if parameter not in entries]
            seen += len(wanted)
    assert seen > 2000 and not lacking, lacking


def parameters_of(thing):
    """Names of what is given to a function, a class or a method; none of anything else."""
    try:
        return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]
    except (TypeError, ValueError):
        return []


def test_a_docstring_hides_no_mark():
    from docutils.core import publish_doctree

    text = "a*b, a_b_, |x|, `code` and `f(x_)`, <tag>, 2\\3, x`y, **kwargs"
    document = publish_doctree("\n".join(line.replace(":py:obj:", ":code:") for line in to_rst([text])))
    assert document.astext() == text.replace("`code`", "code").replace("`f(x_)`", "f(x_)")


def test_prose_keeps_its_links_and_folds(tmp_path):
    pages = {"notebooks/01_pca_usarrests.ipynb", "docs/glossary.md"}
    modules = {"coursekit/pca/model.py": "reference/pca"}
    stager = sources.Stager(ROOT, tmp_path, pages, {"docs/glossary"}, modules)
    text = "[a](../coursekit/pca/model.py) [b](../data/USArrests.csv) [c](../docs/glossary.md#x) [d](https://e.org)"
    said = stager.prose(text, "notebooks/01_pca_usarrests.ipynb")
    assert said == text.replace("../coursekit/pca/model.py", "../reference/pca.rst")
    assert (tmp_path / "data/USArrests.csv").read_bytes() == (ROOT / "data/USArrests.csv").read_bytes()
    assert stager.prose("`pca.PCA.mean_`, `x.y`", "docs/glossary.md") == (
        "{py:obj}`pca.PCA.mean_ <coursekit.pca.PCA.mean_>`, `x.y`"
    )
    folded = stager.prose(
        "<details><summary><b>Why</b> $a$?</summary>\n\nSo.\n</details>", "docs/glossary.md"
    )
    assert folded == "\n::::{fold} **Why** $a$?\nSo.\n::::\n"


def test_the_glossary_leads_to_the_code(pages):
    links = {link.partition("#")[2] for link in pages["docs/glossary.html"].links if "reference/" in link}
    # A learned attribute has no entry of its own and leads to its class.
    assert {"coursekit.checks.check", "coursekit.pca.PCA", "coursekit.evaluation.bits_per_dim"} <= links


def test_figures_state_their_size(pages):
    for name in ("notebooks/01_pca_usarrests.html", "notebooks/17_ddpm.html"):
        figures = [p for p in pages[name].pictures if p["src"].startswith("data:")]
        assert len(figures) > 8
        for figure in figures:
            data = base64.b64decode(figure["src"].partition(",")[2])
            with Image.open(io.BytesIO(data)) as image:
                assert image.size == (int(figure["width"]), int(figure["height"]))


def lecture(number, *needs, helps=()):
    return sources.Lecture(f"{number}_name", "A title", 60, needs, helps)


def test_arrows_say_what_is_needed_and_not_what_follows():
    chosen = [lecture("00"), lecture("01"), lecture("02", "01"), lecture("03", "00", "02", helps=("01",))]
    assert picture.arrows(chosen) == [
        ("00", "01", True),
        ("01", "02", True),
        ("02", "03", True),
        ("01", "03", False),
    ]


def test_no_word_is_broken_in_a_box_of_the_map():
    words = {word for one in sources.lectures(ROOT) for word in one.title.split()}
    figure = picture.wide_map(picture.drawn_ones(sources.lectures(ROOT)), picture.INK["light"])
    drawn = {word for text in figure.axes[0].texts for word in text.get_text().split()}
    assert {word for word in words if len(word) > 9} <= drawn | {"sheet"}


def test_boxes_of_the_map_keep_apart():
    chosen = [one for one in sources.lectures(ROOT) if one.number < "90"]
    place, height = picture.places(chosen)
    for item, (column, y) in place.items():
        assert 0 < y < height
        for other, (where, at) in place.items():
            if other != item and where == column:
                sizes = (picture.ROW if isinstance(one, str) else picture.LANE for one in (item, other))
                assert abs(y - at) >= sum(sizes) / 2 - 1e-9
    for earlier, later, _ in picture.arrows(chosen):
        assert place[earlier][0] < place[later][0]


def test_the_map_knows_what_a_lecture_needs():
    found = {one.number: one for one in sources.lectures(ROOT)}
    assert found["14"].needs == ("12",) and found["16"].helps == ("01",)
    assert found["01"].title == "PCA on USArrests" and found["01"].minutes == 90


def test_solutions_can_be_left_out(tmp_path):
    sources.stage(ROOT, tmp_path / "all")
    sources.stage(ROOT, tmp_path / "class", solutions=False)
    told = {
        kind: "".join(path.read_text(encoding="utf-8") for path in sorted((tmp_path / kind).rglob("*.ipynb")))
        for kind in ("all", "class")
    }
    for mark in ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS", "](../notebooks/homework/source/"):
        assert mark in told["all"] and mark not in told["class"]
    assert not (tmp_path / "class" / "notebooks" / "homework" / "source").exists()


# What is true where a notebook runs, and not of a page on which it stands.
RUNS = re.compile(
    r"just now|\bjust (been )?(computed|checked|run)|your (own )?(computer|copy|copies)"
    r"|\bon your (own )?machine|\bshift\W+enter|\bkernel →",
    re.IGNORECASE,
)


def test_no_page_says_that_it_runs(tmp_path):
    sources.stage(ROOT, tmp_path)
    for path in sorted((tmp_path / "notebooks").rglob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        assert not any("lab-only" in cell.metadata.get("tags", []) for cell in cells), path.name
        said = [RUNS.search(cell.source) for cell in cells if cell.cell_type == "markdown"]
        assert not any(said), (path.name, [match[0] for match in said if match])
    # The front page also tells how to run it.
    assert not re.search(
        r"just now|\bjust (been )?computed", (tmp_path / "index.md").read_text(encoding="utf-8")
    )


def test_what_only_jupyterlab_needs_stays_out_of_a_page(tmp_path):
    stager = sources.Stager(ROOT, tmp_path, set(), set(), {})
    title, here, there = (nbformat.v4.new_markdown_cell(text) for text in ("# A", "Press a key.", "Read."))
    here.metadata.tags = ["lab-only"]
    ran = nbformat.v4.new_markdown_cell("Each ✓ was computed just now, on your machine.")
    notebook = nbformat.v4.new_notebook(cells=[title, here, there, ran])
    staged = json.loads(stager.notebook(nbformat.writes(notebook), "notebooks/01_a.ipynb", {}))
    assert [cell["source"] for cell in staged["cells"][1:]] == [
        "Read.",
        "Each ✓ was computed when this page was made.",
    ]


def test_an_answer_is_one_sentence(tmp_path, capsys):
    from coursetools import cli

    (tmp_path / "mine.txt").write_text("not a site")
    for place in (tmp_path, tmp_path / "mine.txt", tmp_path / "mine.txt" / "site"):
        assert cli.main(["site", "--out", str(place)]) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and str(place) in said.err
    assert (tmp_path / "mine.txt").read_text() == "not a site"
