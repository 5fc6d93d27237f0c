"""What the kernel says when a cell is run before the cells above it: one sentence, no page of traceback.

An extension of IPython. The course's set-up has every kernel of its `.venv` load it.
"""

import re

SENTENCE = (
    "Line {line} of this cell uses `{name}`, which is not there yet. Run the cells above first: in the menu, "
    "Run > Run All Above Selected Cell. (If no cell above makes it, it is misspelt.)"
)
# Up to Python 3.11 each of these is a function of its own.
LOOPS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def load_ipython_extension(shell):
    """IPython's name for what it calls with its shell."""
    shell.set_custom_exc((NameError,), explain)


def explain(shell, kind, error, trace, tb_offset=None):
    """Show the sentence if the cell's own lines miss a name; of a function that it calls, the traceback.

    Args and what is returned: as IPython's `set_custom_exc` has it, an error with its traceback -> lines.
    """
    cell = trace
    while cell.tb_next and cell.tb_frame.f_globals is not shell.user_ns:
        cell = cell.tb_next
    while cell.tb_next and cell.tb_next.tb_frame.f_code.co_name in LOOPS:
        cell = cell.tb_next
    missing = re.match(r"name '(\w+)' is not defined", str(error))
    if cell.tb_next or not missing:
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    else:
        lines = [SENTENCE.format(line=cell.tb_lineno, name=missing[1])]
    shell._showtraceback(kind, error, lines)
    return lines
