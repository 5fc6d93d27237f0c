"""nbgrader's exchange, from the teacher's side: work is taken from its inbound folder, pages go back.

Every student can write into the inbound folder, so a name there is a claim: `ada+hw01_pca+2026-11-21
10:00:00.000000 UTC+Zm9v` says who handed in what, and when. Who it was, the system knows better: the folder
has an owner, and an owner has a user name. Claims that do not hold are reported and stop nobody.
"""

import os
import re
import stat
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from nbgrader.utils import notebook_hash, parse_utc

from coursetools.homework.grading.intake import Handed, find_notebook, read_whole, student_name, with_roster

NAME = re.compile(
    r"(?P<student>.+)\+(?P<homework>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^+]*)(\+[^+]*)?"
)
# With it a student's `fetch_feedback` finds her page, and nobody else's does.
SECRET = "submission_secret.txt"
SLACK = timedelta(minutes=10)  # between the time in a name and the last change of the folder
REMARKS_EACH = 5  # on one owner, so that nobody can bury what is said of others


@dataclass(frozen=True)
class _Claim:
    """One entry of the inbound folder. trouble: a sentence why it does not count, or ""."""

    name: str
    user: int
    owner: str
    when: datetime | None
    trouble: str


def is_inbound(folder):
    """Whether a folder is an exchange's inbound folder: by its place, or by the form of the names in it."""
    folder = Path(folder).resolve()
    try:
        names = os.listdir(folder) if folder.is_dir() else []
    except PermissionError:
        raise ValueError(f"this account may not list {folder}: grade with the account that made it") from None
    placed = folder.name == "inbound" and (folder.parent / "outbound").is_dir()
    return placed or any(NAME.fullmatch(name) for name in names)


def collect_inbound(folder, homework, roster=None):
    """(hand-ins, remarks): each student's latest by the owner's user name, sorted; sentences for the report.

    ValueError if all of it belongs to whoever grades, as in a copy: then no forgery could be told.
    """
    folder = Path(folder).resolve()
    entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    claims = [_claim(entry, homework.assignment) for entry in entries if not entry.name.startswith(".")]
    claims = [claim for claim in claims if claim is not None]
    good, bad = [c for c in claims if not c.trouble], [c for c in claims if c.trouble and c.owner]
    if bad and not good and {claim.user for claim in claims} == {os.getuid()}:
        raise ValueError(
            f"everything in {folder} belongs to you, as in a copy: take the exchange's own folder, "
            "whose owners tell who handed in what"
        )
    handed = {claim.owner: Handed(claim.owner, problem=claim.trouble) for claim in bad}
    latest = {claim.owner: claim for claim in sorted(good, key=lambda claim: (claim.when, claim.name))}
    for owner, claim in latest.items():
        known = roster is None or owner in roster
        handed[owner] = _open_claim(folder, claim, homework) if known else Handed(owner)
    return with_roster(handed, roster), _remarks(claims)


def return_pages(pages, exchange):
    """Put feedback pages where `nbgrader fetch_feedback` and the assignment list look; how many went back.

    pages: pairs of a hand-in's tickets and the file of its page. exchange: the course's folder in it.
    """
    if not is_inbound(Path(exchange) / "inbound"):
        raise ValueError(f"{exchange} is no course of an exchange: it holds no inbound and outbound folder")
    folder = Path(exchange) / "feedback"
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ValueError(f"{folder} belongs to somebody else: return pages with the account that released")
    folder.chmod(0o711)  # a page can be read by whoever knows its name, and the names cannot be listed
    for tickets, page in pages:
        for ticket in tickets:
            half = folder / f"{ticket}.tmp"
            half.write_bytes(page.read_bytes())
            half.chmod(0o644)
            half.replace(folder / f"{ticket}.html")
    return sum(bool(tickets) for tickets, _ in pages)


def _claim(entry, homework):
    """The claim of an entry, or None when it is of another homework."""
    found, shown = NAME.fullmatch(entry.name), student_name(entry.name)
    parts = entry.name.split("+")
    if (found and found["homework"] != homework) or (not found and len(parts) > 2 and homework not in parts):
        return None
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # taken back this moment
        return None
    owner, when = _user_name(facts.st_uid), _time(found["time"]) if found else None
    if not owner:
        trouble = f"{shown} belongs to user number {facts.st_uid}, whom this system does not know"
    elif stat.S_ISLNK(facts.st_mode):
        trouble = f"{shown}, which belongs to {owner}, is a link to elsewhere, which is not followed"
    elif not stat.S_ISDIR(facts.st_mode):
        trouble = f"{shown}, which belongs to {owner}, is no folder"
    elif when is None:
        trouble = (
            f"{shown}, which belongs to {owner}, has no name that nbgrader gives (student+{homework}+time)"
        )
    elif student_name(found["student"]) != owner:
        said = student_name(found["student"])
        trouble = f"{shown} says {said} but belongs to {owner}: it counts for neither"
    else:
        trouble = ""
    return _Claim(entry.name, facts.st_uid, owner, when, trouble)


def _user_name(number):
    import pwd  # not on Windows, where there is no exchange

    try:
        return student_name(pwd.getpwuid(number).pw_name)
    except KeyError:
        return ""


def _time(text):
    """UTC, or None for a time that is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a time zone that is not known counts as UTC
            return parse_utc(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _open_claim(folder, claim, homework):
    """The hand-in of a claim. Opened once and held, so that nobody can put another folder in its place."""
    try:
        handle = os.open(folder / claim.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        return Handed(claim.owner, problem=f"the folder cannot be read: {error.strerror}")
    try:
        facts = os.fstat(handle)
        if facts.st_uid != claim.user:
            return Handed(claim.owner, problem="the folder was exchanged for another one while it was read")
        handed = find_notebook(claim.owner, handle, homework, owner=claim.user)
        if handed.again:  # by then the folder is closed
            handed.again = partial(handed.again, folder / claim.name)
        handed.when = f"{claim.when:%Y-%m-%d %H:%M:%S} UTC"
        changed = datetime.fromtimestamp(facts.st_ctime, UTC)
        if abs(changed - claim.when) > SLACK:
            handed.notes.append(
                f"its name says {handed.when}, the folder was last changed {changed:%Y-%m-%d %H:%M:%S} UTC"
            )
        handed.tickets = _tickets(handle, claim.user, homework)
        return handed
    finally:
        os.close(handle)


def _tickets(handle, owner, homework):
    """Under which names nbgrader looks for the page: its list wants one for every notebook there is."""
    names = [homework.notebook]
    if homework.alone:
        names = sorted(name[:-6] for name in os.listdir(handle) if name.endswith(".ipynb"))[:20]
    try:
        secret = read_whole(handle, SECRET, owner).decode()
        return [notebook_hash(secret=secret, notebook_id=name) for name in names]
    except (OSError, ValueError):
        return []


def _remarks(claims):
    """The troubles as sentences, no more than a few on one owner."""
    said, lines = Counter(), []
    for claim in claims:
        if claim.trouble:
            said[claim.user] += 1
            if said[claim.user] <= REMARKS_EACH:
                lines.append(claim.trouble)
    more = {user: number - REMARKS_EACH for user, number in said.items() if number > REMARKS_EACH}
    return lines + [f"and {number} more of {_user_name(user) or user}" for user, number in more.items()]
