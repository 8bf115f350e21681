"""The command `kolo-probe`: runs any program with every call of it recorded."""

from __future__ import annotations

import sys

from kolo_probe import _run
from kolo_probe._names import program_name
from kolo_probe._process import process_session, trace_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

_USAGE_ERROR = 2

_EXAMPLES = """\
examples:
  kolo-probe run script.py --its own --arguments
  kolo-probe run --name "nightly import" manage.py import_orders
  kolo-probe run -m package.module argument
  kolo-probe run python script.py          as it is typed without kolo-probe

Output, exit code and traceback are the program's. Everything it did is in .kolo/db.sqlite3 when it has ended:
kolo-trace list shows it. KOLO_PATH names another folder for .kolo; KOLO_DISABLE=1 records nothing."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a program that is run may raise SystemExit and more."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        from kolo_probe import __version__

        print(f"kolo-probe {__version__}")
        return 0
    if arguments[:1] == ["run"]:
        own, words = _split(arguments[1:])
        # argparse costs 7 ms of the start, and most runs have no options.
        options: Any = _NoOptions if not own else _parser().parse_args(["run", *own])
        return _run_program(options, words)
    parser = _parser()
    parser.parse_args(arguments)
    parser.print_help()
    return _USAGE_ERROR


def _run_program(options: Any, words: list[str]) -> int:
    try:
        program = _run.program_of(words)
    except _run.UsageError as error:
        print(f"kolo-probe run: {error} (kolo-probe run --help shows examples)", file=sys.stderr)
        return _USAGE_ERROR
    _run.prepare(program)
    config: dict[str, object] = {"hook": options.hook} if options.hook else {}
    if options.one_trace_per_test:
        config["one_trace_per_test"] = True
    here = process_session(config or None)
    if here.native is not None and options.noop:
        here.native.register_noop_profiler()
    else:
        kind, name = program_name(program.words)
        trace_process(here, kind, options.name or name)
    _run.execute(program)
    return 0


class _NoOptions:
    """What argparse gives for `run` without options."""

    name: str | None = None
    noop = False
    hook: str | None = None
    one_trace_per_test = False


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our options, and the program with its arguments: those are not ours to interpret, whatever they are."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument == "--":
            return arguments[:index], arguments[index + 1 :]
        if argument == "-m" or not argument.startswith("-"):
            break
        index += 2 if argument in ("--name", "--hook") else 1
    return arguments[:index], arguments[index:]


def _parser() -> argparse.ArgumentParser:
    import argparse

    from kolo_probe._options import HOOKS

    def parser_of(make: Any, *args: str, **kwargs: Any) -> Any:
        return make(
            *args,
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **kwargs,
        )

    parser: argparse.ArgumentParser = parser_of(
        argparse.ArgumentParser, prog="kolo-probe", description="Records every call of a Python program."
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(title="commands", dest="command")
    run = parser_of(
        commands.add_parser,
        "run",
        help="run a program as python does, and record it",
        description="Runs a program as python does, and records every call of its code.",
        usage="kolo-probe run [--name NAME] [--hook HOOK] [--one-trace-per-test] [--noop] "
        "{SCRIPT | -m MODULE} [ARGUMENT ...]",
    )
    run.add_argument("--name", help="what the trace is called; default: the program")
    run.add_argument(
        "--hook",
        choices=HOOKS,
        help="how calls are seen; default: the configuration's",
    )
    run.add_argument(
        "--one-trace-per-test",
        action="store_true",
        help="a trace for each test that unittest, Django's runner or pytest runs, beside the program's",
    )
    run.add_argument(
        "--noop", action="store_true", help="a hook that does nothing, to measure what a hook costs"
    )
    return parser
