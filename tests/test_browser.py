"""Notebooks as people meet them: in JupyterLab in a real browser, run, every explorer moved by keyboard.

Three notebooks in the usual run, each of them with --all. A screenshot of a failure is left in .coursekit/.
"""

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
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if "explorer(" in path.read_text(encoding="utf-8")]
USUAL = {"00_start_here", "01_pca_usarrests", "02_clustering"}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += ["--disable-component-update", "--disable-sync"]
PICTURE = ".jupyter-widgets img[alt]"
# JupyterLab's own complaints about a missing favicon or a closed socket are none of ours.
NOT_OURS = re.compile(
    r"favicon|WebSocket|404 \(Not Found\)|ResizeObserver|lab/extensions|deprecat", re.IGNORECASE
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on 127.0.0.1 over copies of the notebooks; yields (address, token)."""
    folder, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(8)
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--allow-root"]
    command += [
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    address = f"http://127.0.0.1:{port}"
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        wait_for(lambda: get(address, token, "status"), 90, "JupyterLab did not start")
        yield address, token
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


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


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=[] if p.stem in USUAL else pytest.mark.exhaustive) for p in NOTEBOOKS],
)
def test_runs_and_every_explorer_moves(lab, browser, path):
    address, token = lab
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints, outside = [], []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on(
        "request",
        lambda r: outside.append(r.url) if not r.url.startswith((address, "data:", "blob:", "ws")) else None,
    )
    try:
        page.goto(f"{address}/doc/tree/{path.name}?token={token}")
        wait_for(lambda: idle(address, token), 120, "no idle kernel")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        wait_for(lambda: finished(page), 400, "the cells did not finish", pause=1)
        for kind in ("stderr", "error"):
            assert page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").count() == 0, kind
        move_every_explorer(page, path)
    except BaseException:
        (ROOT / ".coursekit").mkdir(exist_ok=True)
        page.screenshot(path=ROOT / f".coursekit/{path.stem}.png")
        raise
    finally:
        page.close()
        for session in get(address, token, "sessions") or []:
            request = urllib.request.Request(
                f"{address}/api/sessions/{session['id']}?token={token}", method="DELETE"
            )
            urllib.request.urlopen(request, timeout=10)
    assert not outside, f"requests to the outside: {outside}"
    assert not [text for text in complaints if not NOT_OURS.search(text)]


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
