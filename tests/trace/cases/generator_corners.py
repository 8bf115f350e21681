"""Generators in the corners: re-entered, finished, cleared, finalized elsewhere, stepped by C code."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "a generator that steps itself is refused, and goes on",
        """
        def steps_itself():
            try:
                next(itself)
            except ValueError:
                yield "refused"

        itself = steps_itself()
        list(itself)
        """,
        """
        <module> returned None
            steps_itself returned None
        """,
    ),
    Case(
        "next, send, throw and close on a generator that has finished do nothing",
        """
        def numbers():
            yield 1

        steps = numbers()
        list(steps)
        next(steps, None)
        steps.close()
        for act in (lambda: steps.send(None), lambda: steps.throw(KeyError)):
            try:
                act()
            except (StopIteration, KeyError):
                pass
        """,
        """
        <module> returned None
            numbers returned None
            <lambda> raised StopIteration
            <lambda> raised KeyError
        """,
    ),
    Case(
        "yield in finally and return in finally, while the generator is being closed or thrown into",
        """
        def yields():
            try:
                yield 1
            finally:
                yield 2

        def returns():
            try:
                yield 1
            finally:
                return 3

        def close(steps):
            next(steps)
            try:
                steps.close()
            except RuntimeError:
                return "ignored GeneratorExit"

        def throw(steps):
            next(steps)
            try:
                return steps.throw(KeyError)
            except StopIteration as end:
                return end.value

        kept = [yields(), returns(), yields(), returns()]
        close(kept[0])
        close(kept[1])
        throw(kept[2])
        throw(kept[3])
        """,
        """
        <module> returned None
            close returned 'ignored GeneratorExit'
                yields abandoned
            close returned None
                returns returned 3
            throw returned 2
                yields abandoned
            throw returned 3
                returns returned 3
        """,
        unlike="pure 3.13 [bare yield]; pypy [collected later]",
    ),
    Case(
        "stepped by C code: unpacking, sum, max with a key, zip, tee, chain, islice, a sort",
        """
        import itertools

        def work(x):
            return x

        def numbers(n):
            for i in range(n):
                yield work(i)

        first, *rest = numbers(2)
        sum(numbers(1))
        sorted(numbers(2), key=work)
        one, two = itertools.tee(numbers(1))
        list(one), list(two)
        list(itertools.islice(itertools.chain(numbers(1), numbers(5)), 2))
        """,
        """
        <module> returned None
            numbers returned None
                work returned 0
                work returned 1
            numbers returned None
                work returned 0
            numbers returned None
                work returned 0
                work returned 1
            work returned 0
            work returned 1
            numbers returned None
                work returned 0
            numbers returned None
                work returned 0
            numbers abandoned                   # 3.13: cut off [end of a generator]
                work returned 0
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "a generator expression that is passed on, nested, and left",
        """
        def work(x):
            return x

        def lazily(items):
            return (work(item) for item in items)

        list(lazily(lazily([1, 2])))
        left = lazily([3, 4])
        next(left)
        del left
        """,
        """
        <module> returned None
            lazily returned <generator>
            lazily returned <generator>
            lazily.<locals>.<genexpr> returned None
                lazily.<locals>.<genexpr> returned None
                    work returned 1
                    work returned 2
                work returned 1
                work returned 2
            lazily returned <generator>
            lazily.<locals>.<genexpr> abandoned     # 3.13: cut off [end of a generator]
                work returned 3
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "a generator whose finally runs in a collection, and in another thread",
        """
        import gc
        import threading

        def cleanup(x):
            return x

        def holds(x):
            box = []
            try:
                box.append((yield))
                yield
            finally:
                cleanup(x)

        def make(x):
            steps = holds(x)
            next(steps)
            steps.send(steps)  # a cycle: only a collection frees it

        make("collected here")
        gc.collect()
        make("collected there")
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
        """,
        """
        <module> returned None
            make returned None
                holds abandoned
                    cleanup returned 'collected here'
            make returned None
                holds abandoned
                    cleanup returned 'collected there'
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "many generators suspended at once, ended in another order",
        """
        def numbers(n):
            yield n
            yield n + 1

        steps = [numbers(n) for n in range(3)]
        for one in steps + steps[::-1]:
            next(one)
        for one in steps[1], steps[0], steps[2]:
            next(one, None)
        """,
        """
        <module>() returned None
            <listcomp>(.0=<range_iterator>) returned [<generator>, <generator>, <generator>]  # before 3.12
            numbers(n=0) returned None
            numbers(n=1) returned None
            numbers(n=2) returned None
        """,
        shows=("arguments",),
    ),
    Case(
        "a generator that goes on in another context, and in one that has no trace",
        """
        import contextvars

        def work(x):
            return x

        def numbers():
            yield work(1)
            yield work(2)
            yield work(3)

        steps = numbers()
        next(steps)
        contextvars.copy_context().run(next, steps)
        contextvars.Context().run(next, steps)
        """,
        """
        <module> returned None
            numbers abandoned               # 3.13: cut off [end of a generator]
                work returned 1
                work returned 2
                work returned 3
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "a generator begun outside any trace goes on in one: it is not recorded, what it calls is",
        """
        import contextvars
        import threading
        import _thread

        def work(x):
            return x

        def numbers():
            yield work(1)
            yield work(2)

        def begin():
            next(steps)
            done.release()

        done = _thread.allocate_lock()
        done.acquire()
        steps = numbers()
        _thread.start_new_thread(begin, ())
        done.acquire()
        next(steps)
        """,
        """
        <module> returned None
            work returned 2
        """,
    ),
    Case(
        "a hundred thousand steps are one activation",
        """
        def numbers(n):
            for i in range(n):
                yield i

        def consumes():
            return sum(numbers(10_000))

        consumes()
        """,
        """
        <module> returned None
            consumes returned 49995000
                numbers returned None
        """,
    ),
    Case(
        "an iterator class, iter with a sentinel, and __getitem__ iteration",
        """
        class Countdown:
            def __init__(self, n):
                self.n = n

            def __iter__(self):
                return self

            def __next__(self):
                if self.n == 0:
                    raise StopIteration
                self.n -= 1
                return self.n

        class Old:
            def __getitem__(self, i):
                if i:
                    raise IndexError
                return i

        def pop():
            return items.pop()

        items = ["end", 1]
        list(Countdown(1))
        list(Old())
        list(iter(pop, "end"))
        """,
        """
        <module> returned None
            Countdown returned None
            Old returned None
            Countdown.__init__ returned None
            Countdown.__iter__ returned <Countdown>
            Countdown.__next__ returned 0
            Countdown.__next__ raised StopIteration
            Old.__getitem__ returned 0
            Old.__getitem__ raised IndexError
            pop returned 1
            pop returned 'end'
        """,
    ),
]
