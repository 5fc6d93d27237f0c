"""How notebooks look in a learner's JupyterLab: `course.py lab` turns on this server extension.

custom.css keeps prose to lines of about 80 characters and dims the figures where the theme is dark.
"""

from pathlib import Path


def _load_jupyter_server_extension(app):
    """Jupyter calls this; where JupyterLab looks for custom.css cannot be said in its configuration."""
    app.static_custom_path.insert(0, str(Path(__file__).parent))
