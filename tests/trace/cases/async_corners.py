"""Asynchronous code in the corners: generators not begun, expressions, other awaitables, loops, threads."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "awaitables of other kinds: __await__ as a generator, a wrapped generator, a future",
        """
        import asyncio
        import types

        class Pause:
            def __await__(self):
                yield
                return "paused"

        @types.coroutine
        def old():
            yield
            return "old"

        async def main():
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, "set")
            return [await Pause(), await old(), await future]

        asyncio.run(main())
        """,
        """
        <module> returned None
            Pause returned None
            main returned ['paused', 'old', 'set']
                Pause.__await__ returned 'paused'
                old returned 'old'
        """,
    ),
    Case(
        "asynchronous generators that were not begun: aclose, athrow, dropped; and finished: asend",
        """
        import asyncio

        async def numbers():
            yield 1

        async def attempt(awaitable):
            try:
                return await awaitable
            except (KeyError, StopAsyncIteration) as error:
                return type(error).__name__

        async def main():
            await numbers().aclose()
            seen = [await attempt(numbers().athrow(KeyError("k")))]
            numbers()
            steps = numbers()
            async for _ in steps:
                pass
            return seen + [await attempt(steps.asend(None))]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['KeyError', 'StopAsyncIteration']
                numbers raised GeneratorExit        # profile before 3.11 [never begun]
                attempt returned 'KeyError'
                    numbers raised KeyError         # profile before 3.11 [never begun]
                numbers raised GeneratorExit        # profile before 3.11 [never begun]
                numbers returned None
                attempt returned 'StopAsyncIteration'
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "asynchronous comprehensions and generator expressions",
        """
        import asyncio

        async def numbers():
            yield 1
            yield 2

        async def double(x):
            await asyncio.sleep(0)
            return 2 * x

        async def main():
            lazily = (await double(n) async for n in numbers())
            return [n async for n in lazily]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned [2, 4]
                main.<locals>.<listcomp> returned [2, 4]            # before 3.12
                    main.<locals>.<genexpr> returned None           # before 3.12
                        numbers returned None                       # before 3.12
                        double returned 2                           # before 3.12
                        double returned 4                           # before 3.12
                main.<locals>.<genexpr> returned None               # 3.12+
                    numbers returned None                           # 3.12+
                    double returned 2                               # 3.12+
                    double returned 4                               # 3.12+
        """,
    ),
    Case(
        "an exception that crosses awaits, tasks and gather",
        """
        import asyncio

        async def fails():
            await asyncio.sleep(0)
            raise ValueError("no")

        async def passes_on():
            await fails()

        async def main():
            results = await asyncio.gather(passes_on(), fails(), return_exceptions=True)
            try:
                await asyncio.ensure_future(passes_on())
            except ValueError:
                return len(results)

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 2
            passes_on raised ValueError('no')
                fails raised ValueError('no')
            fails raised ValueError('no')
            passes_on raised ValueError('no')
                fails raised ValueError('no')
        """,
        shows=("exceptions",),
    ),
    Case(
        "a coroutine that raises StopIteration, one awaited twice, and one that returns an exception",
        """
        import asyncio

        async def stops():
            raise StopIteration

        async def gives():
            return 1

        async def main():
            seen = []
            for make in stops, gives:
                coroutine = make()
                for _ in range(2):
                    try:
                        seen.append(await coroutine)
                    except RuntimeError as error:
                        seen.append("RuntimeError")
            return seen

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['RuntimeError', 'RuntimeError', 1, 'RuntimeError']
                stops raised RuntimeError           # frame_eval: raised StopIteration [stop iteration]
                gives returned 1
        """,
    ),
    Case(
        "a timeout, shielded work, a queue, a lock",
        """
        import asyncio

        async def slow():
            await asyncio.sleep(0.01)
            return "slow"

        async def shielded():
            task = asyncio.ensure_future(slow())
            try:
                await asyncio.wait_for(asyncio.shield(task), 0)
            except asyncio.TimeoutError:
                return await task

        async def produce(queue, lock):
            for n in range(2):
                async with lock:
                    await queue.put(n)

        async def consume(queue):
            return [await queue.get() + await queue.get()]

        async def main():
            queue, lock = asyncio.Queue(1), asyncio.Lock()
            first = await shielded()
            _, got = await asyncio.gather(produce(queue, lock), consume(queue))
            return [first, got]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['slow', [1]]
                shielded returned 'slow'
            slow returned 'slow'
            produce returned None
            consume returned [1]
        """,
    ),
    Case(
        "a loop in another thread that is given coroutines and callbacks",
        """
        import asyncio
        import threading

        def work(x):
            return x

        async def job(x):
            await asyncio.sleep(0)
            return work(x)

        def serves():
            loop.run_forever()

        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=serves)
        thread.start()
        asyncio.run_coroutine_threadsafe(job(1), loop).result()
        loop.call_soon_threadsafe(work, 2)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        """,
        """
        <module> returned None
        serves returned None
            job returned 1
                work returned 1
            work returned 2
        """,
    ),
    Case(
        "async exit stacks and asynccontextmanager",
        """
        import asyncio
        import contextlib

        def cleanup(x):
            return x

        @contextlib.asynccontextmanager
        async def managed(x):
            try:
                yield x
            finally:
                await asyncio.sleep(0)
                cleanup(x)

        async def main():
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(managed(1))
                await stack.enter_async_context(managed(2))
                return "out"

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 'out'
                managed returned None
                    cleanup returned 1
                managed returned None
                    cleanup returned 2
        """,
    ),
    Case(
        "eager tasks: begun in the caller's stack, finished in the loop's",
        """
        import asyncio

        def work(x):
            return x

        async def job(x):
            work(x)
            await asyncio.sleep(0)
            return work(x)

        async def main():
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            return await asyncio.create_task(job(1))

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 1
                job returned 1
                    work returned 1
                    work returned 1
        """,
        since=(3, 12),
    ),
    Case(
        "a loop that is stopped with tasks left: cancelled by asyncio.run, or never finished",
        """
        import asyncio

        def cleanup():
            pass

        async def waits():
            try:
                await asyncio.sleep(60)
            finally:
                cleanup()

        async def main():
            asyncio.ensure_future(waits())
            await asyncio.sleep(0)

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned None
            waits raised asyncio.exceptions.CancelledError
                cleanup returned None
        """,
    ),
]
