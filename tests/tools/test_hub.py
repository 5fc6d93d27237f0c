"""A class on JupyterHub: nbgrader's exchange is taken as it is, by owner; pages go back the same way.

Students are user numbers that this system knows, so these tests need root; no account is made for them.
"""

import json
import os
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import batch
import pytest
from nbgrader.utils import notebook_hash
from traitlets.config import PyFileConfigLoader

from coursetools.homework.grading.exchange import collect_inbound, is_inbound
from coursetools.homework.loading import load_homework

HOMEWORK = load_homework(batch.ROOT, batch.NAME)
NOW = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
LATER = "2999-01-01 00:00:00.000000 UTC"
EARLIER = "2026-01-02 03:04:05.000000 UTC"


@pytest.fixture(scope="session")
def root():
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can make files that belong to others")


@pytest.fixture(scope="session")
def users(root):
    """Names of three accounts that every system has."""
    names = [one.pw_name for one in pwd.getpwall() if 0 < one.pw_uid < 1000][:3]
    assert len(names) == 3
    return names


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """A hand-in of this moment: the folder's own time must not be far from the one in its name."""
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    monkeypatch.setattr(sys.modules[__name__], "NOW", moment)


@pytest.fixture
def inbound(tmp_path):
    folder = tmp_path / "exchange" / "course" / "inbound"
    folder.mkdir(parents=True)
    (folder.parent / "outbound").mkdir()
    return folder


def test_the_hubs_configuration_gives_each_role_its_folders():
    loader = PyFileConfigLoader("jupyterhub_config.py", path=str(batch.ROOT / "docs" / "hub"))
    spawn = loader.load_config().Spawner
    assert spawn.environment["PATH"].split(os.pathsep)[0] == os.path.dirname(sys.executable)
    seen = {}
    for name in ("teacher", "ada"):
        spawner = SimpleNamespace(user=SimpleNamespace(name=name), environment=dict(spawn.environment))
        spawn.pre_spawn_hook(spawner)
        folders = [Path(folder) for folder in spawner.environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)]
        assert (folders[-1] / "nbgrader_config.py").is_file()
        for path in (path for folder in folders for path in folder.rglob("*.json")):
            json.loads(path.read_text())
        seen[name] = [folder.name for folder in folders]
    assert seen == {"teacher": ["teacher", "everyone"], "ada": ["student", "everyone"]}


def hand_in(inbound, owner, name, notebook="right", files=None, number=None):
    """A folder as `nbgrader submit` leaves it, which belongs to `owner`."""
    folder = inbound / name
    folder.mkdir()
    notebooks = {"right": batch.right(), "blank": batch.BLANK}
    batch.save(notebooks.get(notebook, notebook), folder)
    (folder / "submission_secret.txt").write_text(f"secret of {name}")
    number = pwd.getpwnam(owner).pw_uid if number is None else number
    for path in (folder, *folder.iterdir()):
        os.chown(path, number, number)
    return folder


def collect(inbound, roster=None):
    handed, remarks = collect_inbound(inbound, HOMEWORK, roster)
    return {one.student: one for one in handed}, remarks


def named(student, when=None, homework=batch.NAME, random="+Zm9v"):
    return f"{student}+{homework}+{when or NOW}{random}"


def test_an_inbound_folder_is_known_by_its_place_or_its_names(inbound, tmp_path, monkeypatch):
    assert is_inbound(inbound)
    monkeypatch.chdir(inbound)
    assert is_inbound(".")
    plain = tmp_path / "submitted"
    (plain / "ada").mkdir(parents=True)
    (plain / "a+b").mkdir()
    assert not is_inbound(plain) and not is_inbound(tmp_path / "nowhere")
    (plain / named("ada", random="")).mkdir()
    assert is_inbound(plain)


