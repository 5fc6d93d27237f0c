"""Decks: prose cut to what a slide can say, pages measured in a real browser, no request to the outside."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import missing
from PIL import Image, ImageDraw

from coursetools import assets, cli
from coursetools.slides import cells, deck, layout, wording
from coursetools.slides.plan import plan

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


# Assets: fetched once, compared, kept


def npm_of(folder, script):
    """A program `npm` in a folder of its own, which becomes the whole PATH."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_packages_are_fetched_once_and_kept_whole(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    npm_of(tmp_path / "bin", "mkdir -p node_modules/reveal.js && exit 1")
    with pytest.raises(assets.AssetError):
        assets.package("reveal.js")
    assert list((tmp_path / "cache").iterdir()) == [], "nothing half-done is left behind"
    npm_of(tmp_path / "bin", f'echo "$@" >> {tmp_path}/calls; ls >> {tmp_path}/calls; mkdir -p node_modules')
    first, second = assets.package("reveal.js"), assets.package("mathjax")
    assert first.parent == second.parent and first.name == "reveal.js" and first.parent.is_dir()
    command, *seen = (tmp_path / "calls").read_text().splitlines()
    assert command.startswith("ci --ignore-scripts") and seen == ["package-lock.json", "package.json"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.parent.parent.name]
    with pytest.raises(ValueError, match="jquery is not among .* reveal.js"):
        assets.package("jquery")


@pytest.mark.parametrize(
    ("npm", "sentence"), [(None, "install Node.js"), ("exit 1", r"takes a network.*E404")]
)
def test_without_npm_or_network_one_sentence_says_what_to_do(tmp_path, monkeypatch, npm, sentence):
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if npm:
        npm_of(tmp_path, f"echo 'npm error code E404' >&2\n{npm}")
    with pytest.raises(assets.AssetError, match=sentence) as caught:
        assets.package("reveal.js")
    assert "\n" not in str(caught.value)


def test_the_lock_names_exact_files_and_no_address():
    wanted, lock = (json.loads(file.read_text(encoding="utf-8")) for file in assets.FILES)
    locked = {name: package for name, package in lock["packages"].items() if name}
    assert locked.keys() == {f"node_modules/{name}" for name in wanted["dependencies"]} != set()
    for name, version in wanted["dependencies"].items():
        package = locked[f"node_modules/{name}"]
        assert package["version"] == version and re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert re.fullmatch(r"sha512-[\w+/]{86}==", package["integrity"])
    assert "resolved" not in assets.FILES[1].read_text() and "://" not in assets.FILES[1].read_text()


# Words: blocks, sentences, what stays


def test_sentences_end_where_a_reader_hears_it():
    text = (
        "The step is $x = 0.5.$ Is it? *Yes.* Lance et al. (1967) say so (they ran it. Twice.). "
        'At $1.5\\,\\sigma$ it ends. "So what?" **Bold** words `a. B` stay at 0.5 of it'
    )
    assert wording.sentences(text) == [
        "The step is $x = 0.5.$",
        "Is it?",
        "*Yes.*",
        "Lance et al. (1967) say so (they ran it. Twice.).",
        "At $1.5\\,\\sigma$ it ends.",
        '"So what?"',
        "**Bold** words `a. B` stay at 0.5 of it",
    ]


def test_no_word_of_a_notebook_is_lost_between_its_sentences():
    for path in PATHS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for block in wording.blocks(cell.source):
                    if block.kind == "text":
                        assert " ".join(wording.sentences(block.text)).split() == block.text.split()


def test_blocks_know_what_they_are():
    source = (
        "## 1 · Why\n\n**Question.** Is $a$ it? $$x = 1$$ with\n\n| a | b |\n| --- | --- |\n\n1. one\n2. two"
        "\n\n<details><summary>Answer</summary>\nNo.\n\nNever. </details>"
    )
    kinds = ["heading", "text", "formula", "text", "table", "list", "fold"]
    found = wording.blocks(source)
    assert [block.kind for block in found] == kinds
    assert found[-1].answer == "No.\n\nNever."
    assert wording.opening(found[1].text) == ("Question", "Is $a$ it?")
    assert wording.opening("**Bold** goes on. And on.")[0] is None
    assert wording.name(wording.Block("text", "*Second: any encoder.* Take one.")) == "Second: any encoder"
    assert wording.name(found[1]) is None, "a label names no topic"


