"""JupyterHub as docs/hub tells it, with accounts of the system: from the release to the returned page.

Exhaustive, since it makes and removes three accounts and starts a hub: root, the extra `hub` and npm's
configurable-http-proxy are needed.
"""

import importlib.util
import json
import shutil
import subprocess
import time
from pathlib import Path

import batch
import pytest
from accounts import make_accounts
from conftest import free_port, missing, needs_program

pytestmark = pytest.mark.exhaustive
HUB = batch.ROOT / "docs" / "hub"
PASSWORD = "only-for-this-trial"
TRIAL = """
load_subconfig({config!r})
c = get_config()
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.cleanup_servers = True
"""
NAMES = ("ckteacher", "ckanna", "ckben")


@pytest.fixture(scope="module")
def school():
    """Accounts, a copy of docs/hub that names them, an exchange of their own, and the teacher's course."""
    accounts, folder = make_accounts(NAMES)
    try:
        yield School(accounts, folder)
    finally:
        for account in accounts:
            account.remove()
        shutil.rmtree(folder)


class School:
    def __init__(self, accounts, folder):
        self.teacher, self.anna, self.ben = accounts
        self.folder, self.course = folder, self.teacher.home / "course"
        self.exchange = folder / "exchange" / "coursekit"
        self.config = folder / "hub"
        shutil.copytree(HUB, self.config)
        self.put("jupyterhub_config.py", '{"teacher"}', f'{{"{self.teacher.name}"}}')
        self.put("everyone/nbgrader_config.py", "/srv/nbgrader/exchange", str(folder / "exchange"))
        self.exchange.mkdir(parents=True)
        self.exchange.parent.chmod(0o1777)
        shutil.chown(self.exchange, self.teacher.name)
        for name in ("source", "release"):
            part = Path("notebooks/homework", name, batch.NAME)
            shutil.copytree(batch.ROOT / part, self.course / part)
        shutil.copytree(batch.ROOT / "data", self.course / "data")
        subprocess.run(["chown", "-R", self.teacher.name, self.course], check=True)

    def put(self, name, old, new):
        path = self.config / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def run(self, account, *command, folder=None):
        done = account.run(*command, folder=folder, JUPYTER_CONFIG_PATH=self.config / "everyone")
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def begin(self):
        """A fresh start: nobody has anything, one homework is released."""
        desks = [student.home / batch.NAME for student in (self.anna, self.ben)]
        caches = [student.home / ".local/share/jupyter/nbgrader_cache" for student in (self.anna, self.ben)]
        for path in (*desks, *caches, self.teacher.home / "graded", *self.exchange.iterdir()):
            shutil.rmtree(path, ignore_errors=True)
        at = self.course / "notebooks/homework"
        self.run(self.teacher, "nbgrader", "release_assignment", batch.NAME, folder=at)
        self.run(self.teacher, "chmod", "3733", self.exchange / "inbound")

    def grade_and_return(self):
        """What the teacher types; all that `grade` says."""
        kit, out = [self.teacher.python, "-m", "coursetools.cli", "homework"], self.teacher.home / "graded"
        said = self.run(
            self.teacher, *kit, "grade", batch.NAME, "--submitted", self.exchange / "inbound", "--out", out,
            folder=self.course,
        )  # fmt: skip
        self.run(self.teacher, *kit, "return", "--out", out, "--exchange", self.exchange, folder=self.course)
        return said, {path.stem: json.loads(path.read_text()) for path in (out / "results").iterdir()}


def test_by_command(school, bubblewrap):
    """Release, fetch, submit, grade and return; a forged hand-in, a bad name and a second hand-in between."""
    school.begin()
    for student in (school.anna, school.ben):
        school.run(student, "nbgrader", "fetch_assignment", batch.NAME)
    assert school.run(school.anna, "ls", school.exchange).split() == ["inbound", "outbound"]
    assert school.anna.run("ls", school.exchange / "inbound").returncode != 0, (
        "students list each other's work"
    )
    desk = school.anna.home / batch.NAME
    school.run(school.anna, "nbgrader", "submit", batch.NAME)
    batch.save(batch.right(), desk)
    school.run(school.anna, "nbgrader", "submit", batch.NAME)
    said = school.run(school.ben, "nbgrader", "submit", batch.NAME, f"--student={school.anna.name}")
    assert "Submitted as" in said, "nbgrader itself takes the forgery"
    school.run(school.ben, "mkdir", school.exchange / "inbound" / f"{school.ben.name}+{batch.NAME}+soon+x")
    said, results = school.grade_and_return()
    assert "2 students: 1 graded, 0 needs manual grading, 1 not graded" in said
    assert results[school.anna.name]["score"] == batch.AUTO
    assert results[school.ben.name]["status"] == "not graded"
    report = (school.teacher.home / "graded" / "report.md").read_text()
    assert f"says {school.anna.name} but belongs to {school.ben.name}" in report
    assert "has no name that nbgrader gives" in report and "Without the sandbox" not in report
    school.run(school.anna, "nbgrader", "fetch_feedback", batch.NAME)
    pages = list(desk.glob("feedback/*/*.html"))
    assert len(pages) == 1 and "14 of 18 points" in pages[0].read_text()
    assert school.anna.run("ls", school.exchange / "feedback").returncode != 0, "pages can be listed"


