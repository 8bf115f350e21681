"""Runs a program as Python itself would have run it: script, folder, zip file or module.

The same `__main__`, sys.argv, sys.path[0], traceback and exit code. It is run in this process, so what cannot
be hidden is that frames of ours lie below the program's first frame.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


_replaced: list[ModuleType | None] = []


class Program:
    """What is to be run: a module's name or a path, and the arguments behind it."""

    __slots__ = ("arguments", "is_module", "target")

    def __init__(self, target: str, arguments: Sequence[str], *, is_module: bool) -> None:
        self.target = target
        self.arguments = list(arguments)
        self.is_module = is_module

    @property
    def words(self) -> list[str]:
        """The command line behind `python`."""
        return [*(["-m"] if self.is_module else []), self.target, *self.arguments]


class UsageError(Exception):
    """The command line names nothing that could be run; the text says what to do."""


def program_of(words: Sequence[str]) -> Program:
    """The program that `kolo-probe run WORDS` means; UsageError when there is none."""
    if not words:
        raise UsageError("say what to run: a script, or -m and a module")
    first, rest = words[0], words[1:]
    if _is_python(first) and rest:  # "python script.py", "python -m module": as it is typed without us
        if rest[0].startswith("-") and rest[0] != "-m":
            raise UsageError(
                f"{rest[0]} is an option of Python's; options of its own go before ours: "
                f"{first} {rest[0]} -m kolo_probe run SCRIPT"
            )
        return program_of(rest)
    if first == "-m":
        if not rest:
            raise UsageError("-m needs the name of a module")
        return Program(rest[0], rest[1:], is_module=True)
    if _is_module_name(first) and not _is_script(first):
        return Program(first, rest, is_module=True)
    try:
        if not os.path.isdir(first):
            open(first, "rb").close()
    except OSError as error:
        raise UsageError(f"cannot open {first!r}: {error.strerror}; a module is run by -m MODULE") from None
    return Program(first, rest, is_module=False)


def _is_python(word: str) -> bool:
    name = os.path.basename(word)
    version = name[len("python") :].replace(".", "")
    return name.startswith("python") and (not version or version.isdecimal())


def _is_script(name: str) -> bool:
    # A package's folder is run as the module it is; any other folder by the __main__.py in it.
    return os.path.exists(name) and not os.path.exists(os.path.join(name, "__init__.py"))


def _is_module_name(word: str) -> bool:
    """True for the dotted name of a module that can be found from here."""
    if not all(part.isidentifier() for part in word.split(".")) or word.endswith(".py"):
        return False
    from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

    top = word.partition(".")[0]
    search = [os.getcwd(), *sys.path[1:]]
    finders = (
        BuiltinImporter.find_spec(top),
        FrozenImporter.find_spec(top),
        PathFinder.find_spec(top, search),
    )
    return any(spec is not None for spec in finders)


def prepare(program: Program) -> None:
    """Set sys.argv and sys.path[0] as Python does before it runs the program."""
    # The runner below puts the found file's path in the place of "-m", as Python does.
    sys.argv[:] = ["-m" if program.is_module else program.target, *program.arguments]
    first = first_on_path(program)
    if first is not None:
        sys.path[0] = first


def first_on_path(program: Program) -> str | None:
    """The folder or file that Python puts first on sys.path for a program; None where it puts none there."""
    # With -P, -I or PYTHONSAFEPATH there is no such entry, neither ours nor the program's.
    if is_path_safe():
        return None
    if program.is_module:
        return os.getcwd()
    if _has_main_module(program.target):
        return _absolute(program.target)
    return os.path.dirname(os.path.realpath(program.target))


def is_path_safe() -> bool:
    """Whether Python was told to put nothing of the program's surroundings on sys.path: -P, -I."""
    return bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))


def execute(program: Program) -> None:
    """Run the program to its end. Whatever it raises comes out, to be printed without frames of ours."""
    main = ModuleType("__main__")
    namespace = vars(main)
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__builtins__"] = sys.modules["builtins"]
    # To the end of the process: CPython 3.9 goes on using the dictionary of the module that it began with.
    _replaced.append(sys.modules.get("__main__"))
    sys.modules["__main__"] = main
    try:
        if program.is_module:
            _run_as_main(program.target, alter_argv=True)
        elif _has_main_module(program.target):
            _run_as_main("__main__", alter_argv=False)
        else:
            exec(_load(program.target, namespace), namespace)
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook = _without_launcher(sys.excepthook)
        raise


def _has_main_module(path: str) -> bool:
    """True for what Python runs by the __main__ module in it: a folder or a zip file."""
    if os.path.isdir(path):
        return True
    if path.endswith((".py", ".pyc")):
        return False
    import zipimport

    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


def _run_as_main(module: str, *, alter_argv: bool) -> None:
    import runpy

    # Private, but it is what `python -m` itself calls, so that the program's traceback has the usual frames.
    run: Callable[[str, bool], Any] = runpy._run_module_as_main  # type: ignore[attr-defined]
    run(module, alter_argv)


def _load(path: str, namespace: dict[str, Any]) -> Any:
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    filename = _absolute(path)
    namespace["__file__"] = filename
    namespace["__cached__"] = None
    if filename.endswith(".pyc"):
        compiled = SourcelessFileLoader("__main__", filename)
        namespace["__loader__"] = compiled
        return compiled.get_code("__main__")
    namespace["__loader__"] = SourceFileLoader("__main__", filename)
    with open(filename, "rb") as file:
        source = file.read()
    return compile(source, filename, "exec", dont_inherit=True)


def _absolute(path: str) -> str:
    """As Python makes `__file__` absolute: the current folder before it, and nothing resolved."""
    return os.path.join(os.getcwd(), path)


def _without_launcher(hook: Callable[..., Any]) -> Callable[..., None]:
    """A sys.excepthook for one exception: gives `hook` the program's part of the traceback.

    The interpreter calls it, so that all that follows (exit code, death by SIGINT) is the interpreter's own.
    """

    def excepthook(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = hook
        value.__traceback__ = sys.last_traceback = _program_part(traceback)
        try:
            hook(kind, value, value.__traceback__)
        except SystemExit:
            raise
        except BaseException as error:
            # As the interpreter reports it, less the frame that would be ours.
            print("Error in sys.excepthook:", file=sys.stderr)
            own = error.__traceback__
            error.__traceback__ = None if own is None else own.tb_next
            sys.__excepthook__(type(error), error, error.__traceback__)
            print("\nOriginal exception was:", file=sys.stderr)
            sys.__excepthook__(kind, value, value.__traceback__)

    return excepthook


def _program_part(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on; None when there is none (a syntax error)."""
    launcher = (execute.__code__, _run_as_main.__code__, _load.__code__)
    while traceback is not None and traceback.tb_frame.f_code is not execute.__code__:
        traceback = traceback.tb_next
    while traceback is not None and traceback.tb_frame.f_code in launcher:
        traceback = traceback.tb_next
    return traceback
