"""`enable`: which traces it begins, joins and ends, and that nothing else about the code changes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import sys
import threading
import types
import weakref

import pytest

import kolo_probe

# ---- as a context manager


def test_a_block_is_a_trace_of_kind_block(probe):
    with kolo_probe.enable(name="import") as trace:
        assert probe.current_trace() == 1
        assert trace.trace_id == probe.trace_id(1)
    assert probe.calls == [("begin", 1, "block", "import"), ("end", 1)]
    assert trace.trace_id == "trc_" + "1".zfill(26)


def test_the_trace_ends_when_the_block_is_left_by_an_exception(probe):
    error = ValueError("as it was")
    with pytest.raises(ValueError, match="as it was") as caught, kolo_probe.enable():
        raise error
    assert caught.value is error
    assert probe.live == set()


def test_inside_a_trace_it_joins_and_the_handle_knows_the_trace(probe):
    with kolo_probe.enable() as outer:
        with kolo_probe.enable(name="inner") as inner:
            assert inner.trace_id == outer.trace_id
        assert probe.live == {1}
    assert len(probe.begun()) == 1


def test_one_object_may_be_entered_again_and_inside_itself(probe):
    tracer = kolo_probe.enable()
    with tracer, tracer:
        assert probe.live == {1}
    with tracer:
        assert probe.live == {2}
    assert probe.live == set()


def test_one_object_in_two_threads_at_once_ends_each_threads_own_trace(probe):
    tracer = kolo_probe.enable()
    entered, leave = threading.Barrier(2), threading.Barrier(2)
    left = []

    def first():
        with tracer:
            mine = probe.current_trace()
            entered.wait()
            leave.wait()
        left.append((mine, set(probe.live)))

    def second():
        with tracer:
            entered.wait()
            mine = probe.current_trace()
            leave.wait()
            thread_one.join()
            assert mine in probe.live

    thread_one, thread_two = threading.Thread(target=first), threading.Thread(target=second)
    thread_one.start()
    thread_two.start()
    thread_one.join()
    thread_two.join()
    ((mine, still_live),) = left
    assert mine not in still_live
    assert probe.live == set()


def test_a_trace_that_is_refused_changes_nothing(probe):
    probe.refuse = True
    with kolo_probe.enable() as trace:
        assert trace.trace_id is None
    assert kolo_probe.enable(lambda: 3)() == 3
    assert probe.calls == []


def test_leaving_without_entering_is_no_error(probe):
    kolo_probe.enable().__exit__(None, None, None)
    assert probe.calls == []


# ---- as a decorator of functions


@pytest.mark.parametrize(
    "decorate", [kolo_probe.enable, kolo_probe.enable(), kolo_probe.enable({"wait_ms": 1})]
)
def test_each_call_is_a_trace_named_by_the_function(probe, decorate):
    @decorate
    def total(a, *, b=2):
        """Doc."""
        assert probe.live
        return a + b

    assert (total(1), total(1, b=5)) == (3, 6)
    assert [name.rpartition(".")[2] for name in probe.begun()] == ["total", "total"]
    assert probe.live == set()
    assert (total.__name__, total.__doc__) == ("total", "Doc.")
    assert str(inspect.signature(total)) == "(a, *, b=2)"


def test_a_name_that_is_given_is_used(probe):
    kolo_probe.enable(name="sums")(lambda: None)()
    assert probe.begun() == ["sums"]


def test_an_exception_comes_through_as_it_is(probe):
    error = KeyError("k")

    @kolo_probe.enable
    def fails():
        raise error

    with pytest.raises(KeyError) as caught:
        fails()
    assert caught.value is error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert probe.live == set()


def test_recursion_is_one_trace(probe):
    @kolo_probe.enable
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(10) == 55
    assert len(probe.begun()) == 1


def test_methods_of_every_kind(probe):
    class Basket:
        @kolo_probe.enable
        def plain(self):
            return self

        @kolo_probe.enable
        @classmethod
        def of_class(cls):
            return cls

        @kolo_probe.enable
        @staticmethod
        def static():
            return 3

        @classmethod
        @kolo_probe.enable
        def inside(cls):
            return cls

    basket = Basket()
    assert (basket.plain(), basket.of_class(), Basket.static(), basket.inside()) == (
        basket,
        Basket,
        3,
        Basket,
    )
    assert len(probe.begun()) == 4


def test_partials_and_callable_objects(probe):
    class Callable:
        def __call__(self, x):
            return x

    assert kolo_probe.enable(functools.partial(max, 1))(2) == 2
    assert kolo_probe.enable(Callable())(4) == 4
    assert len(probe.begun()) == 2


def test_a_free_threaded_python_runs_untraced_with_one_warning(probe, warned, monkeypatch):
    monkeypatch.setattr(sys, "abiflags", "t")
    for _ in range(2):
        with kolo_probe.enable(name="x") as trace:
            pass
    assert trace.trace_id is None
    assert probe.begun() == []
    assert len(warned()) == 1
    assert "free-threaded" in warned()[0]


def test_a_class_is_left_as_it_is_with_a_warning(probe, warned):
    class Basket:
        pass

    assert kolo_probe.enable(Basket) is Basket
    assert "decorate its methods" in warned()[0]


def test_what_is_decorated_keeps_its_kind(probe):
    def function(): ...
    def generator():
        yield

    async def coroutine(): ...
    async def async_generator():
        yield

    for plain in (function, generator, coroutine, async_generator, functools.partial(coroutine)):
        traced = kolo_probe.enable(plain)
        for question in (
            inspect.isgeneratorfunction,
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
        ):
            assert question(traced) == question(plain), (plain, question)


# ---- async functions


def test_an_async_functions_trace_covers_its_awaits(probe):
    @kolo_probe.enable(name="job")
    async def job(n):
        await asyncio.sleep(0)
        assert probe.names[probe.current_trace()] == "job"
        return n

    async def both():
        return await asyncio.gather(job(1), job(2))

    assert asyncio.run(both()) == [1, 2]
    assert probe.begun() == ["job", "job"]
    assert probe.live == set()


def test_a_coroutine_never_awaited_begins_no_trace(probe):
    @kolo_probe.enable
    async def job(): ...

    job().close()
    assert probe.calls == []


def test_a_cancelled_coroutine_ends_its_trace(probe):
    @kolo_probe.enable
    async def job():
        await asyncio.sleep(60)

    async def cancel():
        task = asyncio.ensure_future(job())
        await asyncio.sleep(0)
        assert len(probe.live) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert probe.live == set()


def test_what_types_coroutine_made_can_still_be_awaited(probe):
    @kolo_probe.enable
    @types.coroutine
    def job():
        yield from asyncio.sleep(0).__await__()
        return 3

    async def main():
        return await job()

    assert asyncio.run(main()) == 3


# ---- generators: the decorated one behaves as the plain one, whatever is done to it


def echo(log):
    received = None
    while True:
        try:
            received = yield received
            if received == "stop":
                return "returned"
        except KeyError as error:
            log.append(("caught", error.args))
            received = "after error"
        except GeneratorExit:
            log.append("closed")
            raise


def stubborn(log):
    try:
        yield 1
    except GeneratorExit:
        yield 2  # which Python forbids


def swallows_close(log):
    try:
        yield 1
    except GeneratorExit:
        return 7


def fails_at_once(log):
    raise ValueError("at once")
    yield


def raises_stop(log):
    yield 1
    raise StopIteration("wrapped by Python")


def empty(log):
    return 5
    yield


def do(generator, step):
    kind, argument = step
    try:
        if kind == "next":
            return ("item", next(generator))
        return (kind, getattr(generator, kind)(*argument))
    except BaseException as error:
        context, cause = error.__context__, error.__cause__
        return (kind, type(error), error.args, type(context), type(cause))


NEXT = ("next", None)
SCRIPTS = [
    [NEXT, ("send", ("a",)), ("send", ("stop",)), NEXT],
    [NEXT, ("throw", (KeyError("k"),)), NEXT, ("close", ())],
    [NEXT, ("throw", (ValueError("v"),)), NEXT],
    [("send", ("not started",)), NEXT],
    [("throw", (ValueError("not started"),)), NEXT],
    [("close", ()), NEXT],
    [NEXT, ("close", ()), ("close", ()), NEXT],
    [NEXT, ("throw", (GeneratorExit(),)), NEXT],
    [NEXT, ("throw", (StopIteration("s"),)), NEXT],
    [NEXT, NEXT, NEXT],
]


@pytest.mark.parametrize("make", [echo, stubborn, swallows_close, fails_at_once, raises_stop, empty])
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("joining", [False, True])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_generator_answers_as_the_plain_one(probe, make, script, joining):
    plain_log, traced_log = [], []
    plain = make(plain_log)
    expected = [do(plain, step) for step in script]
    if joining:
        with kolo_probe.enable():
            traced = kolo_probe.enable(make)(traced_log)
            got = [do(traced, step) for step in script]
    else:
        traced = kolo_probe.enable(make)(traced_log)
        got = [do(traced, step) for step in script]
    assert got == expected
    assert traced_log == plain_log
    del traced
    gc.collect()
    # A generator that is dropped and refuses to end is given up by Python, without running any code in it.
    assert probe.live == set() or (make is stubborn and script == [("send", ("not started",)), NEXT])


def test_a_generators_trace_is_away_while_it_is_suspended(probe):
    @kolo_probe.enable(name="numbers")
    def numbers():
        for number in range(3):
            assert probe.names[probe.current_trace()] == "numbers"
            yield number

    generator = numbers()
    assert probe.calls == []
    for _ in generator:
        assert probe.current_trace() == 0
        assert probe.live == {1}
    assert probe.begun() == ["numbers"]
    assert probe.calls[-1] == ("end", 1)
    assert [call for call in probe.calls if call[0] in ("suspend", "resume")] == [
        ("suspend", 1),
        ("resume", 1),
    ] * 3


def test_two_generators_in_turn_are_two_traces(probe):
    @kolo_probe.enable
    def numbers(name):
        for number in range(3):
            yield (name, number, probe.current_trace())

    seen = {(name, token) for pair in zip(numbers("a"), numbers("b")) for name, _, token in pair}
    assert len(seen) == 2
    assert len({token for _, token in seen}) == 2


def test_a_dropped_generator_ends_its_trace(probe):
    @kolo_probe.enable
    def numbers():
        yield 1
        yield 2

    generator = numbers()
    next(generator)
    assert probe.live == {1}
    del generator
    gc.collect()
    assert probe.live == set()


def test_neither_items_nor_exceptions_are_kept_alive(probe):
    class ThingError(Exception):
        pass

    @kolo_probe.enable
    def things():
        while True:
            with contextlib.suppress(ThingError):
                yield ThingError()

    generator = things()
    gc.disable()
    try:
        item = weakref.ref(next(generator))
        assert item() is None
        thrown = ThingError()
        reference = weakref.ref(thrown)
        generator.throw(thrown)
        del thrown
        assert reference() is None
    finally:
        gc.enable()


# ---- async generators


def test_an_async_generator_answers_as_the_plain_one(probe):
    async def echo_async(log):
        received = None
        while True:
            try:
                received = yield received
                await asyncio.sleep(0)
                if received == "stop":
                    return
            except KeyError as error:
                log.append(error.args)
                received = "after error"
            except GeneratorExit:
                log.append("closed")
                raise

    async def drive(make):
        log, results = [], []
        for script in (
            [("asend", None), ("asend", "a"), ("athrow", KeyError("k")), ("asend", "stop"), ("asend", 1)],
            [("asend", None), ("athrow", ValueError("v")), ("asend", None)],
            [("asend", "not started"), ("aclose",), ("asend", None)],
            [("asend", None), ("aclose",), ("aclose",)],
            [("asend", None), ("athrow", GeneratorExit())],
        ):
            generator = make(log)
            for method, *arguments in script:
                try:
                    results.append(await getattr(generator, method)(*arguments))
                except BaseException as error:
                    results.append((type(error), error.args))
        return log, results

    assert asyncio.run(drive(kolo_probe.enable(echo_async))) == asyncio.run(drive(echo_async))
    assert probe.live == set()


def test_an_async_generators_trace_is_away_while_it_is_suspended(probe):
    @kolo_probe.enable
    async def numbers():
        for number in range(2):
            await asyncio.sleep(0)
            assert probe.current_trace() == 1
            yield number

    async def consume():
        async for _ in numbers():
            assert probe.current_trace() == 0

    asyncio.run(consume())
    assert probe.calls[-1] == ("end", 1)


def test_an_async_generator_left_early_ends_its_trace(probe):
    @kolo_probe.enable
    async def numbers():
        yield 1
        yield 2

    async def leave():
        async for _ in numbers():
            break

    asyncio.run(leave())
    assert probe.live == set()


def test_kolos_other_name_for_it_is_the_same():
    assert kolo_probe.enabled is kolo_probe.enable