def test_what_stays_is_short_and_in_order():
    long = (
        "Somebody writes a digit down. "
        + "And then one goes on about it for quite a while, as one does. " * 5
    )
    both = wording.chosen(
        [(long + "The **prior** says where to look.", False), ("Both steps together give", True)]
    )
    assert both[0].startswith("Somebody writes a digit down.") and both[0].endswith("says where to look.")
    assert both[1] == "Both steps together give"
    assert len(" ".join(both).split()) <= wording.WORDS
    assert wording.chosen([("Here it is. Two conditions stand in the way. (They do.) In part.", False)]) == [
        "Two conditions stand in the way."
    ]
    assert wording.chosen([("By **hand**:", False)]) == ["By **hand**."]
    assert wording.chosen([("By **hand**:", True)]) == ["By **hand**:"]


def test_the_finding_of_a_figure_is_a_sentence_that_says_something():
    assert wording.finding("The better the teacher, the flatter the lesson. More.") == (
        "The better the teacher, the flatter the lesson.",
        "",
    )
    assert wording.finding("Look right. The tail is long.")[0] == "Look right. The tail is long."
    assert wording.finding("(Arrows are short.) All point home, wherever one may start.")[0].startswith("All")
    assert wording.finding("What about digits? They follow.") == ("", "What about digits?")


# Room: formulas, tables, frames


def test_what_only_announces_a_finding_is_no_headline():
    said = "It starts as noise, wanders about for more than half of the way, comes near one of the eight "
    said += "points of the ring, and is that very point in the end."
    for opening in ("Follow one path from the right.", "Two lessons.", "Look at the left panel first."):
        assert wording.finding(f"{opening} {said}") == (said, "")
    assert wording.finding("Two lessons.") == ("Two lessons.", ""), "where there is nothing else"
    assert wording.finding("Look right. It is long.")[0] == "Look right. It is long.", "short enough for both"


def test_long_formulas_are_broken_at_a_relation_and_lose_nothing():
    long = (
        r"$$\log p(x) = \log \mathbb E_q\left[\frac{p(x, z) = 1}{q(z\mid x)}\right] \ge \mathbb E_q"
        r"\left[\log \frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] "
        r"= \underbrace{\mathbb E_q \log p(x\mid z)}_{a = b} - c$$"
    )
    broken = layout.broken(long)
    assert broken.count(r"\\") == 1 and r"\\ &= \underbrace" in broken
    bare = re.sub(r"\\begin{aligned}|\\end{aligned}|\\\\|&|\s", "", broken)
    assert bare == re.sub(r"\s", "", long)
    for kept in (r"$$a = b = c$$", long.replace(r"\ge", r"\\ \ge")):
        assert layout.broken(kept) == kept
    for cell in nbformat.read(ROOT / "notebooks/17_ddpm.ipynb", as_version=4).cells:
        for formula in (
            re.findall(r"\$\$.+?\$\$", cell.source, re.DOTALL) if "markdown" in cell.cell_type else ()
        ):
            strip = r"\\(?:begin|end){(?:aligned|gathered)}|\\\\|\\qquad|&|\s"
            assert re.sub(strip, "", layout.broken(formula)) == re.sub(strip, "", formula)


def test_a_long_table_is_cut_into_pieces_that_carry_its_head():
    rows = [rf"| claim \|{i}\| | section {i} | `code` |" for i in range(layout.ROWS + 5)]
    text = "\n".join(["| Claim | Where | Code |", "| --- | --- | --- |", *rows])
    pieces = layout.tables(text)
    assert len(pieces) == 2 and all(piece.startswith("| Claim |\n| --- |\n") for piece in pieces)
    assert [line for piece in pieces for line in piece.splitlines()[2:]] == [
        rf"| claim \|{i}\| |" for i in range(layout.ROWS + 5)
    ]
    assert layout.tables("| a | b | c |\n| --- | --- | --- |\n| 1 | 2 | 3 |")[0].endswith("| 1 | 2 | 3 |")


