"""The count of points in a homework notebook: what passes now, not what once passed."""

import pytest

from coursekit import points


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(points, "_reached", {})


def test_only_a_check_that_reached_its_end_counts(capsys):
    for exercise, ends in (("a", True), ("b", False)):
        points.begin(exercise)
        if ends:
            points.passed(exercise)
    points.total({"a": 3, "b": 2, "c": 1}, read={"words": 4})
    assert capsys.readouterr().out.splitlines() == [
        "You have 3 of 6 visible points.",
        "  ✓ a: 3 points",
        "  ✗ b: 2 points, its check fails",
        "  ✗ c: 1 point, its check has not run",
        "  ? words: 4 points, a person reads it",
    ]


def test_what_passed_once_and_fails_now_no_longer_counts(capsys):
    points.begin("a")
    points.passed("a")
    points.begin("a")
    points.total({"a": 3})
    assert "You have 0 of 3 visible points." in capsys.readouterr().out


def test_a_blank_is_one_line_and_another_error_keeps_its_traceback():
    from IPython.core.interactiveshell import InteractiveShell

    shell, shown = InteractiveShell(), []
    shell._showtraceback = lambda kind, error, lines: shown.append("\n".join(lines))
    points._in_one_line(shell, NotImplementedError, NotImplementedError("write it here"), None)
    assert shown == ["✗ write it here"]
    shell.set_custom_exc((NotImplementedError,), points._in_one_line)
    assert shell.run_cell("def f(): raise NotImplementedError('still empty')\nf()").error_in_exec
    assert shown[-1] == "✗ still empty"
    shell.run_cell("1 / 0")
    assert "ZeroDivisionError" in shown[-1] and "Traceback" in shown[-1]
