"""Runs programs one after the other in one process, each in a trace of its own, under any Python from 3.9 on.

    python driver.py CASES HOOK

CASES is a JSON list of {"name", "path", "program"}; `path` is what the program's code says its file is.
Writes one JSON object a line: the case's name, the trace's id and the exception that left the program; then
what the probe says of itself. The programs print nothing. They find a pool and a thread with a queue of work
that are older than any trace: POOL and WORKER.
"""

import gc
import json
import os
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import kolo_probe
from kolo_probe._session import session

POOL = ThreadPoolExecutor(1)
WORKER = queue.Queue()


def serve():
    while True:
        WORKER.get()("a job")
        WORKER.task_done()


def run(case):
    code = compile(case["program"], case["path"], "exec")
    names = {"__name__": "case", "__file__": case["path"], "POOL": POOL, "WORKER": WORKER}
    raised = None
    with kolo_probe.enable(name=case["name"]) as trace:
        try:
            exec(code, names)
        except BaseException as error:
            raised = type(error).__name__
        # What the program left behind goes while its trace is there to see it.
        names.clear()
        gc.collect()
    return {"name": case["name"], "trace_id": trace.trace_id, "raised": raised}


def main():
    POOL.submit(int).result()
    threading.Thread(target=serve, daemon=True).start()
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    hook = sys.argv[2]
    settings = {
        "hook": hook,
        "filters": {"ignore_frames": [os.path.basename(__file__)]},
        # 100 µs an event are over at once where a machine is busy, and values then left out.
        "limits": {"max_event_us": 1_000_000},
    }
    native = session(settings).native

    for case in cases:
        print(json.dumps(run(case)))
    print(json.dumps(native.status()))


main()