def png(width, height, boxes):
    image = Image.new("RGB", (width, height), "white")
    for box in boxes:
        ImageDraw.Draw(image).rectangle(box, fill="navy")
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()


def test_positions_of_an_explorer_are_cut_apart_only_where_white_runs_across():
    three = layout.frames(png(900, 900, [(10, 10 + 300 * i, 800, 280 + 300 * i) for i in range(3)]))
    assert [Image.open(io.BytesIO(frame)).size for frame in three] == [(900, 300)] * 3
    for whole in (png(900, 900, [(10, 10, 800, 890)]), png(900, 300, [(10, 10, 800, 280)])):
        assert layout.frames(whole) == [whole]
    assert layout.is_tall(png(900, 800, [])) and not layout.is_tall(png(900, 400, []))


# Cells: code and results


def test_the_idea_of_a_cell_is_its_functions_or_its_steps():
    source = (
        "import torch\n\n\n# the update\ndef step(x):\n    '''Documented\n    at length.'''\n"
        "    return x - 1  # down\n\n\nx = step(3)\ncheck('it goes\\n down', x, 2)"
    )
    assert cells.idea(source) == "# the update\ndef step(x):\n    return x - 1  # down"
    assert cells.idea("import numpy as np\nx = np.ones(3)\nprint(x)\nplots.show(\n    f(x), alt='a'\n)") == (
        "x = np.ones(3)"
    )


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def figure(alt="A line that rises from left to right.", size=(900, 360)):
    data = base64.b64encode(png(*size, [(10, 10, 50, 50)])).decode()
    html = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
    return {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}


def code(source="x = 1", *outputs, **metadata):
    cell = nbformat.v4.new_code_cell(source, outputs=[nbformat.from_dict(o) for o in outputs])
    cell.metadata.update(metadata)
    return cell


def prose(source, slide=None, **metadata):
    cell = nbformat.v4.new_markdown_cell(source, metadata=metadata)
    if slide:
        cell.metadata.slideshow = {"slide_type": slide}
    return cell


def test_claims_lose_their_tolerance_and_raw_print_is_left_out():
    text = "✓ loss = 2   (== within 1e-12)\n✓ f(x) is right   (exactly)\nerror 0.3\n"
    pictures, claims, printed = cells.results(code("a", stream(text), figure()))
    assert claims == ["loss = 2", "f(x) is right"] and printed == "error 0.3"
    assert len(pictures) == 1 and pictures[0][1].startswith(b"\x89PNG")
    jargon = "✓ KL by hand = coursekit   (==)\n✓ that is coursekit's log_bernoulli   (==)\n"
    jargon += "✓ the bound holds   (<=)\n"
    assert cells.results(code("a", stream(jargon)))[1] == ["the bound holds"], "a class sees no plumbing"
    for raw in ("[[1. 2.]]\n", "{'a': 1}\n", "x" * 100, "line\n" * 20):
        assert cells.results(code("a", stream(raw)))[2] == ""


# Plan: what stands where


def notebook(*given):
    return nbformat.v4.new_notebook(
        cells=[prose("# 03 · Trees: a forest\n\n**You can** see.", "slide"), *given]
    )


def test_a_figure_is_headed_by_what_it_shows():
    slides = plan(
        notebook(
            prose("## 1 · Growth\n\n$$x = 1$$", "slide"),
            code("a", figure(size=(900, 420)), stream("✓ it grows   (>=)\n")),
            prose("Trees grow towards the light, all of them do that. Nobody knows why."),
        )
    )
    assert [slide.headline for slide in slides] == [
        "03 · Trees: a forest",
        "1 · Growth",
        "Trees grow towards the light, all of them do that.",
    ]
    assert "Nobody knows why." in slides[2].notes[-1]
    assert [part.kind for part in slides[2].parts] == ["figure", "checks"]
    assert [slide.column for slide in slides] == [True, True, False]


