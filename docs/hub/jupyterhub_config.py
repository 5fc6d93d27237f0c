"""JupyterHub for one class on one machine: everybody has an account of the system, and works as that user.

README.md beside this file tells how to start it.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TEACHERS = {"teacher"}  # their user names; everybody else is a student

c = get_config()  # noqa: F821

# Everything listens on this machine only; the world sees the web server in front, with its certificate.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
c.Spawner.ip = "127.0.0.1"

# Passwords are those of the system. nbgrader goes by the user, so one account for all cannot tell them apart.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allow_all = True  # or allowed_users = {"ada", ...}
c.Authenticator.blocked_users = {"root"}

c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "OMP_NUM_THREADS": "1",  # many people, few cores
    # So that a terminal in JupyterLab finds `coursekit` and `nbgrader`.
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "/usr/bin:/bin")]),
}
# When a class begins, all servers start in the same minute.
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.JupyterHub.concurrent_spawn_limit = 20
# Work goes on while the hub itself is started anew.
c.JupyterHub.cleanup_servers = False


def configure(spawner):
    """Students get the assignment list, teachers the formgrader, which JupyterLab shows in a frame."""
    role = "teacher" if spawner.user.name in TEACHERS else "student"
    folders = [os.path.join(HERE, role), os.path.join(HERE, "everyone")]
    spawner.environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(folders)


c.Spawner.pre_spawn_hook = configure
