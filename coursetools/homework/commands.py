"""`coursekit homework` and its six verbs. A mishap is one sentence and exit code 2."""

import contextlib
import os
import sys
from pathlib import Path

from coursetools.homework.grading.session import Limits

DEFAULTS = Limits()


def add_commands(parser):
    """Add the commands to an argparse parser; each leaves in `run` what to call with the options."""
    parser.add_argument("--course", metavar="DIR", help="the course folder (else: this one, or coursekit's)")
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="build | test | grade | export | return | status"
    )
    verb = verbs.add_parser("build", help="make the release versions from the twins")
    verb.add_argument("names", nargs="*", metavar="hwNN_name", help="which (else: all)")
    verb.add_argument(
        "--class-seed", type=int, metavar="S", help="keep S, from which hidden inputs are drawn"
    )
    verb.set_defaults(run=build)
    verb = verbs.add_parser("test", help="solution passes, blank fails, every mistake is caught")
    verb.add_argument("names", nargs="*", metavar="hwNN_name", help="which (else: all)")
    verb.add_argument("--brief", action="store_true", help="one line an exercise, no messages")
    verb.set_defaults(run=test)
    verb = verbs.add_parser("grade", help="grade a class")
    verb.add_argument("name", metavar="hwNN_name")
    what = "holds <student>/<any name>.ipynb, or is the inbound folder of nbgrader's exchange"
    verb.add_argument("--submitted", required=True, metavar="DIR", help=what)
    what = "where table, pages, gradebook and report go"
    verb.add_argument("--out", required=True, metavar="DIR", help=what)
    what = "who should have handed in: a column `student`, and whatever else the table should carry"
    verb.add_argument("--roster", metavar="CSV", help=what)
    verb.add_argument(
        "--deadlines", metavar="TOML", help="deadlines, grace and late days: see docs/teacher.md"
    )
    jobs = min(2, os.cpu_count() or 1)
    verb.add_argument("--jobs", type=int, default=jobs, metavar="N", help=f"students at a time ({jobs})")
    verb.add_argument("--class-seed", type=int, metavar="S", help="instead of the one kept")
    verb.add_argument(
        "--cell-seconds",
        type=float,
        default=DEFAULTS.cell,
        metavar="S",
        help="seconds of computing for a cell (60)",
    )
    verb.add_argument(
        "--seconds", type=float, default=DEFAULTS.total, metavar="S", help="seconds for a notebook (300)"
    )
    verb.add_argument(
        "--memory", type=int, default=DEFAULTS.memory, metavar="MB", help="memory for a notebook (3000)"
    )
    verb.add_argument(
        "--no-sandbox", action="store_true", help="run them with your own rights: your decision"
    )
    verb.set_defaults(run=grade)
    verb = verbs.add_parser("export", help="write the scores for Canvas or Moodle")
    verb.add_argument("--out", required=True, metavar="DIR", help="a folder that `grade` has filled")
    verb.add_argument("--for", required=True, choices=("canvas", "moodle"), dest="platform")
    what = 'the assignment as the platform writes it, such as "Homework 1 (4711)" (hwNN_name)'
    verb.add_argument("--title", help=what)
    verb.add_argument("--file", metavar="CSV", help="where to (DIR/canvas.csv or DIR/moodle.csv)")
    verb.set_defaults(run=export)
    verb = verbs.add_parser("return", help="give the pages back through nbgrader's exchange")
    verb.add_argument("--out", required=True, metavar="DIR", help="a folder that `grade` has filled")
    verb.add_argument("--exchange", required=True, metavar="DIR", help="the course's folder in the exchange")
    verb.set_defaults(run=return_feedback)
    verb = verbs.add_parser("status", help="which homeworks there are, and how far a grading is")
    verb.add_argument("--out", metavar="DIR", help="a folder that `grade` has filled")
    verb.set_defaults(run=status)


def run(options):
    """Exit code of one command: 0 done, 1 a proof failed, 2 it could not run, 130 interrupted."""
    try:
        return options.run(options)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"coursekit homework: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. What is done is kept; the same command goes on from there.", file=sys.stderr)
        return 130


def build(options):
    """Write the teacher's and the release notebook of each homework."""
    from coursetools.homework.build import build_homework
    from coursetools.homework.loading import TWINS, find_course, keep_class_seed

    course = find_course(options.course)
    if not (course / TWINS).is_dir():
        raise ValueError(f"{course} has no twins in {TWINS}; for another nbgrader course use nbgrader itself")
    for name in _chosen(course, options.names):
        print(build_homework(course / TWINS / name / f"{name}.py").relative_to(course))
    if options.class_seed is not None:
        keep_class_seed(course, options.class_seed)
        print(
            "The class seed is kept in .coursekit/class_seed, which git ignores; `grade` takes it from there."
        )
    return 0


def test(options):
    """Print one line an exercise; exit code 1 when a side of the proof does not hold."""
    from coursetools.homework.loading import SEED_FILE, TWINS, class_seed, find_course
    from coursetools.homework.proof import SEEDS, prove

    course, failed = find_course(options.course), 0
    for name in _chosen(course, options.names):
        mistakes = course / "tests" / "mistakes" / f"{name}.py"
        if not mistakes.exists():
            raise ValueError(f"{name} has no planted mistakes: {mistakes.relative_to(course)} is missing")
        try:
            seeds = SEEDS + ((class_seed(course),) if (course / SEED_FILE).exists() else ())
            verdicts = prove(course / TWINS / name / f"{name}.py", mistakes, seeds)
        except AssertionError as error:
            print(f"{name}: FAILED: {error}")
            failed += 1
            continue
        for exercise in dict.fromkeys(verdict.exercise for verdict in verdicts):
            caught = [v for v in verdicts if v.exercise == exercise and v.form not in ("solution", "blank")]
            hidden, visible = (
                sum(v.hidden is not None for v in caught),
                sum(v.visible is not None for v in caught),
            )
            print(
                f"{name} {exercise}: solution passes, blank fails, mistakes caught: "
                f"{hidden} of {len(caught)} by hidden tests, {visible} at once by visible checks"
            )
            for verdict in [] if options.brief else caught:
                print(f"    {verdict.form}: {verdict.visible or verdict.hidden}")
    return 1 if failed else 0


