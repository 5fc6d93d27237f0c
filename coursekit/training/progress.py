"""The progress bar of a run: on a terminal or in a notebook, silent elsewhere."""

import sys

from tqdm import tqdm


def progress_bar(total: int | None, done: int, *, hidden: bool = False) -> tqdm:
    """tqdm on a terminal's standard error or in a notebook; silent in scripts without either, so in tests.

    Args:
        total: number of steps, None where nobody knows.
        done: how many of them are over already.
        hidden: show nothing on a terminal.
    """
    options = {"total": total, "initial": done, "leave": False, "unit": "step", "mininterval": 0.2}
    if hasattr(sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None, "kernel"):
        return tqdm(file=_NotebookLine(), ncols=80, **options)
    return tqdm(file=sys.stderr, disable=hidden or None, **options)


class _NotebookLine:
    """A one-line display that tqdm writes to. It ends empty, so a stored notebook shows no dead bar."""

    def __init__(self):
        from IPython.display import display

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        self.handle.update({"text/plain": text.strip("\r\n ")}, raw=True)

    def flush(self):
        """tqdm calls this; a display has nothing to flush."""