def test_a_figure_joins_words_where_it_keeps_its_size():
    words = prose("## 1 · A\n\n**Light** is what they want.\n\n$$x = 1$$", "slide")
    for height, shared in ((320, True), (440, False)):
        slides = plan(notebook(words, code("a", figure(size=(900, height)))))
        assert (len(slides) == 2) == shared
        figures = [part for slide in slides for part in slide.parts if part.kind == "figure"]
        assert figures[0].height >= height and slides[-1].height <= layout.ROOM


def test_neighbours_of_few_words_share_a_slide_under_their_names():
    faults = [prose(f"### Fault {i}\n\nThe **mean** of the wrong words.", "subslide") for i in range(3)]
    asked = prose("### A question\n\n**Question.** Why?", "subslide")
    slides = plan(notebook(prose("## 1 · Wrong\n\nIt **fails**.", "slide"), *faults, asked))
    assert [slide.title for slide in slides[1:]] == ["1 · Wrong", "A question"]
    said = [part.content for part in slides[1].parts]
    assert said[0] == "It **fails**."
    assert [text for text in said if text.startswith("**Fault")] == [f"**Fault {i}**" for i in range(3)]
    assert all(f"### Fault {i}" in "\n".join(slides[1].notes) for i in range(3))


def test_print_is_for_a_class_only_where_a_tag_says_so():
    plain = code("a", figure(), stream("8 codes\n"))
    marked = code("a", figure(), stream("8 codes\n"), tags=["slide-output"])
    for cell, shown in ((plain, []), (marked, ["8 codes"])):
        slides = plan(notebook(prose("## 1 · A", "slide"), cell))
        assert [p.content for slide in slides for p in slide.parts if p.kind == "output"] == shown


def test_a_derivation_comes_line_by_line():
    formula = r"$$\begin{aligned} a &= b \\[4pt] &\le c + d \\ &= e \end{aligned}$$"
    found = deck.stepwise(formula)
    assert found.count(r"\class{fragment}") == 2 and r"a &= b \\[4pt]" in found
    assert r"& \class{fragment}{{}\le c + d} \\" in found
    rows = r"$$\begin{gathered} a = b \\ c = d \end{gathered}$$"
    assert deck.stepwise(rows) == rows.replace("c = d", r"\class{fragment}{{}c = d}").replace(r"\\ ", r"\\  ")
    for whole in (r"$$a = b$$", r"$$\begin{aligned} a &= b \\ c &= d \end{aligned}$$"):
        assert deck.stepwise(whole) == whole, "a left side of its own is no next step of the same"


def test_a_class_sees_claims_about_the_mathematics_only():
    printed = ["sum of s = log|det| of autograd's Jacobian", "and it is the same", "volumes multiply"]
    slides = plan(
        notebook(prose("## 1 · A", "slide"), code("a", stream("".join(f"✓ {c}\n" for c in printed))))
    )
    assert [p.content for slide in slides for p in slide.parts if p.kind == "checks"] == [printed[2:]]


def test_the_author_says_what_a_figure_shows():
    says = prose("Look here. All of it falls.", finding="All of it falls.")
    slides = plan(notebook(prose("## 1 · A", "slide"), code("a", figure()), says))
    assert [slide.finding for slide in slides if slide.has("figure")] == ["All of it falls."]


def test_a_slide_that_goes_on_has_a_small_headline():
    long = prose("## 1 · A\n\n" + "\n\n".join(f"$$a_{i} = \\frac12$$" for i in range(9)), "slide")
    heads = re.findall(r'<h2(?: class="again")?>', deck.deck(notebook(long)))
    assert heads[:2] == ["<h2>", '<h2 class="again">']


def test_marks_of_the_teacher_are_obeyed():
    cells_ = [
        prose("## 1 · A\n\nThe **long** story.", "slide", says="Short."),
        code("def f():\n    return 1", tags=["slide-code"]),
        code("def hidden():\n    return 2"),
        prose("## 2 · Left out\n\nThe **other** story.", "skip"),
        prose("Only for the speaker.", "notes"),
        prose(
            "**Predict before you run:** rise or fall?\n\n<details><summary>Answer</summary>\nRise.</details>"
        ),
    ]
    slides = plan(notebook(*cells_))
    kinds = [(part.kind, part.content) for slide in slides[1:] for part in slide.parts]
    assert kinds == [
        ("lead", "Short."),
        ("code", "def f():\n    return 1"),
        ("question", "**Predict before you run:** rise or fall?"),
        ("answer", "Rise."),
    ]
    assert "The **long** story." in slides[1].notes[0] and "Only for the speaker." in slides[1].notes
    without = plan(notebook(*cells_), code=False)
    assert not any(slide.has("code") for slide in without)


