"""Traces follow work into threads and executors, and nobody else can tell that they do."""

from __future__ import annotations

import concurrent.futures.thread
import gc
import io
import pickle
import sys
import threading
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import kolo_probe
from kolo_probe import _threads


@pytest.fixture
def tracing(probe):
    """A trace has begun and ended: threads are followed from then on."""
    with kolo_probe.enable():
        pass
    return probe


def in_thread(function, make=threading.Thread):
    results = []
    thread = make(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_nothing_is_replaced_before_the_first_trace(probe):
    start = threading.Thread.start
    kolo_probe.enable()
    assert threading.Thread.start is start


def test_a_thread_belongs_to_the_trace_it_was_started_in(tracing):
    with kolo_probe.enable():
        assert in_thread(tracing.current_trace) == 2
    assert in_thread(tracing.current_trace) == 0


def test_a_threads_thread_belongs_to_it_too(tracing):
    with kolo_probe.enable():
        assert in_thread(lambda: in_thread(tracing.current_trace)) == 2


def test_the_trace_of_the_start_counts_not_that_of_the_making(tracing):
    seen = []
    with kolo_probe.enable():
        thread = threading.Thread(target=lambda: seen.append(tracing.current_trace()))
    thread.start()
    thread.join()
    assert seen == [0]


def test_subclasses_that_override_start_and_run(tracing):
    class Mine(threading.Thread):
        def start(self):
            self.before = tracing.current_trace()
            super().start()

        def run(self):
            self.seen = tracing.current_trace()

    with kolo_probe.enable():
        thread = Mine()
        thread.start()
        thread.join()
    assert (thread.before, thread.seen) == (2, 2)


def test_timers_are_threads(tracing):
    seen = []
    with kolo_probe.enable():
        timer = threading.Timer(0, lambda: seen.append(tracing.current_trace()))
        timer.start()
        timer.join()
    assert seen == [2]


def test_a_start_that_fails_leaves_no_entry(tracing, monkeypatch):
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    with kolo_probe.enable():
        with pytest.raises(RuntimeError, match="only be started once"):
            thread.start()
        name = (
            "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"
        )
        with monkeypatch.context() as patch:

            def fails(*_, **__):
                raise RuntimeError("can't start new thread")

            patch.setattr(threading, name, fails)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                threading.Thread(target=lambda: None).start()
    assert _threads._starting == {}


def test_a_subclass_that_forgot_to_call_init_fails_as_before(tracing):
    class Forgot(threading.Thread):
        def __init__(self):
            pass

    with kolo_probe.enable(), pytest.raises(RuntimeError, match=r"__init__\(\) not called"):
        Forgot().start()
    assert _threads._starting == {}


def test_a_thread_looks_as_before(tracing):
    def run_one():
        thread = Pickled(name="n", target=lambda: seen.append(sorted(vars(thread))))
        thread.start()
        thread.join()
        return repr(thread).partition(" ")[0], sorted(vars(thread)), pickle.loads(pickle.dumps(thread)).names

    seen = []
    without = run_one()
    with kolo_probe.enable():
        assert run_one() == without
    assert seen[0] == seen[1]
    assert threading.Thread.start.__qualname__ == "Thread.start"


class Plain:
    def __init__(self, names):
        self.names = names


class Pickled(threading.Thread):
    def __reduce__(self):
        return (Plain, (sorted(vars(self)),))


def test_an_exception_in_a_thread_has_the_traceback_it_has_without_us(tracing, monkeypatch):
    def fails():
        raise ValueError("in a thread")

    def report():
        seen = []
        monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(frames(args.exc_traceback)))
        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
        return seen

    without = report()
    with kolo_probe.enable():
        assert report() == without
    assert without[0][-1] == "fails"


def frames(tb):
    return [frame.name for frame in traceback.extract_tb(tb)]


def test_a_running_thread_has_no_frame_of_ours_on_its_stack(tracing):
    with kolo_probe.enable():
        stack = in_thread(lambda: [frame.filename for frame in traceback.extract_stack()])
    assert not [name for name in stack if "kolo_probe" in name]


def test_a_thread_that_ended_is_freed(tracing):
    gc.disable()
    try:
        with kolo_probe.enable():
            thread = threading.Thread(target=lambda: None)
            reference = weakref.ref(thread)
            thread.start()
            thread.join()
            del thread
        assert reference() is None
    finally:
        gc.enable()


def test_many_threads_started_at_once_each_have_their_starters_trace(tracing):
    def request(n):
        with kolo_probe.enable(name=str(n)):
            own = tracing.current_trace()
            return [in_thread(tracing.current_trace) == own for _ in range(5)]

    results = []
    requests = [threading.Thread(target=lambda n=n: results.append(request(n))) for n in range(16)]
    for thread in requests:
        thread.start()
    for thread in requests:
        thread.join()
    assert results == [[True] * 5] * 16
    assert _threads._starting == {}