class Browser:
    """One person at the hub, as far as addresses go; the pictures are for people."""

    def __init__(self, address, account):
        import requests

        self.session, self.address, self.name = requests.Session(), address, account.name
        self.session.get(f"{address}/hub/login")
        form = {"username": self.name, "password": PASSWORD, "_xsrf": self.session.cookies["_xsrf"]}
        answer = self.session.post(f"{address}/hub/login", data=form)
        assert answer.ok and "/hub/login" not in answer.url, answer.url

    def ask(self, method, path, **options):
        """An answer of this person's own server."""
        token = [
            cookie.value
            for cookie in self.session.cookies
            if cookie.name == "_xsrf" and self.name in cookie.path
        ]
        options["headers"] = {"X-XSRFToken": token[0]} if token else {}
        return self.session.request(method, f"{self.address}/user/{self.name}/{path}", **options)

    def wait(self):
        """Until this person's server is up; its first page sends the browser round by the hub."""
        for _ in range(240):
            answer = self.ask("GET", "lab")
            if answer.ok and "/lab" in answer.url and "jupyter-config-data" in answer.text:
                return
            time.sleep(0.5)
        raise TimeoutError(f"no server for {self.name}: {answer.status_code} {answer.url}")

    def nbgrader(self, action, status):
        """What the assignment list shows under a status after one of its buttons was pressed."""
        request = {"course_id": "coursekit", "assignment_id": batch.NAME}
        answer = self.ask("POST", f"assignments/{action}", json=request)
        assert answer.ok and answer.json()["success"], answer.text
        return next(one for one in answer.json()["value"] if one["status"] == status)


@pytest.fixture
def hub(school):
    """Address of a running hub."""
    if importlib.util.find_spec("jupyterhub") is None:
        missing("jupyterhub is not installed (pip install '.[hub]'): no trial of a class on the hub")
    sentence = "configurable-http-proxy is not installed (npm install -g configurable-http-proxy@5.3.0)"
    proxy = Path(needs_program(sentence, "configurable-http-proxy"))
    ports = [free_port() for _ in range(3)]
    config, log = school.folder / "trial_config.py", school.folder / "hub.log"
    names = dict(zip(("port", "hub_port", "proxy_port"), ports, strict=True))
    config.write_text(
        TRIAL.format(config=str(school.config / "jupyterhub_config.py"), password=PASSWORD, **names)
    )
    path = f"{proxy.parent}:{Path(school.teacher.python).parent}:/usr/bin:/bin:/usr/sbin"
    with open(log, "w") as file:
        process = subprocess.Popen(
            [school.teacher.python, "-m", "jupyterhub", "--config", config],
            cwd=school.folder, env={"PATH": path, "LANG": "C.UTF-8"}, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        for _ in range(240):
            if "JupyterHub is now running" in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.5)
        assert process.poll() is None, log.read_text()[-3000:]
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.terminate()
        process.wait(60)


def test_a_class_on_the_hub(school, hub, bubblewrap):
    """Everybody in a server of their own, over HTTP as JupyterLab does it."""
    school.begin()
    teacher, anna, ben = (Browser(hub, one) for one in (school.teacher, school.anna, school.ben))
    for person in (teacher, anna, ben):
        person.session.get(f"{hub}/hub/spawn")
    for person in (teacher, anna, ben):
        person.wait()
    formgrader = teacher.ask("GET", "formgrader")
    assert formgrader.ok and formgrader.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert anna.ask("GET", "formgrader").status_code == 404
    pages = {one: one.ask("GET", "lab").text for one in (teacher, anna)}
    assert ['"@jupyter/nbgrader:formgrader"' in page for page in pages.values()] == [False, True], "disabled"
    assert anna.session.get(f"{hub}/user/{ben.name}/api/contents").status_code in (403, 404), (
        "anna is not ben"
    )
    for person in (anna, ben):
        assert person.nbgrader("fetch", "fetched")
    place = f"api/contents/{batch.NAME}/{batch.NAME}.ipynb"
    assert anna.ask("PUT", place, json={"type": "notebook", "content": batch.right()}).ok
    for person in (anna, ben):
        assert len(person.nbgrader("submit", "submitted")["submissions"]) == 1
    said, results = school.grade_and_return()
    assert "2 students: 2 graded" in said
    assert {name: one["score"] for name, one in results.items()} == {anna.name: batch.AUTO, ben.name: 0}
    for person, points in ((anna, 14), (ben, 0)):
        submission = person.nbgrader("fetch_feedback", "submitted")["submissions"][0]
        assert submission["has_local_feedback"] and not submission["feedback_updated"]
        page = person.ask("GET", f"files/{submission['local_feedback_path']}/{batch.NAME}.html")
        assert f"{points} of 18 points" in page.text and "BEGIN HIDDEN" not in page.text