def test_the_latest_of_each_owner_counts(inbound, users):
    anna, ben, _ = users
    hand_in(inbound, anna, named(anna, EARLIER), "right")
    last = hand_in(inbound, anna, named(anna), "blank")
    hand_in(inbound, anna, named(anna, LATER, homework="hw02_clustering"))
    hand_in(inbound, ben, named(ben, NOW.replace("UTC", "CET"), random=""))
    handed, remarks = collect(inbound)
    assert sorted(handed) == sorted([anna, ben]) and remarks == []
    assert handed[anna].content() == (last / f"{batch.NAME}.ipynb").read_bytes()
    assert handed[anna].when == NOW[:19] + " UTC" and not handed[anna].notes
    assert handed[anna].tickets == [notebook_hash(secret=f"secret of {last.name}", notebook_id=batch.NAME)]
    # Central European Time is an hour or two ahead, so the same words mean an earlier moment.
    assert "last changed" in handed[ben].notes[0]


def test_what_is_no_honest_claim_is_reported_and_stops_nobody(inbound, users):
    anna, ben, carl = users
    good = hand_in(inbound, anna, named(anna), "blank")
    hand_in(inbound, ben, named(anna, LATER))  # forged, and later than hers
    hand_in(inbound, ben, named(ben, "2026-13-45 10:00:00.000000 UTC"))
    hand_in(inbound, carl, named(carl, "yesterday"))
    hand_in(inbound, carl, named("nobody else", LATER), number=4_000_000)
    hand_in(inbound, carl, "notes")
    (inbound / named(carl, EARLIER)).symlink_to(good)
    os.lchown(inbound / named(carl, EARLIER), pwd.getpwnam(carl).pw_uid, 0)
    (inbound / named(anna, LATER, random="+file")).write_text("{}")
    (inbound / "evil\n**name**").mkdir()
    handed, remarks = collect(inbound)
    assert handed[anna].content() == (good / f"{batch.NAME}.ipynb").read_bytes() and not handed[anna].problem
    said = "\n".join(remarks)
    for sentence in (
        f"says {anna} but belongs to {ben}",
        f"{named(ben, '2026-13-45 10:00:00.000000 UTC')}, which belongs to {ben}, has no name that nbgrader",
        f"{named(carl, 'yesterday')}, which belongs to {carl}, has no name",
        "belongs to user number 4000000, whom this system does not know",
        f"{named(carl, EARLIER)}, which belongs to {carl}, is a link",
        "+file, which belongs to root, is no folder",
        r"evil\n**name**, which belongs to root",
    ):
        assert sentence in said, said
    assert handed[ben].problem and handed[carl].problem, "they have nothing else, and the table says why"
    assert "nobody else" not in handed


def test_a_name_that_lies_about_the_time_is_noted(inbound, users):
    hand_in(inbound, users[0], named(users[0], EARLIER))
    handed, _ = collect(inbound)
    assert (
        handed[users[0]]
        .notes[0]
        .startswith("its name says 2026-01-02 03:04:05 UTC, the folder was last changed")
    )


def test_files_of_others_and_links_are_not_read(inbound, users):
    anna, ben, carl = users
    hers = hand_in(inbound, anna, named(anna)) / f"{batch.NAME}.ipynb"
    stolen = hand_in(inbound, ben, named(ben)) / f"{batch.NAME}.ipynb"
    stolen.unlink()
    os.link(hers, stolen)
    linked = hand_in(inbound, carl, named(carl)) / f"{batch.NAME}.ipynb"
    linked.unlink()
    linked.symlink_to(hers)
    handed, _ = collect(inbound)
    assert "belongs to somebody else" in handed[ben].problem and "it is a link" in handed[carl].problem
    assert not handed[anna].problem


def test_a_folder_put_in_anothers_place_is_noticed(inbound, users, monkeypatch):
    anna, ben, _ = users
    hers, his = hand_in(inbound, anna, named(anna)), hand_in(inbound, ben, named(ben), "blank")
    real = os.open

    def swap(path, *arguments, **options):
        if path == hers:
            hers.rename(inbound / "away")
            his.rename(hers)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", swap)
    handed, _ = collect(inbound)
    assert "exchanged" in handed[anna].problem


def test_nobody_can_bury_what_is_said_of_others(inbound, users):
    anna, ben, carl = users
    hand_in(inbound, anna, named(anna))
    for number in range(12):
        hand_in(inbound, ben, named(anna, random=f"+{number}"))
    hand_in(inbound, carl, named(anna, random="+z"))
    _, remarks = collect(inbound)
    assert sum(f"belongs to {ben}" in line for line in remarks) == 5
    assert f"and 7 more of {ben}" in remarks and any(f"belongs to {carl}" in line for line in remarks)