def test_a_notebook_needs_a_title_and_may_have_blank_cells():
    with pytest.raises(ValueError, match="begins with its title"):
        plan(nbformat.v4.new_notebook(cells=[code()]))
    marks = ["It rises. See.", "## 1 · A\n\nThat is the end of it."]
    slides = plan(notebook(code("a", figure()), prose(""), prose(marks[0], says="Up."), prose(marks[1])))
    assert [slide.title for slide in slides] == ["03 · Trees: a forest"] * 3 + ["1 · A"]
    assert [slide.parts[0].content for slide in slides[2:]] == ["Up.", "That is the end of it."]


def test_full_slides_go_on_and_a_formula_keeps_the_sentence_before_it():
    text = "\n\n".join(
        f"The **term {i}** is one of many that we have to name here:\n\n$$x_{i} = 1$$" for i in range(6)
    )
    slides = plan(notebook(prose(f"## 1 · Many\n\n{text}", "slide")))[1:]
    assert len(slides) > 1 and all(slide.height <= layout.ROOM for slide in slides)
    kinds = [[part.kind for part in slide.parts] for slide in slides]
    assert all(row[-1] == "formula" and row[0] == "lead" for row in kinds[:3])
    assert sum(row.count("formula") for row in kinds) == 6
    assert all("term 5" in slide.notes[0] for slide in slides), "each has the whole cell in its notes"


@each
def test_decks_keep_their_size_their_figures_and_all_prose(path):
    read = nbformat.read(path, as_version=4)
    slides = plan(read)
    assert 10 <= len(slides) <= 40
    assert all(slide.notes and slide.headline for slide in slides)
    shown = [c for c in read.cells if c.metadata.get("slideshow", {}).get("slide_type") != "skip"]
    notes = "\n".join(note for slide in slides for note in slide.notes)
    assert [c.id for c in shown if c.cell_type == "markdown" and c.source not in notes] == []
    coded = [c for c in shown if c.cell_type == "code" and "explorer(" not in c.source]
    figures = [alt for c in coded for alt, _ in cells.results(c)[0]]
    assert [p.content[0] for slide in slides for p in slide.parts if p.kind == "figure"] == figures
    for slide in slides:
        assert slide.has("figure", "table", "quiz", "formula", "code") or slide.height < layout.ROOM


# The command


def test_mistakes_are_told_in_one_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(ROOT)
    for wrong in ("40", "113", "eleven"):
        assert cli.main(["slides", wrong]) == 2
        assert f"there is no notebook {wrong}: choose from 00, 01" in capsys.readouterr().err
    (tmp_path / "a file").touch()
    assert cli.main(["slides", "00", "--out", str(tmp_path / "a file")]) == 2
    assert "is a file: name a folder with --out." in capsys.readouterr().err
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    assert cli.main(["slides", "00", "--out", str(tmp_path)]) == 2
    assert "install Node.js" in capsys.readouterr().err and not list(tmp_path.glob("*.html"))


