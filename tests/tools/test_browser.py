"""Notebooks as people meet them: in JupyterLab in a real browser, run, every explorer moved by keyboard.

Three notebooks and the Validate button of one homework in the usual run, all of them with --all; a screenshot
of a failure is left in .coursekit/.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import nbformat
import pytest
from conftest import free_port
from nbformat.sign import NotebookNotary
from picture import COLUMN

import course
import course_setup

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if "explorer(" in path.read_text(encoding="utf-8")]
HOMEWORK = sorted(path.name for path in (ROOT / "notebooks/homework/release").glob("hw*"))
USUAL = {"00_start_here", "01_pca_usarrests", "02_clustering"}
PICTURE = ".jupyter-widgets img[alt]"
# JupyterLab's own complaints about a missing favicon or a closed socket are none of ours.
NOT_OURS = re.compile(
    r"favicon|WebSocket|404 \(Not Found\)|ResizeObserver|lab/extensions|deprecat", re.IGNORECASE
)


@contextmanager
def served(command, folder, ready, **environment):
    """Run a server of this Python, in a process whose output goes to server.log, until `ready()`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **environment}
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        try:
            wait_for(ready, 120, f"{command[0]} did not start")
            yield
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A learner's JupyterLab over copies of notebooks and homework; yields (address, token, folder)."""
    folder, token, port = tmp_path_factory.mktemp("lab"), secrets.token_hex(8), free_port()
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    for name in HOMEWORK:
        write_homework(folder, name)
    copy = course.told_its_language(NOTEBOOKS[0].read_text(encoding="utf-8"))
    (folder / "untouched.ipynb").write_text(copy, encoding="utf-8")
    config = tmp_path_factory.mktemp("config")
    (config / "labconfig").mkdir()
    disabled = dict.fromkeys(course_setup.NOT_FOR_ALL + course_setup.NOT_FOR_LEARNERS, True)
    (config / "labconfig/page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
    command = ["jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--allow-root"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={folder}", *course.LEARNERS]
    address = f"http://127.0.0.1:{port}"
    ready = partial(get, address, token, "status")
    with served(command, folder, ready, JUPYTER_CONFIG_PATH=str(config)):
        yield address, token, folder


def test_an_untouched_notebook_asks_for_no_saving(lab, browser):
    with open_in_lab(lab, browser, "untouched") as page:
        page.wait_for_timeout(3000)
        assert page.locator(".lm-TabBar-tab.jp-mod-dirty").count() == 0


def test_lines_are_short_enough_to_read_and_the_dark_dims_figures(lab, browser):
    with open_in_lab(lab, browser, "untouched") as page:
        page.set_viewport_size({"width": 1920, "height": 1000})
        page.locator(".jp-RenderedMarkdown > p").first.wait_for()
        lines = page.locator(".jp-RenderedMarkdown > p").evaluate_all(
            """all => all.map(p => [p.textContent.length,
                Math.round(p.clientHeight / parseFloat(getComputedStyle(p).lineHeight))])"""
        )
        full = [characters / count for characters, count in lines if count >= 3]
        assert full and 50 < max(full) <= 80, full
        picture = page.locator(".jp-OutputArea-output img[alt]").first
        style = "e => getComputedStyle(e).filter"
        assert picture.evaluate(style) == "none"
        page.evaluate("document.body.dataset.jpThemeLight = 'false'")  # what a dark theme says of itself
        assert picture.evaluate(style) == "brightness(0.88)"


def test_an_explorer_of_an_earlier_kernel_says_what_to_do(lab, browser):
    """JupyterLab's own words are "Error displaying widget: model not found"."""
    gone = {"model_id": "0", "version_major": 2, "version_minor": 0}
    output = nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": gone})
    cells = [nbformat.v4.new_code_cell("explorer", outputs=[output], execution_count=1)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    NotebookNotary().sign(notebook)  # as JupyterLab does with what is run in it
    nbformat.write(notebook, lab[2] / "gone.ipynb")
    with open_in_lab(lab, browser, "gone") as page:
        words = "e => [getComputedStyle(e, '::after').content, getComputedStyle(e).fontSize]"
        said = page.locator(".jp-OutputArea-output.jupyter-widgets").evaluate(words)
        assert said == ['"Run > Run All Cells brings this explorer back."', "0px"]


def write_homework(folder, name):
    """The release version as blank_NAME.ipynb, and with the answers written in as right_NAME.ipynb."""
    release, source = (
        nbformat.read(ROOT / f"notebooks/homework/{kind}/{name}/{name}.ipynb", as_version=4)
        for kind in ("release", "source")
    )
    nbformat.write(release, folder / f"blank_{name}.ipynb")
    answers = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if "nbgrader" in c.metadata}
    for cell in release.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.metadata.nbgrader.grade_id]
    nbformat.write(release, folder / f"right_{name}.ipynb")


def get(address, token, what):
    try:
        with urllib.request.urlopen(f"{address}/api/{what}?token={token}", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def wait_for(condition, seconds, complaint, pause=0.25):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(pause)
    raise TimeoutError(complaint)


def idle(address, token):
    """The kernel is there, connected and idle; the front end says so before it is true."""
    kernels = [session["kernel"] for session in get(address, token, "sessions") or []]
    return kernels and all(k["execution_state"] == "idle" and k["connections"] >= 1 for k in kernels)


def some(paths, usual):
    marks = {p.stem: [] if p.stem in usual else pytest.mark.exhaustive for p in paths}
    return pytest.mark.parametrize("path", [pytest.param(p, id=p.stem, marks=marks[p.stem]) for p in paths])


@contextmanager
def page_of(browser, address, name):
    """A fresh page; at its end nothing was asked of the outside and nothing of ours complained."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints, outside = [], []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on(
        "request",
        lambda r: outside.append(r.url) if not r.url.startswith((address, "data:", "blob:", "ws")) else None,
    )
    try:
        yield page
    except BaseException:
        (ROOT / ".coursekit").mkdir(exist_ok=True)
        page.screenshot(path=ROOT / f".coursekit/{name}.png")
        raise
    finally:
        page.close()
    assert not outside, f"requests to the outside: {outside}"
    assert not [text for text in complaints if not NOT_OURS.search(text)], complaints


@contextmanager
def open_in_lab(lab, browser, name):
    """The notebook `name` in a workspace of its own, its kernel idle; its kernel ends with it."""
    address, token, _ = lab
    try:
        with page_of(browser, address, name) as page:
            page.goto(f"{address}/lab/workspaces/{name}/tree/{name}.ipynb?token={token}")
            wait_for(lambda: idle(address, token), 120, "no idle kernel")
            yield page
    finally:
        for session in get(address, token, "sessions") or []:
            end = f"{address}/api/sessions/{session['id']}?token={token}"
            urllib.request.urlopen(urllib.request.Request(end, method="DELETE"), timeout=10)


@some(NOTEBOOKS, USUAL)
def test_runs_and_every_explorer_moves(lab, browser, path):
    """As a learner runs it. Training is not shortened here: a notebook costs at most 60 CPU-seconds (held by
    `course.py test`), and a switch would test another notebook than the one that is read."""
    with open_in_lab(lab, browser, path.stem) as page:
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        wait_for(lambda: finished(page), 400, "the cells did not finish", pause=1)
        for kind in ("stderr", "error"):
            said = page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").all_inner_texts()
            assert not said, f"{kind}: {said}"
        move_every_explorer(page, path)
        widths = page.locator(".jp-OutputArea-output img[alt]").evaluate_all(
            "images => images.map(i => [i.clientWidth, i.naturalWidth])"
        )
        assert all(shown >= min(own, COLUMN) for shown, own in widths), f"pictures are shrunk: {widths}"


@some([ROOT / name for name in HOMEWORK], {"hw01_pca"})
def test_validate_says_what_is_missing_and_what_is_right(lab, browser, path):
    """nbgrader's button in a learner's JupyterLab, where nothing else of nbgrader's is in sight."""
    with open_in_lab(lab, browser, f"blank_{path.stem}") as page:
        said = validate(page)
        cells = nbformat.read(ROOT / f"notebooks/homework/release/{path.stem}/{path.stem}.ipynb", 4).cells
        kinds = [c.cell_type for c in cells if c.metadata.get("nbgrader", {}).get("grade")]
        assert said.count("The following cell failed:") == len(kinds)
        assert said.count("✗ this answer is still empty") == kinds.count("code") > 0
        assert said.count("You did not provide a response.") == kinds.count("markdown") > 0
        assert f"0 of {kinds.count('code')} checks pass: 0 of " in said
        assert "answer(" not in said and "Traceback" not in said and len(said) < 200 * len(kinds)
        assert page.get_by_role("menuitem", name="Nbgrader").count() == 0
        assert page.get_by_text("Formgrader").count() == page.get_by_title("Voila").count() == 0
    with open_in_lab(lab, browser, f"right_{path.stem}") as page:
        assert "Success! Your notebook passes all the tests." in validate(page)


def test_validate_on_a_lecture_runs_nothing(lab, browser):
    with open_in_lab(lab, browser, "00_start_here") as page:
        assert "it is no homework" in validate(page)


def validate(page):
    """Press the button; what the dialog says."""
    page.get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=300_000)
    said = dialog.inner_text()
    dialog.get_by_role("button").first.click()
    return said


@pytest.mark.exhaustive
def test_one_notebook_as_a_page_of_its_own(browser, tmp_path):
    """`course.py app 00`: Voila shows words, pictures and the explorer, which moves."""
    path, port = NOTEBOOKS[0], free_port()
    address = f"http://127.0.0.1:{port}"
    command = ["voila", str(path), "--no-browser", f"--port={port}", *course.APP]
    server = served(command, tmp_path, partial(listens, port), JUPYTER_PATH=str(ROOT / "docs"))
    with server, page_of(browser, address, "voila") as page:
        page.goto(address, timeout=180_000, wait_until="commit")
        page.get_by_text(re.compile("^Computing: cell [0-9]+ of")).wait_for(timeout=60_000)
        wait_for(lambda: page.locator(PICTURE).count() > 0, 120, "the explorer did not come")
        page.locator("#computing").wait_for(state="detached", timeout=60_000)
        cells = nbformat.read(path, as_version=4).cells
        folded = [c for c in cells if c.metadata.get("jupyter", {}).get("outputs_hidden")]
        shown = [json.dumps(c).count("<img alt=") for c in cells if c not in folded]
        assert folded and page.locator("img[alt]").count() == sum(shown), "no positions below the explorer"
        assert page.get_by_text("How to run it").count() == 0, "there is no cell to click"
        assert page.get_by_text("import numpy").count() == 0, "the code is hidden"
        move_every_explorer(page, path)


def test_a_page_of_its_own_leaves_out_what_only_the_lab_needs():
    """Its template, with cells as Voila gives them after it has run them."""
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_markdown_cell("Press Shift + Enter.", metadata={"tags": ["lab-only"]}),
        nbformat.v4.new_code_cell("explorer(x)", outputs=[html_output("It moves.")]),
        nbformat.v4.new_code_cell(
            "static_frames(x)",
            metadata={"jupyter": {"outputs_hidden": True}},
            outputs=[html_output("It stands.")],
        ),
        nbformat.v4.new_code_cell("plot(x)", metadata={"tags": ["a"]}, outputs=[html_output("A figure.")]),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(ROOT / "docs"))
        # In a thread of its own: Playwright's loop may be running in this one.
        with ThreadPoolExecutor(1) as thread:
            page = thread.submit(
                lambda: asyncio.run(voila_page(nbformat.v4.new_notebook(cells=cells)))
            ).result()
    assert all(words in page for words in ("Title", "It moves.", "A figure."))
    assert not any(words in page for words in ("Shift", "It stands.", "explorer(x)"))


