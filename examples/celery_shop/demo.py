"""Starts a worker, places an order, stops the worker, and shows the traces that it led to as one group.

Exits with 1 when they are not linked as README.md says.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POOLS = ("prefork", "threads", "solo", "gevent")
EXPECTED = ["script order.py", "job shop.charge", "job shop.receipt", "job shop.receipt"]
STOP_S = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", choices=POOLS, default="prefork")
    pool = parser.parse_args().pool
    with tempfile.TemporaryDirectory() as broker:
        environment = {"KOLO_PATH": str(HERE), **os.environ, "SHOP_BROKER": broker}
        worker = start_worker(pool, environment)
        try:
            run_traced("order.py", env=environment)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(STOP_S)
    database = Path(environment["KOLO_PATH"]) / ".kolo" / "db.sqlite3"
    chain = chain_of_last_order(traces_in(database))
    for depth, trace in enumerate(chain):
        print(f"{trace['kind']:8}{'  ' * depth}{trace['name']:24}{trace['id']}")
    found = [f"{trace['kind']} {trace['name']}" for trace in chain]
    groups = {trace["group_id"] for trace in chain}
    if found != EXPECTED or len(groups) != 1:
        print(f"expected {EXPECTED} in one group, found {found} in {groups}", file=sys.stderr)
        return 1
    return 0


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "kolo_probe", "run", *words]


def start_worker(pool: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    options = ["--pool", pool, "--concurrency", "1", "--loglevel", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    words = command("-m", "celery", "-A", "tasks", "worker", *options, *quiet)
    return subprocess.Popen(words, cwd=HERE, env=environment)


def run_traced(*words: str, env: dict[str, str]) -> None:
    subprocess.run(command(*words), cwd=HERE, env=env, check=True)


def traces_in(database: Path) -> list[dict[str, Any]]:
    """All traces, the newest first."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        query = "SELECT id, name, kind, parent_id, group_id FROM trace ORDER BY started_at DESC"
        return [dict(row) for row in connection.execute(query)]
    finally:
        connection.close()


def chain_of_last_order(traces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last script that placed an order, and job by job what it led to."""
    chain = [next(trace for trace in traces if trace["kind"] == "script" and trace["name"] == "order.py")]
    while True:
        following = [trace for trace in traces if trace["parent_id"] == chain[-1]["id"]]
        if not following:
            return chain
        chain.append(following[0])


if __name__ == "__main__":
    sys.exit(main())
