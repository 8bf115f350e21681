"""Coroutines, tasks and asynchronous generators."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "a coroutine is one activation over all its awaits, and what it calls is its own",
        """
        import asyncio

        def work(x):
            return x

        async def step(x):
            await asyncio.sleep(0)
            return work(x)

        async def main():
            first = await step(1)
            return first + await step(2)

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 3
                step returned 1
                    work returned 1
                step returned 2
                    work returned 2
        """,
    ),
    Case(
        "driven by hand: send, throw, close, and one that is never awaited",
        """
        import types, warnings

        @types.coroutine
        def pause():
            return (yield "paused")

        async def waits():
            try:
                return await pause()
            except KeyError:
                return "thrown"

        def drive(act):
            steps = waits()
            steps.send(None)
            try:
                act(steps)
            except StopIteration as end:
                return end.value

        drive(lambda steps: steps.send("sent"))
        drive(lambda steps: steps.throw(KeyError("k")))
        drive(lambda steps: steps.close())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            waits()
        """,
        """
        <module> returned None
            drive returned 'sent'
                waits returned 'sent'
                    pause returned 'sent'
                <lambda> raised StopIteration
            drive returned 'thrown'
                waits returned 'thrown'
                    pause raised KeyError
                <lambda> raised StopIteration
            drive returned None
                waits abandoned
                    pause abandoned         # 3.13: cut off [end of a generator]
                <lambda> returned None
        """,
    ),
    Case(
        "tasks that take turns keep their own calls",
        """
        import asyncio

        def work(name):
            return name

        async def task(name):
            await asyncio.sleep(0)
            first = work(name)
            await asyncio.sleep(0)
            return first + work(name)

        async def main():
            return await asyncio.gather(task("a"), task("b"))

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['aa', 'bb']
            task returned 'aa'
                work returned 'a'
                work returned 'a'
            task returned 'bb'
                work returned 'b'
                work returned 'b'
        """,
    ),
    Case(
        "a task group, one of whose tasks fails: the other is cancelled",
        """
        import asyncio

        async def fails():
            await asyncio.sleep(0)
            raise ValueError

        async def waits():
            await asyncio.sleep(60)

        async def main():
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(waits())
                    group.create_task(fails())
            except ExceptionGroup:
                return "caught"

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 'caught'
            waits raised asyncio.exceptions.CancelledError
            fails raised ValueError
        """,
        since=(3, 11),
    ),
    Case(
        "cancellation: of a task that waits, of one not begun, swallowed, and with a clean-up that awaits",
        """
        import asyncio

        def cleanup():
            pass

        async def waits():
            await asyncio.sleep(60)

        async def tidy():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0)
                cleanup()

        async def swallows():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "swallowed"

        async def cancel(make, begin=True):
            task = asyncio.ensure_future(make())
            if begin:
                await asyncio.sleep(0)
            task.cancel()
            try:
                return await task
            except asyncio.CancelledError:
                return "cancelled"

        async def main():
            seen = []
            for task in waits, tidy, swallows:
                seen.append(await cancel(task))
            return seen + [await cancel(waits, begin=False)]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['cancelled', 'cancelled', 'swallowed', 'cancelled']
                cancel returned 'cancelled'
                cancel returned 'cancelled'
                cancel returned 'swallowed'
                cancel returned 'cancelled'
            waits raised asyncio.exceptions.CancelledError
            tidy raised asyncio.exceptions.CancelledError
                cleanup returned None
            swallows returned 'swallowed'
            waits raised asyncio.exceptions.CancelledError      # profile before 3.11 [never begun]
        """,
    ),
    Case(
        "wait_for: in time, and too late",
        """
        import asyncio

        async def quick():
            await asyncio.sleep(0)
            return 1

        async def slow():
            await asyncio.sleep(60)

        async def main():
            first = await asyncio.wait_for(quick(), 60)
            try:
                await asyncio.wait_for(slow(), 0.01)
            except asyncio.TimeoutError:
                return first

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 1
                quick returned 1                    # 3.12+
                slow raised asyncio.exceptions.CancelledError          # 3.12+
            quick returned 1                        # before 3.12
            slow raised asyncio.exceptions.CancelledError              # before 3.12
        """,
    ),
    Case(
        "async with and async for",
        """
        import asyncio

        class Manager:
            async def __aenter__(self):
                await asyncio.sleep(0)
                return "in"

            async def __aexit__(self, *error):
                await asyncio.sleep(0)
                return True

        class Numbers:
            def __init__(self):
                self.left = 2

            def __aiter__(self):
                return self

            async def __anext__(self):
                if not self.left:
                    raise StopAsyncIteration
                self.left -= 1
                await asyncio.sleep(0)
                return self.left

        async def main():
            async with Manager() as state:
                raise ValueError(state)
            return [n async for n in Numbers()]

        asyncio.run(main())
        """,
        """
        <module> returned None
            Manager returned None
            Numbers returned None
            main returned [1, 0]
                Manager.__aenter__ returned 'in'
                Manager.__aexit__ returned True
                Numbers.__init__ returned None
                Numbers.__aiter__ returned <Numbers>
                main.<locals>.<listcomp> returned [1, 0]                    # before 3.12
                    Numbers.__anext__ returned 1                            # before 3.12
                    Numbers.__anext__ returned 0                            # before 3.12
                    Numbers.__anext__ raised StopAsyncIteration             # before 3.12
                Numbers.__anext__ returned 1                                # 3.12+
                Numbers.__anext__ returned 0                                # 3.12+
                Numbers.__anext__ raised StopAsyncIteration                 # 3.12+
        """,
    ),
    Case(
        "an asynchronous generator is one activation; what it yields is shown without its wrapper",
        """
        import asyncio

        def work(x):
            return x

        async def numbers(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield work(i)

        async def main():
            return [n async for n in numbers(2)]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned [0, 1]
                main.<locals>.<listcomp> returned [0, 1]        # before 3.12
                    numbers returned None                       # before 3.12
                        work returned 0                         # before 3.12
                        work returned 1                         # before 3.12
                numbers returned None                           # 3.12+
                    work returned 0                             # 3.12+
                    work returned 1                             # 3.12+
        """,
    ),
    Case(
        "asynchronous generators: asend, athrow, aclose",
        """
        import asyncio

        def cleanup(x):
            return x

        async def echo():
            got = None
            while True:
                try:
                    got = yield got
                except KeyError:
                    got = "thrown"
                finally:
                    cleanup(got)

        async def main():
            steps = echo()
            await steps.asend(None)
            seen = [await steps.asend("sent"), await steps.athrow(KeyError("k"))]
            await steps.aclose()
            return seen

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['sent', 'thrown']
                echo abandoned
                    cleanup returned 'sent'
                    cleanup returned 'thrown'
                    cleanup returned 'thrown'
        """,
    ),
    Case(
        "an asynchronous generator left half way: dropped, and closed by the loop at its end",
        """
        import asyncio

        def cleanup():
            pass

        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                cleanup()

        async def main():
            async for n in numbers():
                break
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            global kept
            kept = numbers()
            await kept.__anext__()
            return n

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned 1
                numbers abandoned
                    cleanup returned None
                numbers abandoned
                    cleanup returned None
        """,
    ),
    Case(
        "a coroutine that goes on in another thread",
        """
        import threading, types

        @types.coroutine
        def pause():
            yield

        def work(x):
            return x

        async def walks():
            work(1)
            await pause()
            return work(2)

        steps = walks()
        steps.send(None)

        def finish():
            try:
                steps.send(None)
            except StopIteration as end:
                return end.value

        thread = threading.Thread(target=finish)
        thread.start()
        thread.join()
        """,
        """
        <module> returned None
            walks returned 2
                work returned 1
                pause returned None
                work returned 2
        finish returned 2
        """,
    ),
    Case(
        "work handed to threads from the loop: run_in_executor and to_thread",
        """
        import asyncio

        def work(x):
            return x

        async def main():
            loop = asyncio.get_running_loop()
            return [await loop.run_in_executor(None, work, 1), await asyncio.to_thread(work, 2)]

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned [1, 2]
        work returned 1
        work returned 2
        """,
    ),
    Case(
        "callbacks of the loop",
        """
        import asyncio

        def callback(x):
            return x

        async def main():
            loop = asyncio.get_running_loop()
            loop.call_soon(callback, "soon")
            loop.call_later(0, callback, "later")
            future = loop.create_future()
            future.add_done_callback(lambda done: callback("done"))
            future.set_result(1)
            await asyncio.sleep(0.01)

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned None
            callback returned 'soon'
            main.<locals>.<lambda> returned 'done'
                callback returned 'done'
            callback returned 'later'
        """,
    ),
    Case(
        "context variables of tasks are as they are without the probe",
        """
        import asyncio
        import contextvars

        mark = contextvars.ContextVar("mark", default="none")

        def work():
            return mark.get()

        async def task(name):
            mark.set(name)
            await asyncio.sleep(0)
            return work()

        async def main():
            return await asyncio.gather(task("a"), task("b")), work()

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned (['a', 'b'], 'none')
                work returned 'none'
            task returned 'a'
                work returned 'a'
            task returned 'b'
                work returned 'b'
        """,
    ),
]
