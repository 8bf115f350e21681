"""Under gevent, threads are greenlets of one thread: traces follow them, and no other calls come along."""

from __future__ import annotations

from collections import Counter

import pytest
from test_native_run import activations, command, outcome, traces
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

PROGRAM = """
    from gevent import monkey; monkey.patch_all()
    import threading, time
    from concurrent.futures import ThreadPoolExecutor
    import gevent
    import kolo_probe

    pool = ThreadPoolExecutor(2)

    def leaf(marker):
        return marker

    def in_thread(marker):
        for _ in range(5):
            time.sleep(0.001)
            leaf(marker)

    def in_pool(marker):
        time.sleep(0.001)
        return leaf(marker)

    def request(marker):
        with kolo_probe.enable(name=marker):
            thread = threading.Thread(target=in_thread, args=(marker,))
            thread.start()
            for _ in range(5):
                time.sleep(0.001)
                leaf(marker)
            assert pool.submit(in_pool, marker).result() == marker
            gevent.spawn(leaf, marker).join()
            thread.join()

    def outside():
        for _ in range(100):
            time.sleep(0.001)
            leaf("outside")

    gevent.joinall([gevent.spawn(outside), *(gevent.spawn(request, f"request {n}") for n in range(8))])
"""


def test_requests_with_threads_and_executors_are_apart(tmp_path):
    script(tmp_path, PROGRAM)
    done = command("python", "program.py", folder=tmp_path)
    assert outcome(done) == (0, "", "")
    recorded = traces(tmp_path)
    assert sorted(trace["name"] for trace in recorded) == [f"request {n}" for n in range(8)]
    for trace in recorded:
        calls = [
            (a["qualname"].rpartition(".")[2], a["arguments"]["marker"]) for a in activations(tmp_path, trace)
        ]
        name = trace["name"]
        assert Counter(calls) == {("leaf", name): 12, ("in_thread", name): 1, ("in_pool", name): 1}
