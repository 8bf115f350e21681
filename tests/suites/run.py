"""Runs test suites that are not ours without and with the probe, and compares what became of each test.

    python tests/suites/run.py [--only test.test_gc …] [--hook auto …] [--json FILE]

CPython's own tests are taken from the interpreter this runs in, Django REST framework's from its source
distribution (build/suites, fetched once). Each suite runs without the probe; with it at default settings,
where the code of CPython's tests is a library's and not recorded; and with its code recorded. What differs is
run again, so that what fails now and then anyway is told from what the probe does; differences.py names what
is known, and why.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from differences import reason_of
from harness.processes import clean_environment, collectors_of, kill_and_wait, program
from rest_framework_suite import REST_FRAMEWORK, fetch_rest_framework, outcomes_of_report

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "suites"

CPYTHON = [
    "test.test_generators",
    "test.test_coroutines",
    "test.test_asyncgen",
    "test.test_exceptions",
    "test.test_threading",
    "test.test_contextlib",
    "test.test_contextlib_async",
    "test.test_gc",
    "test.test_weakref",
    "test.test_asyncio.test_base_events",
    "test.test_asyncio.test_futures",
    "test.test_asyncio.test_locks",
    "test.test_asyncio.test_queues",
    "test.test_asyncio.test_runners",
    "test.test_asyncio.test_taskgroups",
    "test.test_asyncio.test_tasks",
    "test.test_asyncio.test_timeouts",
    "test.test_sys_setprofile",
    *(["test.test_monitoring"] if sys.version_info >= (3, 12) else []),
]

# CPython's tests lie in lib/python3.x/test, which the default filters take for a library.
RECORD_ALL = '[tool.kolo.filters]\ninclude_frames = ["/test/", "<doctest "]\n'
TIMEOUT_S = 1800
MOST_SHOWN = 10
NOT_RUN = "(the run)"  # stands for a test where there are none


class Outcome(NamedTuple):
    """What one run of a suite came to."""

    tests: dict[str, str]
    said: str  # standard error, for when the run itself failed
    activations: int = 0
    lost: int = 0


class Arm(NamedTuple):
    """One way to run a suite; `hook` is None for the one without the probe."""

    name: str
    hook: str | None
    config: str = ""


def arms(hooks: list[str]) -> list[Arm]:
    """With each hook at default settings, and with the suite's own code recorded."""
    found = []
    for hook in hooks:
        found += [Arm(f"{hook}, default settings", hook), Arm(f"{hook}, recorded", hook, RECORD_ALL)]
    return found


def run(suite: str, arm: Arm) -> Outcome:
    """Runs a suite to its end in a project folder of its own."""
    with tempfile.TemporaryDirectory(prefix="kolo-suites-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(f"[tool.kolo]\n{arm.config}")
        report = folder / "report"
        words, where, path = command(suite, report, folder)
        start = [sys.executable] if arm.hook is None else [program("kolo-probe"), "run", "--hook", arm.hook]
        done = subprocess.run(
            [*start, *words],
            cwd=where,
            env=clean_environment(KOLO_PATH=name, PYTHONPATH=path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
        if not report.exists():
            return Outcome({NOT_RUN: f"ended with {done.returncode}"}, done.stderr)
        tests = outcomes_of_report(report) if suite == REST_FRAMEWORK else json.loads(report.read_text())
        counted = recorded(folder) if arm.hook is not None else (0, 0)
        return Outcome(tests, done.stderr, *counted)


def command(suite: str, report: Path, folder: Path) -> tuple[list[str], Path, str]:
    """What python is to run for a suite, in which folder, and PYTHONPATH for it."""
    if suite == REST_FRAMEWORK:
        source, packages = fetch_rest_framework(BUILD)
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        return words, source, f"{source}:{packages}"
    return [str(HERE / "outcomes.py"), suite, str(report)], folder, ""


def recorded(folder: Path) -> tuple[int, int]:
    """Activations and lost events of all traces of a project, when its collector has finished."""
    for pid in collectors_of(folder):
        kill_and_wait(pid, 15, 60)
    words = [program("kolo-trace"), "list", "--json", "--count", "0"]
    listed = subprocess.run(
        words, cwd=folder, env=clean_environment(KOLO_PATH=str(folder)), capture_output=True, text=True
    )
    traces = [json.loads(line) for line in listed.stdout.splitlines()]
    return sum(trace["activations"] for trace in traces), sum(trace["lost"] for trace in traces)


def differing(plain: dict[str, str], probed: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for test in sorted({*plain, *probed}):
        before, after = plain.get(test, "absent"), probed.get(test, "absent")
        if before != after:
            yield test, before, after


def compare(suite: str, arm: Arm, plain: Outcome) -> dict[str, object]:
    """Runs one arm and prints what differs; `unexplained`: what differs twice and has no known reason."""
    probed = run(suite, arm)
    found = list(differing(plain.tests, probed.tests))
    unexplained = [row for row in found if reason_of(row[0], arm.hook or "") is None]
    if unexplained:
        # Both once more: a test that fails now and then does so without us too.
        again_plain, again = run(suite, arms_plain()), run(suite, arm)
        stable = {row[0] for row in differing(again_plain.tests, again.tests)}
        unexplained = [row for row in unexplained if row[0] in stable]
    print(
        f"  {arm.name:<32} {len(probed.tests):>5} tests {probed.activations:>9} activations "
        f"{probed.lost:>6} lost {len(found):>4} differ {len(unexplained):>4} unexplained",
        flush=True,
    )
    for test, before, after in found[:MOST_SHOWN]:
        why = reason_of(test, arm.hook or "")
        note = why or ("UNEXPLAINED" if (test, before, after) in unexplained else "now and then")
        print(f"      {test}: {before} → {after}   [{note}]", flush=True)
    if len(found) > MOST_SHOWN:
        print(f"      and {len(found) - MOST_SHOWN} others (--json has them all)", flush=True)
    if NOT_RUN in probed.tests:
        print(probed.said[-4000:])
    return {
        "tests": len(probed.tests),
        "activations": probed.activations,
        "lost": probed.lost,
        "differ": found,
        "unexplained": unexplained,
    }


def arms_plain() -> Arm:
    return Arm("without the probe", None)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="suites to run; default: all")
    parser.add_argument("--hook", nargs="+", default=["auto", "profile"], help="default: auto profile")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    suites = options.only or [*CPYTHON, REST_FRAMEWORK]
    if importlib.util.find_spec("test.test_gc") is None:
        print("this Python has no test package (on Debian it is libpython3.11-testsuite)", file=sys.stderr)
        suites = [suite for suite in suites if suite == REST_FRAMEWORK]
    results: dict[str, object] = {"python": sys.version}
    unexplained = 0
    for suite in suites:
        plain = run(suite, arms_plain())
        if NOT_RUN in plain.tests:
            raise SystemExit(f"{suite} {plain.tests[NOT_RUN]} without the probe:\n{plain.said[-4000:]}")
        counts = Counter(outcome.split(":")[0] for outcome in plain.tests.values())
        print(f"{suite}: {dict(counts)}", flush=True)
        for arm in arms(options.hook):
            result = results[f"{suite}, {arm.name}"] = compare(suite, arm, plain)
            unexplained += len(result["unexplained"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{unexplained} unexplained differences on Python {sys.version.split()[0]}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
