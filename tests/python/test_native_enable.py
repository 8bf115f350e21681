"""`enable` on the real native module, in this process, which connects to no collector."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import kolo_probe


@pytest.fixture(autouse=True)
def recording(fresh_session, tmp_path):
    """The native module. The first test of the process configures it: collector off, default filters."""
    (tmp_path / "pyproject.toml").write_text("[tool.kolo]\ncollector = 'off'\n")
    from kolo_probe import _probe

    assert _probe.__file__ is not None
    return _probe


def test_a_trace_has_an_id_while_it_lives(recording):
    assert recording.current_trace() == 0
    with kolo_probe.enable(name="x") as trace:
        token = recording.current_trace()
        assert token > 0
        assert trace.trace_id == recording.trace_id(token)
        assert trace.trace_id.startswith("trc_")
        assert len(trace.trace_id) == 30
    assert recording.current_trace() == 0


def test_enable_inside_enable_joins(recording):
    with kolo_probe.enable() as outer, kolo_probe.enable() as inner:
        assert inner.trace_id == outer.trace_id


def test_threads_follow(recording):
    seen = []
    with kolo_probe.enable():
        own = recording.current_trace()
        thread = threading.Thread(target=lambda: seen.append(recording.current_trace()))
        thread.start()
        thread.join()
    assert seen == [own]


def test_a_plain_thread_outside_has_none(recording):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(recording.current_trace()))
    thread.start()
    thread.join()
    assert seen == [0]


def test_work_items_follow_and_leave_no_trace_behind(recording):
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            with kolo_probe.enable():
                own = recording.current_trace()
                assert pool.submit(recording.current_trace).result() == own
            assert pool.submit(recording.current_trace).result() == 0


def test_tasks_are_apart(recording):
    @kolo_probe.enable
    async def job():
        own = recording.current_trace()
        for _ in range(5):
            await asyncio.sleep(0)
            assert recording.current_trace() == own
        assert await asyncio.get_running_loop().run_in_executor(None, recording.current_trace) == own
        if hasattr(asyncio, "to_thread"):
            assert await asyncio.to_thread(recording.current_trace) == own
        return own

    async def main():
        return await asyncio.gather(*(job() for _ in range(8)))

    assert len(set(asyncio.run(main()))) == 8
    assert recording.current_trace() == 0


def test_generators_in_turn_are_apart_and_leave_nothing(recording):
    @kolo_probe.enable
    def numbers():
        own = recording.current_trace()
        for _ in range(5):
            yield own
            assert recording.current_trace() == own

    one, two = numbers(), numbers()
    for first, second in zip(one, two):
        assert first != second
        assert recording.current_trace() == 0
    two.close()
    assert recording.current_trace() == 0


def test_a_generator_that_goes_on_in_another_context_and_thread(recording):
    @kolo_probe.enable
    def numbers():
        for _ in range(3):
            yield recording.current_trace()

    generator = numbers()
    first = next(generator)
    assert contextvars.copy_context().run(next, generator) == first
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(next, generator).result() == first
        assert pool.submit(recording.current_trace).result() == 0
    generator.close()
    assert recording.current_trace() == 0


def test_async_generators_leave_nothing(recording):
    @kolo_probe.enable
    async def numbers():
        for _ in range(3):
            await asyncio.sleep(0)
            yield recording.current_trace()

    async def main():
        seen = set()
        async for own in numbers():
            assert recording.current_trace() == 0
            seen.add(own)
        return seen

    assert len(asyncio.run(main())) == 1


def test_more_traces_than_slots_are_refused_and_the_program_goes_on(recording):
    from kolo_probe._session import session

    native = session().native
    generators = []

    @kolo_probe.enable
    def holds():
        yield kolo_probe.enable().__enter__().trace_id

    for _ in range(1100):
        generator = holds()
        generators.append((generator, next(generator)))
    ids = [trace_id for _, trace_id in generators if trace_id is not None]
    assert len(set(ids)) == len(ids) <= 1024
    assert recording.status()["traces_refused"] >= 1100 - 1024
    for generator, _ in generators:
        generator.close()
    assert native.current_trace() == 0


def test_another_configuration_warns_once(recording, warned):
    with kolo_probe.enable({"filters": {"include_frames": ["/another/"]}}):
        pass
    with kolo_probe.enable({"filters": {"include_frames": ["/yet another/"]}}):
        pass
    assert len([line for line in warned() if "keeps the filters" in line]) == 1