def test_the_command_says_what_it_is_and_bears_a_closed_pipe(capsys):
    assert cli.main([]) == 0
    assert "homework | site | slides | train" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert re.fullmatch(r"coursekit \d+\.\d+\.\d+\n", capsys.readouterr().out)
    closed = f"{sys.executable} -m coursetools.cli homework status | true"
    done = subprocess.run(["bash", "-c", closed], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""


# In a browser

MEASURE = """slide => {
  const {h, v} = Reveal.getIndices(slide);
  Reveal.slide(h, v, 99);
  const page = slide.querySelector('.page'), frame = page.getBoundingClientRect();
  const size = element => parseFloat(getComputedStyle(element).fontSize);
  const sizes = selector => [...page.querySelectorAll(selector)].map(size);
  const images = [...page.querySelectorAll('.figure img')].filter(e => e.getBoundingClientRect().width);
  const outside = [...page.querySelectorAll('h1, h2, p, li, pre, td, mjx-container, img')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
      || box.bottom > frame.bottom - 15);
  });
  const wide = [...page.querySelectorAll('mjx-container, pre, table')].filter(
    element => element.getBoundingClientRect().right > frame.right - 20);
  return {
    title: page.innerText.slice(0, 50),
    outside: outside.map(element => element.outerHTML.slice(0, 80)),
    wide: wide.map(element => element.outerHTML.slice(0, 80)),
    text: Math.min(...sizes('.lead, .question, .answer, .quiz, .finding, .section, .checks, table'), 99),
    formula: Math.min(...sizes('mjx-container'), 99), code: Math.min(...sizes('pre'), 99),
    scales: images.map(image => {
      const box = image.getBoundingClientRect();
      return Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    }),
    tall: images.map(image => image.naturalHeight > image.naturalWidth / 1.7),
    described: images.every(image => image.alt.split(' ').length >= 5),
    errors: page.querySelectorAll('mjx-merror').length,
    raw: [...page.querySelectorAll('h1, h2, p, li, td')].some(e => /\\$|[|] --|[*][*]/.test(e.innerText)),
    notes: slide.querySelector('aside.notes').textContent.trim().length,
  };
}"""

WALK = """() => {
  const places = [];
  for (Reveal.slide(1, 0); !Reveal.isLastSlide(); places.push(Reveal.getSlidePastCount())) Reveal.next();
  return places;
}"""


@pytest.fixture(scope="module")
def library():
    try:
        return [assets.package(name) for name in ("reveal.js", "mathjax")]
    except assets.AssetError as error:
        missing(str(error))


@pytest.mark.parametrize(
    "path",
    [p if p.stem[:2] == "11" else pytest.param(p, marks=pytest.mark.exhaustive) for p in PATHS],
    ids=lambda path: path.stem,
)
def test_every_slide_fits_can_be_read_and_asks_nothing_outside(browser, library, path, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "")  # what is in the cache needs no npm
    assert cli.main(["slides", path.stem[:2], "--still", "--out", str(tmp_path)]) == 0
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    requests, complaints = [], []
    page.on("request", lambda r: requests.append(r.url))
    page.on("console", lambda m: complaints.append(m.text))
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto((tmp_path / f"{path.stem}.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
    slides = page.query_selector_all(".slides section section")
    assert len(slides) == len(plan(nbformat.read(path, as_version=4)))
    small = []  # code that is too long for the usual 24 pixels
    for number, slide in enumerate(slides, start=1):
        seen = slide.evaluate(MEASURE)
        where = f"{path.stem}, slide {number}: {seen}"
        assert not seen["outside"] + seen["wide"], where
        assert seen["text"] >= 22 and seen["formula"] >= 24 and seen["code"] >= 23, where
        small.append(seen["code"] < 24)
        for scale, tall in zip(seen["scales"], seen["tall"], strict=True):
            assert scale >= (0.75 if tall else 1.0), where
        assert seen["described"] and not seen["errors"] and not seen["raw"] and seen["notes"] > 0, where
    assert sum(small) <= 1, "one slide of a deck may have smaller code"
    walked = page.evaluate(WALK)  # each column was seen to its end: "next" must not jump there
    assert list(dict.fromkeys(walked)) == list(range(2, len(slides)))
    for key, place in (("Home", 0), ("Space", 1)):
        page.keyboard.press(key)
        page.wait_for_function(f"Reveal.getSlidePastCount() === {place}")
    spoken = "section:has(> .notes mjx-container)"
    page.evaluate(f"Reveal.slide(...Object.values(Reveal.getIndices(document.querySelector('{spoken}'))))")
    with page.expect_popup() as speaker:
        page.keyboard.press("s")
    heard = speaker.value.locator(".speaker-controls-notes .value")
    heard.filter(has_text=re.compile(r"\w{3}")).wait_for(timeout=60_000)
    assert heard.locator("svg").count() > 0 and not heard.locator("mjx-assistive-mml").count()
    page.close()
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert not complaints
