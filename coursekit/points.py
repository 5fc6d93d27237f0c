"""What a homework notebook counts: which of its checks pass as they were last run, and what they are worth.

A student's copy of a homework has `begin` at the top of each check and `passed` at its end, which is only
reached if everything between holds; its last cell prints `total`.
"""

import sys

_reached: dict[str, bool] = {}  # exercise -> did its check, when it ran last, reach its end?


def begin(exercise: str) -> None:
    """The check of an exercise starts: until it ends it has not passed, and an empty answer is one line."""
    _reached[exercise] = False
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and NotImplementedError not in shell.custom_exceptions:
        # IPython keeps one hook only, so ours calls the one that was there.
        others, hook = shell.custom_exceptions, shell.CustomTB

        def either(shell, kind, error, trace, tb_offset=None):
            if issubclass(kind, NotImplementedError):
                return _in_one_line(shell, kind, error, trace)
            return hook(kind, error, trace, tb_offset=tb_offset)

        shell.set_custom_exc((*others, NotImplementedError), either)


def passed(exercise: str) -> None:
    """The check of an exercise has come to its end."""
    _reached[exercise] = True


def total(checked: dict[str, float], read: dict[str, float] | None = None) -> None:
    """Print how many points the checks give so far, and what each exercise still asks for.

    >>> begin("whiten"); passed("whiten"); begin("scores")
    >>> total({"whiten": 3, "scores": 2}, read={"biplot": 4})
    You have 3 of 5 visible points.
      ✓ whiten: 3 points
      ✗ scores: 2 points, its check fails
      ? biplot: 4 points, a person reads it

    Args:
        checked: points by exercise, of those whose check runs in the notebook.
        read: points by exercise, of those that a person reads.
    """
    points = sum(value for name, value in checked.items() if _reached.get(name))
    print(f"You have {points:g} of {sum(checked.values()):g} visible points.")
    for name, value in checked.items():
        state = _reached.get(name)
        why = {True: "", False: ", its check fails", None: ", its check has not run"}[state]
        print(f"  {'✓' if state else '✗'} {name}: {value:g} point{'s' * (value != 1)}{why}")
    for name, value in (read or {}).items():
        print(f"  ? {name}: {value:g} point{'s' * (value != 1)}, a person reads it")


def _in_one_line(shell, kind, error, trace, tb_offset=None):
    """IPython's hook for an exception: its sentence alone, without a page of traceback."""
    lines = [f"✗ {error}" if str(error) else "✗ this answer is still empty"]
    shell._showtraceback(kind, error, lines)
    return lines