def test_a_fork_forgets_the_threads_that_others_were_starting(tracing):
    import os

    _threads._starting[1] = [1]
    try:
        child = os.fork()
        if child == 0:
            os._exit(len(_threads._starting))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        _threads._starting.clear()


# ---- executors


def test_a_work_item_belongs_to_the_trace_it_was_submitted_in(tracing):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(tracing.current_trace).result() == 0
        with kolo_probe.enable():
            assert pool.submit(tracing.current_trace).result() == 2
            assert list(pool.map(lambda _: tracing.current_trace(), range(3))) == [2, 2, 2]
        with kolo_probe.enable():
            assert pool.submit(tracing.current_trace).result() == 3
        assert pool.submit(tracing.current_trace).result() == 0


def test_a_worker_started_in_one_request_works_for_another(tracing):
    barrier = threading.Barrier(2)

    def request():
        with kolo_probe.enable():
            own = tracing.current_trace()
            barrier.wait()
            return [pool.submit(tracing.current_trace).result() == own for _ in range(50)]

    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(2) as requests:
        futures = [requests.submit(request) for _ in range(2)]
        assert all(all(future.result()) for future in futures)


def test_work_submitted_outside_any_trace_by_a_worker_of_a_traces_pool(tracing):
    with ThreadPoolExecutor(1) as pool:
        with kolo_probe.enable():
            pool.submit(lambda: None).result()  # the worker's starter was in a trace, and is still open
            seen = in_thread(lambda: None)
            outside = []
            release = threading.Event()

            def submit_outside():
                release.wait()
                outside.append(pool.submit(tracing.current_trace).result())

            assert seen is None
        thread = threading.Thread(target=submit_outside)
        thread.start()
        with kolo_probe.enable():
            release.set()
            thread.join()
        assert outside == [0]


def test_an_exception_of_a_work_item_has_the_traceback_it_has_without_us(tracing):
    def fails():
        raise ValueError("in a pool")

    def report():
        with ThreadPoolExecutor(1) as pool:
            return frames(pool.submit(fails).exception().__traceback__)

    without = report()
    with kolo_probe.enable():
        assert report() == without


def test_callbacks_of_a_future_run_in_the_items_trace(tracing):
    seen = []
    with ThreadPoolExecutor(1) as pool, kolo_probe.enable():
        gate = threading.Event()
        future = pool.submit(gate.wait)
        future.add_done_callback(lambda _: seen.append(tracing.current_trace()))
        gate.set()
        future.result()
        pool.submit(lambda: None).result()
    assert seen == [2]


def test_a_subclass_that_overrides_submit(tracing):
    class Mine(ThreadPoolExecutor):
        def submit(self, fn, *args, **kwargs):
            return super().submit(lambda: ("wrapped", fn(*args, **kwargs)))

    with Mine(1) as pool, kolo_probe.enable():
        assert pool.submit(tracing.current_trace).result() == ("wrapped", 2)


def test_results_and_exceptions_of_items_are_freed(tracing):
    class Thing:
        pass

    gc.disable()
    try:
        with ThreadPoolExecutor(1) as pool, kolo_probe.enable():
            future = pool.submit(Thing)
            reference = weakref.ref(future.result())
            del future
            pool.submit(lambda: None).result()
            assert reference() is None
    finally:
        gc.enable()


def test_an_executor_module_loaded_after_the_first_trace_is_followed_too(probe, monkeypatch):
    module = concurrent.futures.thread
    monkeypatch.delitem(sys.modules, "concurrent.futures.thread")
    with kolo_probe.enable():
        monkeypatch.setitem(sys.modules, "concurrent.futures.thread", module)
        with ThreadPoolExecutor(1) as pool:
            assert [pool.submit(probe.current_trace).result() for _ in range(2)] == [1, 1]
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: None).result()
    with ThreadPoolExecutor(1) as pool, kolo_probe.enable():
        assert pool.submit(probe.current_trace).result() == 2


@pytest.mark.parametrize("missing", ["_set_ident"])
def test_an_unknown_threading_module_is_left_alone(probe, monkeypatch, missing):
    monkeypatch.delattr(threading.Thread, missing)
    start = threading.Thread.start
    _threads.follow_threads(probe)
    assert threading.Thread.start is start
    monkeypatch.undo()


def test_an_unknown_executor_is_left_alone(probe, monkeypatch):
    monkeypatch.delattr(concurrent.futures.thread, "_WorkItem")
    _threads.follow_threads(probe)


def test_standard_error_stays_silent(tracing, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with kolo_probe.enable(), ThreadPoolExecutor(2) as pool:
        list(pool.map(abs, range(10)))
    assert written.getvalue() == ""
