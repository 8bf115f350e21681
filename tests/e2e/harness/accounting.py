"""The accounting check: emitted = stored + lost, per process and per trace, against the program's own count.

Reads the tables with plain sqlite3, as anybody may; what kolo-trace says of a trace is compared with them by
`check_whole`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.project import Project
from harness.visits import Answer

Row = sqlite3.Row


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def rows(database: Path, query: str, *values: object) -> list[Row]:
    with opened(database) as connection:
        return connection.execute(query, values).fetchall()


_PROCESSES = """
    SELECT process.*,
           (SELECT ifnull(sum(events), 0) FROM loss WHERE process_id = process.id) AS lost,
           (SELECT ifnull(sum(stored), 0) FROM trace WHERE process_id = process.id) AS stored_in_traces,
           (SELECT ifnull(sum(emitted), 0) FROM trace WHERE process_id = process.id) AS emitted_in_traces,
           (SELECT ifnull(sum(events), 0) FROM loss WHERE process_id = process.id AND trace_key IS NULL)
               AS lost_outside
    FROM process
"""

_TRACES = """
    SELECT trace.*,
           (SELECT ifnull(sum(events), 0) FROM loss WHERE trace_key = trace.key) AS lost,
           (SELECT ifnull(sum(events), 0) FROM chunk WHERE trace_key = trace.key) AS in_chunks
    FROM trace
"""


def losses(database: Path) -> dict[str, int]:
    """Lost events by reason, over all processes and traces."""
    found = rows(database, "SELECT reason, sum(events) AS events FROM loss GROUP BY reason")
    return {row["reason"]: row["events"] for row in found if row["events"]}


def check_accounting(database: Path, *, emitted: int | None = None, lossless: bool = True) -> list[str]:
    """Fails unless every process and every trace in the database adds up; returns the processes' states.

    `emitted`: how many events the program itself says it caused, over all processes.
    `lossless`: nothing at all was lost, refused or unreadable.
    """
    processes = rows(database, _PROCESSES)
    traces = rows(database, _TRACES)
    assert processes, "no process is in the database"
    for process in processes:
        who = f"process {process['pid']} ({process['state']})"
        assert process["accounting"] == "exact", f"{who}: accounting is {process['accounting']}"
        assert process["emitted"] == process["stored"] + process["lost"], (
            f"{who}: emitted {process['emitted']}, stored {process['stored']}, lost {process['lost']}"
        )
        assert process["stored"] == process["stored_in_traces"], f"{who}: {dict(process)}"
        assert process["emitted"] == process["emitted_in_traces"] + process["lost_outside"], (
            f"{who}: {dict(process)}"
        )
    for trace in traces:
        who = f"trace {trace['id']} “{trace['name']}” ({trace['status']})"
        assert trace["emitted"] == trace["stored"] + trace["lost"], (
            f"{who}: emitted {trace['emitted']}, stored {trace['stored']}, lost {trace['lost']}"
        )
        assert trace["in_chunks"] == trace["stored"], (
            f"{who}: its chunks hold {trace['in_chunks']} events, its row says {trace['stored']}"
        )
    with opened(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    if lossless:
        assert losses(database) == {}
        for process in processes:
            odd = {name: process[name] for name in ("traces_refused", "codes_lost", "unknown_records")}
            assert not any(odd.values()), f"process {process['pid']}: {odd}"
    if emitted is not None:
        # A span's record that finds no room counts as an event, and is none of the program's.
        counted = sum(process["emitted"] for process in processes) - losses(database).get("span_dropped", 0)
        assert counted == emitted, f"the program caused {emitted} events, the processes say {counted}"
    return [process["state"] for process in processes]


def events_of(answers: Iterable[Answer]) -> int:
    """The events that the echo views say they caused."""
    return sum(answer.json["events"] for answer in answers)


def check_answers(database: Path, answers: list[Answer], *, lossless: bool = True) -> dict[str, Row]:
    """Fails unless each echo request has exactly one complete trace, of as many events as its view says.

    Returns the traces' rows by name.
    """
    assert all(answer.status == 200 for answer in answers), Counter(answer.status for answer in answers)
    traces = rows(database, _TRACES)
    assert Counter(row["name"] for row in traces) == Counter(answer.trace_name for answer in answers)
    by_name = {row["name"]: row for row in traces}
    for answer in answers:
        trace = by_name[answer.trace_name]
        told = answer.json
        assert trace["status"] == "complete", dict(trace)
        assert trace["kind"] == "request", dict(trace)
        assert trace["emitted"] == told["events"], (dict(trace), told)
        if lossless:
            assert trace["stored"] == told["events"], (dict(trace), told)
            assert trace["activations"] == told["calls"], (dict(trace), told)
    return by_name


def check_whole(project: Project, trace: Row, answer: Answer) -> None:
    """Fails unless kolo-trace shows exactly the calls of this request, and nothing of another one."""
    shown = project.show(trace["id"])
    activations = shown["activations"]
    told = answer.json
    who = f"{trace['id']} “{trace['name']}”"
    assert len(activations) == told["calls"], who
    assert len({activation["id"] for activation in activations}) == told["calls"], who
    assert {activation["outcome"] for activation in activations} <= {"returned", "raised"}, who
    raised = [name_of(activation) for activation in activations if activation["outcome"] == "raised"]
    assert set(raised) <= {"dead_end"}, (who, raised)
    markers = {
        activation["arguments"]["marker"]
        for activation in activations
        if "marker" in (activation["arguments"] or {})
    }
    assert markers == {told["marker"]}, (who, markers)
    check_tree(activations)


def name_of(activation: dict[str, Any]) -> str:
    """The last part of its qualified name, which begins with the module's: `shop.views.Home.get` is `get`."""
    return activation["qualname"].rpartition(".")[2]


def check_tree(activations: list[dict[str, Any]]) -> None:
    """Fails unless each activation comes after its parent (depth first) and does not start before it."""
    seen: dict[str, dict[str, Any]] = {}
    for activation in activations:
        parent = activation["parent_id"]
        if parent is not None:
            assert parent in seen, f"{activation['id']} is shown before its parent {parent}"
            assert activation["start_ns"] >= seen[parent]["start_ns"], activation
        seen[activation["id"]] = activation


def most_at_once(traces: Iterable[Row]) -> int:
    """How many traces of one process were live at once, at the most."""
    most = 0
    by_process: dict[int, list[tuple[int, int]]] = {}
    for trace in traces:
        changes = by_process.setdefault(trace["process_id"], [])
        changes += [(trace["begin_ticks"], 1), (trace["end_ticks"], -1)]
    for changes in by_process.values():
        now = 0
        for _, change in sorted(changes):
            now += change
            most = max(most, now)
    return most
