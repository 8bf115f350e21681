"""One table of what the benchmarks of a folder wrote, beside the budgets of the design:

python bench/table.py FOLDER
python bench/table.py --into docs/performance.md FOLDER...    # in the places that are marked for them
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arms import Measures, least

Result = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What bench/overhead.py found: the least seconds of a burst, by arm and workload."""

    version: tuple[int, int]
    seconds: dict[str, Measures]
    events: Measures
    filtered: Measures
    missing: dict[str, str]
    too_slow: dict[str, list[str]]
    repetitions: int

    @classmethod
    def from_result(cls, result: Result) -> Found:
        major, minor = result["machine"]["python"].split(".")[:2]
        return cls(
            version=(int(major), int(minor)),
            seconds=least(result["results"]),
            events=result["events"],
            filtered=result["filtered"],
            missing=result["missing"],
            too_slow=result["too_slow"],
            repetitions=result["repetitions"],
        )

    def ratio(self, arm: str, workload: str) -> float | None:
        """Time of an arm, of the untraced program's; None where it was not measured."""
        seconds = self.seconds[arm].get(workload)
        return None if seconds is None else seconds / self.seconds["untraced"][workload]

    def ns(self, arm: str, workload: str, over: str = "untraced") -> float | None:
        """Nanoseconds per event (of filtered work: per call or frame) over another arm's."""
        seconds, other = self.seconds[arm].get(workload), self.seconds[over].get(workload)
        if seconds is None or other is None:
            return None
        return (seconds - other) / (self.filtered.get(workload) or self.events[workload]) * 1e9


def print_rows(rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """The first row is the head; all columns but the first are aligned to the right."""
    if markdown:
        head, *body = rows
        print("| " + " | ".join(head) + " |")
        print("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
        for row in body:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:])))


def number(value: float) -> str:
    """Three digits are enough, and small ones are not shown as if they were exact."""
    return f"{value:.2f}" if abs(value) < 3 else f"{value:.1f}" if abs(value) < 30 else f"{value:.0f}"


def print_overhead(found: Found, markdown: bool = False) -> None:
    arms = [arm for arm in found.seconds if arm != "untraced" and arm not in found.missing]
    rows = [["times the untraced program, and ns per event", "untraced", *arms]]
    for workload, seconds in found.seconds["untraced"].items():
        count = found.filtered.get(workload) or found.events[workload]
        row = [workload, f"{seconds / count * 1e9:.0f} ns"]
        for arm in arms:
            ratio, ns = found.ratio(arm, workload), found.ns(arm, workload)
            row.append("–" if ratio is None or ns is None else f"{number(ratio)}× {ns:.0f}")
        rows.append(row)
    print()
    print_rows(rows, markdown)
    print(
        f"\nLeast of {found.repetitions} repetitions. null: a hook that does nothing; profile: the "
        "profile hook; +v: with values. ns are per event over the untraced program; in library and builtin "
        "code, which is filtered, per call or per frame that the exception crosses."
    )
    for arm, reason in found.missing.items():
        print(f"Left out: {arm} ({reason}).")
    for arm, workloads in found.too_slow.items():
        print(f"Too slow to be measured: {arm} over {', '.join(workloads)}.")


# --- budgets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    what: str
    measured: float | None
    limit: float
    unit: str = "ns"
    is_floor: bool = False  # at least, not at most

    def row(self) -> list[str]:
        if self.measured is None:
            return [self.what, "–", self._limit(), "not measured"]
        is_met = self.measured >= self.limit if self.is_floor else self.measured <= self.limit
        return [
            self.what,
            f"{number(self.measured)} {self.unit}",
            self._limit(),
            "met" if is_met else "missed",
        ]

    def _limit(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.limit:g} {self.unit}"


def doubled(value: float | None) -> float | None:
    return None if value is None else 2 * value


def overhead_budgets(found: Found) -> list[Budget]:
    plain, valued = "probe", "probe+v"
    budgets = [Budget("event without values (fib)", found.ns(plain, "recursion (fib)"), 35)]
    if "trace0" in found.seconds and "trace0" not in found.missing:
        behind = found.ns(plain, "recursion (fib)", over="trace0")
        budgets.append(Budget("… over trace0 in the same run", behind, 0))
    budgets += [
        Budget(
            "call with 3 arguments, values, both events", doubled(found.ns(valued, "call, 3 arguments")), 150
        ),
        Budget(
            "method, 3 attributes + 3 arguments, values, both events",
            doubled(found.ns(valued, "method, 3 attributes + 3 arguments")),
            250,
        ),
        Budget("generator step, per event", found.ns(valued, "generator step"), 70),
        Budget("exception through a frame, per event", found.ns(valued, "exception through a frame"), 100),
        Budget("await, per event", found.ns(valued, "await"), 90),
        Budget("await that suspends, per event", found.ns(valued, "await that suspends"), 90),
    ]
    if found.version >= (3, 12):
        budgets += [
            Budget("filtered call", found.ratio(valued, "library call"), 1.02, "×"),
            Budget("filtered code", found.ratio(valued, "library-heavy (standard library)"), 1.02, "×"),
            Budget(
                "exception through a filtered frame",
                found.ns(valued, "exception through a library frame"),
                70,
            ),
        ]
    else:
        budgets += [
            Budget("filtered Python call", found.ns(valued, "library call"), 25),
            Budget("Python call of filtered code", found.ns(valued, "library-heavy (standard library)"), 25),
            Budget(
                "profile hook, call with 3 arguments, per event over a null profile hook",
                found.ns("profile+v", "call, 3 arguments", over="null profile"),
                60,
            ),
        ]
    budgets.append(Budget("C call", found.ratio(valued, "builtin call"), 1.02, "×"))
    return budgets


