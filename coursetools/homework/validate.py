"""JupyterLab's Validate button for learners: one line per check that fails, instead of its source.

nbgrader's own dialog shows the source of each failing check and a page of traceback. This server extension
answers the same request in its place; `course.py lab` turns one off and the other on. For a notebook that is
no homework it says so at once and runs nothing.
"""

import json
from pathlib import Path

from jupyter_server.utils import url_path_join
from markupsafe import escape
from nbconvert.filters import strip_ansi
from nbgrader.server_extensions.validate_assignment.handlers import (
    NbGraderVersionHandler,
    ValidateAssignmentHandler,
)

LECTURE = (
    "There is nothing to validate in this notebook: it is no homework.\n"
    "Run > Run All Cells runs it; each line with ✓ is a claim that holds."
)


class Handler(ValidateAssignmentHandler):
    """The request of the button."""

    def validate_notebook(self, path):
        """nbgrader's findings, shortened."""
        try:
            target = (Path(self.root_dir) / path).resolve()
            if not target.is_relative_to(Path(self.root_dir).resolve()):
                return super().validate_notebook(path)
            cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
            graded = [c for c in cells if c["metadata"].get("nbgrader", {}).get("grade")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return super().validate_notebook(path)  # which has the words for it
        if not graded:
            return {"success": False, "value": LECTURE}
        answer = super().validate_notebook(path)
        return {**answer, "value": shortened(answer["value"], graded)} if answer["success"] else answer


def shortened(found, graded):
    """What nbgrader's validator found, with names for sources and a sentence for each traceback.

    graded: the cells that give points, as in the notebook's JSON.
    """
    facts = {"".join(cell["source"]).strip(): cell["metadata"]["nbgrader"] for cell in graded}
    failed = {}
    for one in [one for kind in found.values() for one in kind]:
        fact = facts.get(one["source"])
        if fact is None:
            continue
        one["source"] = f"{fact['grade_id'].removeprefix('test_')}, {fact['points']:g} points"
        if "raw_error" in one:
            lines = [line for line in strip_ansi(one["raw_error"]).splitlines() if line.strip()]
            one["raw_error"] = lines[-1] if lines else "it fails"
            one["error"] = str(escape(one["raw_error"]))
            failed[fact["grade_id"]] = fact["points"]
    if failed:
        checks = {c["metadata"]["nbgrader"]["grade_id"]: c for c in graded if c["cell_type"] == "code"}
        points = {name: cell["metadata"]["nbgrader"]["points"] for name, cell in checks.items()}
        have = sum(value for name, value in points.items() if name not in failed)
        count = f"{len(points.keys() - failed.keys())} of {len(points)} checks pass"
        last = found["failed"][-1]
        last["error"] += f"\n\n{count}: {have:g} of {sum(points.values()):g} visible points so far."
    return found


def _load_jupyter_server_extension(app):
    """Jupyter calls this."""
    app.web_app.settings["root_dir"] = app.root_dir
    address = app.web_app.settings["base_url"]
    pairs = (("/assignments/validate", Handler), ("/nbgrader_version", NbGraderVersionHandler))
    app.web_app.add_handlers(".*$", [(url_path_join(address, path), handler) for path, handler in pairs])
