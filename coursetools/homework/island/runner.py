"""What runs beside a submission, inside the sandbox: cells in, printed text out; probe calls in, values out.

It holds no test, no expected value and no verdict. Requests come as JSON lines on standard input, one at a
time; each gets one JSON line on standard output. The submission can do what it likes to this process: it only
loses its own answers, since whoever reads the replies takes them for hostile data.

    {"cell": "x = 1"}                                     -> {"text": "", "error": null}
    {"cell": "check(f(1), 2)", "aside": true}             -> the same; what it binds is bound for it alone
    {"call": "f(X)", "inputs": {"X": ...}}                -> {"value": ...} or {"error": "NameError"}
"""

import contextlib
import io
import json
import os
import shutil
import sys
import types
import warnings
from abc import ABCMeta
from importlib.util import spec_from_loader

MAX_TEXT = 20_000  # characters of output that are kept of one cell
MAX_ERROR = 2_000


def main():
    """Serve requests until standard input is closed; the settings are the one argument, as JSON."""
    settings = json.loads(sys.argv[1])
    if "user" in settings:
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
    _limit(settings["limits"])
    if settings["isolated"]:
        from coursetools.homework.island.doors import shut

        shut()
    for source, target in (("FONT_LIST", "MPLCONFIGDIR"), ("FILES", "TMPDIR")):
        with contextlib.suppress(OSError):
            shutil.copytree(os.environ[source], os.environ[target], dirs_exist_ok=True)
    sys.path.append(os.environ["TMPDIR"])  # another course may bring modules of its own
    sys.meta_path.insert(0, _Forbidden(settings["forbidden"]))
    shell = _shell()
    requests, replies = open_channel()
    answers = {"cell": lambda request: _cell(shell, request), "call": lambda request: _probe(shell, request)}
    reply(replies, {"ready": True})
    for line in requests:
        request = json.loads(line)
        reply(replies, answers["cell" if "cell" in request else "call"](request))


def open_channel():
    """(requests, replies): the standard streams, moved where nothing that prints can disturb them."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a child process or a C library prints goes nowhere
        os.dup2(null, stream)
    return requests, replies


def reply(replies, answer):
    """Send one JSON line."""
    try:
        line = json.dumps(answer)
    except (TypeError, ValueError, RecursionError):
        line = json.dumps({"error": "TypeError"})
    replies.write(line.encode() + b"\n")
    replies.flush()


class Capped(io.TextIOBase):
    """A text stream that keeps the first characters and counts the rest, however much is printed."""

    def __init__(self):
        super().__init__()
        self.parts, self.kept, self.total = [], 0, 0

    def writable(self):
        """It can be written to."""
        return True

    def write(self, text):
        """Keep what still fits of a string."""
        part = str(text)[: MAX_TEXT - self.kept]
        self.parts.append(part)
        self.kept += len(part)
        self.total += len(text)
        return len(text)

    def text(self):
        """What was kept, with one line on what was not."""
        dropped = self.total - self.kept
        return "".join(self.parts) + (f"\n... and {dropped} characters more" if dropped else "")


class _Forbidden:
    """Puts stand-ins in the place of modules whose answer is no answer; their files are out of sight as well.

    A stand-in can be imported, since one half of a library imports the other, and refuses to be used.
    """

    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        """A stand-in for the forbidden modules and what they contain, None for everything else."""
        for module in self.modules:
            if name == module or name.startswith(f"{module}."):
                return spec_from_loader(name, self, origin=module, is_package=True)

    def create_module(self, spec):
        """The usual kind of module."""

    def exec_module(self, module):
        """Give the module one class under every name, which may be named and inherited, but not called."""
        sentence = f"{module.__spec__.origin} is not allowed in this homework: write the answer yourself"
        module.__getattr__ = _Refusing("Refusing", (), {"sentence": sentence}).__getattr__


class _Refusing(ABCMeta):
    """Classes that are a stand-in, with everything that inherits from them."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(cls.sentence)
        return cls

    def __call__(cls, *arguments, **keywords):
        raise ImportError(cls.sentence)


def _shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.cache_size = 0
    shell = InteractiveShell.instance(config=config)
    shell.enable_gui = lambda gui=None: None  # `%matplotlib inline` has nothing to show here
    shell.ask_exit = lambda: None
    shell._showtraceback = lambda *parts: None  # one sentence is kept of an error, see `_sentence`
    return shell


def _cell(shell, request):
    stream = Capped()
    warnings.filterwarnings("ignore", message="To exit: use")
    beside = _aside(shell) if request.get("aside") else contextlib.nullcontext()
    with beside, contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        result = shell.run_cell(request["cell"])
    error = result.error_before_exec or result.error_in_exec
    return {"text": stream.text(), "error": _sentence(error) if error is not None else None}


@contextlib.contextmanager
def _aside(shell):
    """Cells run in a copy of the namespace: a check that binds `log` leaves the student's `log` alone."""
    module, namespace = shell.user_module, shell.user_ns
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update(namespace)
    shell.user_module, shell.user_ns = copy, copy.__dict__
    try:
        yield
    finally:
        shell.user_module, shell.user_ns = module, namespace


def _probe(shell, request):
    """The value of a call. What it prints is dropped: it could carry the hidden inputs to the page."""
    from coursetools.homework.island.probes import Probe, decode, evaluate

    inputs = {name: decode(value) for name, value in request["inputs"].items()}
    probe = Probe(request["call"], {}, message="")
    try:
        with contextlib.redirect_stdout(Capped()), contextlib.redirect_stderr(Capped()):
            return {"value": evaluate(probe, inputs, shell.user_ns)}
    except BaseException as error:
        return {"error": type(error).__name__}


def _sentence(error):
    """`Type in line 3: message`; the message alone where it is a sentence already."""
    name = type(error).__name__
    try:
        # Of a SyntaxError without the name of a file, which nobody has.
        message = str(error.msg if isinstance(error, SyntaxError) else error)[:MAX_ERROR]
    except BaseException:  # an error may come from the submission, with a __str__ that raises
        message = "(its message cannot be shown)"
    if name == "CheckFailed" or (name == "NotImplementedError" and message):
        return message
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith("<ipython-input"):
            line = trace.tb_lineno
        trace = trace.tb_next
    line = error.lineno if isinstance(error, SyntaxError) else line
    return f"{name}{f' in line {line}' if line else ''}: {message}".rstrip(": ")


def _limit(limits):
    """Limits of each process; a limit that this system does not know is left to the watcher outside."""
    if os.name != "posix":
        return
    import resource

    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is not None:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(number, (value, value))