def server_budgets(result: Result) -> list[Budget]:
    measured: Measures = result["measured"]
    is_new = tuple(map(int, result["machine"]["python"].split(".")[:2])) >= (3, 12)
    return [
        Budget(
            "Django: requests/s, of plain", measured["requests"], 0.95 if is_new else 0.9, "×", is_floor=True
        ),
        Budget("Django: p99, of plain", measured["p99"], 1.1, "×"),
        Budget("Django: CPU more per request in the worker", measured["worker CPU ms"], 0.3, "ms"),
        Budget("Django: CPU per request in the collector", measured["collector CPU ms"], 0.2, "ms"),
    ]


def other_budgets(results: dict[str, Result]) -> list[Budget]:
    """What the remaining benchmarks measure, each under the names that it writes."""
    budgets = []
    if "begin_end" in results:
        both = least(results["begin_end"]["results"])["begin + end"]
        budgets.append(Budget("beginning and ending a trace, with enable()", both["with_enable"], 30, "µs"))
    if "startup" in results:
        best = least(results["startup"]["results"])
        added = best["kolo-probe run empty.py"]["ms"] - best["python empty.py"]["ms"]
        budgets.append(Budget("process start, kolo-probe run", added, 30, "ms"))
    if "memory" in results:
        best = least(results["memory"]["results"])
        last = max(key for key in best["with the probe"] if key.isdecimal() and len(key) > 4)
        more = best["with the probe"][last] - best["without the probe"][last]
        budgets.append(Budget(f"memory, the arena apart, after {last} requests", more, 8, "MB"))
    if "disk" in results:
        best = least(results["disk"]["results"])
        limits = {"value-less": 5, "3 small values, one large trace": 16, "3 small values, traces of 300": 20}
        for start, limit in limits.items():
            found = next(row["bytes per event"] for name, row in best.items() if name.startswith(start))
            budgets.append(Budget(f"disk, {start}", found, limit, "bytes"))
    return budgets


def collector_budgets(result: Result) -> list[Budget]:
    """Of the fastest round: what disturbs only ever slows down."""
    rounds: dict[str, list[Measures]] = result["results"]

    def most(arm: str, measure: str) -> float:
        return max(run[measure] for run in rounds[arm])

    rate = "events per CPU second"
    resident = max(most(arm, "resident MB") for arm in rounds)
    return [
        Budget("collector, no values", most("one trace, no values", rate) / 1e6, 8, "million events/s", True),
        Budget(
            "collector, 3 small values",
            most("one trace, 3 small values", rate) / 1e6,
            2.5,
            "million events/s",
            True,
        ),
        Budget(
            "collector, traces of 300 events",
            most("traces of 300 events", "traces per second"),
            5000,
            "traces/s",
            True,
        ),
        Budget("collector, resident", resident, 200, "MB"),
    ]


def print_parts(result: Result, markdown: bool) -> None:
    """What Google Benchmark wrote of the probe's parts."""
    rows = [["part of the probe", "ns", "a second"]]
    for measured in result["benchmarks"]:
        name, is_real = measured["name"].removesuffix("/real_time"), measured["name"].endswith("/real_time")
        ns = measured["real_time" if is_real else "cpu_time"]  # real where another thread works too
        rows.append([name, number(ns), f"{measured['items_per_second'] / 1e6:.1f} million"])
    print()
    print_rows(rows, markdown)


def print_server(result: Result, markdown: bool) -> None:
    columns = ["requests/s", "of plain", "p99 ms", "worker CPU ms", "collector CPU ms"]
    rows = [["the shop under gunicorn", *columns]]
    for arm, best in result["best"].items():
        plain = result["best"]["plain, DEBUG" if arm.endswith("DEBUG") else "plain"]["requests/s"]
        values = [best["requests/s"], best["requests/s"] / plain]
        values += [result["middle"][arm]["p99 ms"], best["worker CPU ms"], best["collector CPU ms"]]
        rows.append([arm, *(number(value) for value in values)])
    print()
    print_rows(rows, markdown)


def print_all(results: dict[str, Result], markdown: bool) -> None:
    budgets: list[Budget] = []
    if "overhead" in results:
        found = Found.from_result(results["overhead"])
        print_overhead(found, markdown)
        budgets += overhead_budgets(found)
    if "django" in results:
        print_server(results["django"], markdown)
        budgets += server_budgets(results["django"])
    if "probe_parts" in results:
        print_parts(results["probe_parts"], markdown)
    budgets += other_budgets(results)
    if "collector_ingest" in results:
        budgets += collector_budgets(results["collector_ingest"])
    print()
    print_rows([["budget", "measured", "allowed", ""], *(budget.row() for budget in budgets)], markdown)


def put_into(document: Path, results: dict[str, Result]) -> None:
    """Between <!-- bench 3.13 --> and <!-- end -->, for the Python of these results."""
    machine = next(result["machine"] for result in results.values() if "machine" in result)
    minor = ".".join(machine["python"].split(".")[:2])
    written = io.StringIO()
    with redirect_stdout(written):
        print(f"CPython {machine['python']}, {machine['cpu']}, {machine['cores']} cores.")
        print_all(results, markdown=True)
    begin, end = f"<!-- bench {minor} -->\n", "<!-- end -->"
    before, found, rest = document.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{document} has no place marked {begin.strip()}")
    document.write_text(before + begin + written.getvalue() + end + rest.partition(end)[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="results of ./dev bench, one for each Python")
    parser.add_argument("--into", type=Path, help="a Markdown file")
    options = parser.parse_args()
    for folder in options.folders:
        results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
        if options.into is None:
            print_all(results, markdown=False)
        else:
            put_into(options.into, results)


if __name__ == "__main__":
    main()