def html_output(words):
    return nbformat.v4.new_output("display_data", {"text/html": words})


async def voila_page(notebook):
    """The HTML of Voila's page for a notebook that needs no kernel any more."""
    from voila.exporter import VoilaExporter
    from voila.paths import collect_template_paths

    async def kernel_start(notebook):
        return "no kernel"

    async def cell_generator(notebook, kernel_id):
        for cell in notebook.cells:
            yield cell

    paths = collect_template_paths(["voila", "nbconvert"], "coursekit", prune=True)
    exporter = VoilaExporter(
        template_paths=paths, template_name="coursekit", base_url="/", exclude_input=True
    )
    voila = {"kernel_start": kernel_start, "cell_generator": cell_generator}
    resources, config = {"base_url": "/", "theme": "light"}, {"fullStaticUrl": "/"}
    parts = exporter.generate_from_notebook_node(notebook, resources, voila, config)
    return "".join([html async for html, _ in parts])


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def finished(page):
    """No prompt shows a star any more, at least one shows a number of this run, and none an error."""
    prompts = page.locator(".jp-InputArea-prompt").all_inner_texts()
    return "[*]:" not in prompts and page.locator(PICTURE).count() > 0


def move_every_explorer(page, path):
    """Each slider by arrow key: its picture changes, and the reset button brings the first one back."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    promised = sum(
        "explorer(" in "".join(cell["source"]) for cell in stored["cells"] if cell["cell_type"] == "code"
    )
    boxes = page.locator(".jp-OutputArea-output .widget-vbox").filter(has=page.locator("img[alt]"))
    assert boxes.count() >= promised > 0
    for i in range(boxes.count()):
        box = boxes.nth(i)
        box.scroll_into_view_if_needed()
        picture, handles = box.locator("img[alt]"), box.locator(".noUi-handle")
        first = picture.get_attribute("src")
        for j in range(handles.count()):
            before = picture.get_attribute("src")
            handles.nth(j).focus()
            now, most = (float(handles.nth(j).get_attribute(f"aria-value{end}")) for end in ("now", "max"))
            page.keyboard.press("ArrowRight" if now < most else "ArrowLeft")
            wait_for(lambda: picture.get_attribute("src") != before, 20, "the picture did not change")  # noqa: B023
        for choice in box.locator("select").all():
            before = picture.get_attribute("src")
            choice.select_option(index=choice.locator("option").count() - 1)
            wait_for(lambda: picture.get_attribute("src") != before, 20, "the picture did not change")  # noqa: B023
        assert len(picture.get_attribute("alt").split()) >= 5
        box.get_by_role("button", name="Reset").click()
        wait_for(lambda: picture.get_attribute("src") == first, 20, "reset did not bring the start back")  # noqa: B023
