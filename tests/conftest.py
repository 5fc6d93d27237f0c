"""What all tests share: the `--all` option, and programs beyond Python that some of them need."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# As in `course.py test`: several threads add in no fixed order, and runs are compared bit for bit.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a shell starts in the background ignores Ctrl-C and hands that down: tests of it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the tests marked `exhaustive` too")


def pytest_collection_modifyitems(config, items):
    # Side by side, the long ones start first, so that none is left over at the end.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("--all"):
        return
    exhaustive = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    if exhaustive:
        config.hook.pytest_deselected(items=exhaustive)  # they appear as "deselected" in the closing line


def together(nodeid):
    """What one worker takes whole, so that its fixtures are made once: a file, of the proofs one homework."""
    homework = re.search(r"\[(hw\d\d)", nodeid)
    return nodeid.partition("::")[0] + (homework[1] if homework else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    # Marks for `--dist loadgroup` have no effect with this pytest: its tests keep their names.
    from xdist.scheduler import LoadScopeScheduling

    class ByPiece(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return together(nodeid)

    return ByPiece(config, log)


def needs_program(sentence, *names):
    """Path of the first program in `names` that is installed; else skip, or fail under CI=true."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing(sentence)


def missing(sentence):
    """Skip with a sentence that says what is missing; with CI=true nothing may be skipped unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {sentence}", pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium():
    """Path of Chromium or Chrome, for tests in a real browser."""
    sentence = "Chromium is not installed (Debian: apt-get install chromium): no test in a real browser"
    return needs_program(sentence, "chromium", "chromium-browser", "google-chrome")


# It must not ask anything of the network on its own account.
CHROMIUM_FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
CHROMIUM_FLAGS += "--disable-component-update --disable-sync"


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS.split())
        yield browser
        browser.close()


def free_port():
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def bubblewrap():
    """Path of bubblewrap, tried once: some systems have it and do not let it make a sandbox."""
    sentence = "bubblewrap is not installed (Debian: apt-get install bubblewrap): no test of the sandbox"
    path = needs_program(sentence, "bwrap")
    trial = subprocess.run(
        [path, "--ro-bind", "/", "/", "--unshare-all", "true"], capture_output=True, text=True
    )
    if trial.returncode != 0:
        missing(f"bubblewrap cannot make a sandbox here: {trial.stderr.strip()}")
    return path