def grade(options):
    """Grade a class; exit code 0 when the batch was finished, whatever its students did."""
    from tqdm import tqdm

    from coursetools.homework.grading.batch import grade as grade_class
    from coursetools.homework.grading.intake import read_roster
    from coursetools.homework.grading.late import read_deadline
    from coursetools.homework.loading import check_seed, class_seed, find_course, load_homework

    for name in ("jobs", "cell_seconds", "seconds", "memory"):
        if not getattr(options, name) > 0:
            raise ValueError(f"--{name.replace('_', '-')} must be larger than 0")
    course = find_course(options.course)
    homework = load_homework(course, options.name)
    roster = read_roster(options.roster) if options.roster else None
    deadline = read_deadline(options.deadlines, homework.name) if options.deadlines else None
    seed = class_seed(course) if options.class_seed is None else check_seed(options.class_seed)
    limits = Limits(cell=options.cell_seconds, total=options.seconds, memory=options.memory)
    out = Path(options.out)
    print(
        f"{options.jobs} at a time; a notebook may compute {limits.cell:g} s in a cell and take "
        f"{limits.longest():g} s on the clock in all. One that never ends keeps one place; the others go on.",
        flush=True,
    )
    with _only_one(out), tqdm(desc=homework.name, unit="student", disable=None) as bar:

        def advance(done, total, running):
            bar.total, bar.n = total, done
            bar.set_postfix_str(f"waits for {', '.join(running)}"[:60] if running else "", refresh=False)
            bar.refresh()

        results = grade_class(
            course, homework, options.submitted, out, seed, limits,
            isolated=not options.no_sandbox, jobs=options.jobs, roster=roster, deadline=deadline,
            advance=advance,
        )  # fmt: skip
    if options.no_sandbox:
        print("Without the sandbox: these submissions ran with your own rights.")
    _print_counts(homework.name, results)
    print(f"{out / 'grades.csv'}   {out / 'report.md'}   {out / 'similarity.md'}   {out / 'feedback'}")
    return 0


def export(options):
    """Write the table that a learning platform imports; who is not finished has no line in it."""
    from coursetools.homework.grading.export import exported

    results = _results(options.out)
    most = max(sum(row["max"] for row in r["exercises"]) for r in results)
    title = options.title or results[0]["homework"]
    text, left = exported(results, title, most, options.platform)
    target = Path(options.file or Path(options.out) / f"{options.platform}.csv")
    target.touch(mode=0o600)
    target.write_text(text, encoding="utf-8")
    print(f"{target}: {len(results) - len(left)} students")
    if left:
        named = ", ".join(f"{student} ({why})" for student, why in list(left.items())[:10])
        print(f"Without a line: {named}{f' and {len(left) - 10} more' if len(left) > 10 else ''}.")
    return 0


def return_feedback(options):
    """Put each page where the student's `fetch_feedback` finds it; the page of a later run replaces it."""
    from coursetools.homework.grading.batch import file_stem
    from coursetools.homework.grading.exchange import return_pages

    results, folder = _results(options.out), Path(options.out) / "feedback"
    pages = [(r.get("tickets", ()), folder / f"{file_stem(r['student'])}.html") for r in results]
    returned = return_pages(pages, options.exchange)
    waiting = sum(r["status"] == "needs manual grading" and bool(r.get("tickets")) for r in results)
    print(
        f"{returned} of {len(results)} pages went back, {waiting} of them with an answer that waits for you."
    )
    if returned < len(results):
        print("The others did not come through the exchange, or handed in nothing that can be read.")
    return 0


def status(options):
    """Print a line for each homework, or for a folder of `grade`."""
    from coursetools.homework.loading import SEED_FILE, find_course, homework_names, load_homework

    course = find_course(options.course)
    if options.out:
        results = _results(options.out)
        _print_counts(results[0]["homework"], results)
        return 0
    for name in homework_names(course):
        homework = load_homework(course, name)
        manual = len(homework.read_by_a_person)
        print(
            f"{name}: {len(homework.exercises)} exercises, {manual} of them read by a person, "
            f"{homework.max_score:g} points"
            + ("; hidden asserts, which a submission can read" if homework.readable_tests else "")
        )
    kept = (course / SEED_FILE).exists()
    print(
        "A class seed is kept."
        if kept
        else "No class seed is kept yet; the first `grade` draws a secret one."
    )
    return 0


def _results(out):
    from coursetools.homework.grading.batch import load_results

    results = load_results(Path(out))
    if not results:
        raise ValueError(f"{out} holds no results: `grade` has not filled it")
    return results


def _chosen(course, names):
    from coursetools.homework.loading import homework_names

    known = homework_names(course)
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"there is no homework {unknown[0]!r}; there is {', '.join(known) or 'none'}")
    return names or known


def _print_counts(name, results):
    words = ("graded", "needs manual grading", "not graded")
    counts = ", ".join(f"{sum(r['status'] == word for r in results)} {word}" for word in words)
    print(f"{name}: {len(results)} students: {counts}")


@contextlib.contextmanager
def _only_one(out):
    """Keep a second run out of the same folder; the lock goes with the process, however that ends."""
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(out / ".lock", "w") as file:
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(f"another run is grading into {out}: wait for it, or end it") from None
        yield