def test_roster_copy_and_nothing(inbound, users):
    anna, ben, carl = users
    with pytest.raises(ValueError, match="no student has handed in anything"):
        collect(inbound)
    assert collect(inbound, [carl])[0][carl].problem == "nothing was handed in"
    hand_in(inbound, anna, named(anna))
    hand_in(inbound, ben, named(ben))
    handed, _ = collect(inbound, [anna, carl])
    assert not handed[anna].problem and "not on the roster" in handed[ben].problem
    for path in inbound.rglob("*"):
        os.chown(path, 0, 0)
    with pytest.raises(ValueError, match="belongs to you, as in a copy"):
        collect(inbound)


def test_what_collect_made_is_taken_too(tmp_path, users):
    from coursetools.homework.grading.intake import collect_hand_ins

    batch.save(batch.right(), tmp_path / "ada" / batch.NAME)
    batch.save(batch.right(), tmp_path / "ada" / "hw02_clustering")
    batch.save(batch.right(), tmp_path / "bob")
    batch.save(batch.right(), tmp_path / "bob", f"{batch.NAME}-Copy1.ipynb")
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / batch.NAME).symlink_to(tmp_path / "ada" / batch.NAME)
    handed = {one.student: one for one in collect_hand_ins(tmp_path, HOMEWORK)[0]}
    assert handed["ada"].content and "no notebook" in handed["eve"].problem
    assert (
        handed["bob"].file == f"{batch.NAME}.ipynb"
        and f"{batch.NAME}.ipynb was graded" in handed["bob"].notes[0]
    )


def test_a_class_is_graded_and_its_pages_go_back(inbound, users, tmp_path, bubblewrap, capsys):
    from coursetools.cli import main

    anna, ben, carl = users
    late = hand_in(inbound, anna, named(anna), "right")
    hand_in(inbound, ben, named(ben), "{")
    hand_in(inbound, carl, named(ben, LATER))
    out = tmp_path / "out"
    command = ["homework", "--course", batch.ROOT, "grade", batch.NAME, "--submitted", inbound, "--out", out]
    assert main([str(part) for part in [*command, "--class-seed", 7]]) == 0
    table = (out / "grades.csv").read_text()
    assert f"{anna},3,2,3,3,3,0,14,18,graded" in table and table.count("\n") == 4
    assert "cannot be read as a notebook" in batch.read_json(out / f"results/{ben}.json")["message"]
    assert f"says {ben} but belongs to {carl}" in batch.read_json(out / f"results/{carl}.json")["message"]
    assert f"says {ben} but belongs to {carl}" in (out / "report.md").read_text()
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{out}/gradebook.db") as gradebook:
        stamp = gradebook.find_submission(batch.NAME, anna).timestamp
    assert f"{stamp:%Y-%m-%d %H:%M:%S}" == NOW[:19], "the formgrader shows when it was handed in"
    capsys.readouterr()
    back = ["homework", "return", "--out", str(out), "--exchange", str(inbound.parent)]
    assert main(back) == 0
    assert "2 of 3 pages went back" in capsys.readouterr().out
    ticket = notebook_hash(secret=f"secret of {late.name}", notebook_id=batch.NAME)
    page = inbound.parent / "feedback" / f"{ticket}.html"
    assert page.read_text() == (out / f"feedback/{anna}.html").read_text()
    assert "14 of 18 points" in page.read_text() and f"handed in {NOW[:19]} UTC" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o644 and page.parent.stat().st_mode & 0o777 == 0o711
    assert main(back) == 0, "again, over what is there"
    assert len(list(page.parent.iterdir())) == 2
    os.chown(page.parent, pwd.getpwnam(ben).pw_uid, 0)
    assert main(back) == 2 and "belongs to somebody else" in capsys.readouterr().err
    assert main([*back[:-1], str(tmp_path)]) == 2 and "no course of an exchange" in capsys.readouterr().err
