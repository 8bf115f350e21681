"""Generators: one activation from the first step to the last, whoever takes the steps."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "a generator is one activation, from its first step to its last",
        """
        def numbers(n):
            for i in range(n):
                yield i

        list(numbers(3))
        numbers(4)  # never begun: nothing ran
        """,
        """
        <module>() returned None
            numbers(n=3) returned None, yield 0, resume, yield 1, resume, yield 2, resume
            numbers(n=4) raised GeneratorExit      # profile before 3.11 [never begun]
        """,
        shows=("arguments", "steps"),
        unlike="pypy [collected later]",
    ),
    Case(
        "send: what is called between two yields is called by the generator",
        """
        def work(x):
            return x

        def echo():
            got = yield "ready"
            while got is not None:
                got = yield work(got)
            return "done"

        def drive():
            steps = echo()
            next(steps)
            steps.send(1)
            steps.send(2)
            try:
                steps.send(None)
            except StopIteration as end:
                return end.value

        drive()
        """,
        """
        <module> returned None
            drive returned 'done'
                echo returned 'done', yield 'ready', resume, yield 1, resume, yield 2, resume
                    work returned 1
                    work returned 2
        """,
        shows=("steps",),
    ),
    Case(
        "throw: caught inside, not caught, and into one that has not begun",
        """
        def patient():
            while True:
                try:
                    yield 1
                except KeyError:
                    yield 2
                    return "enough"

        def frail():
            yield 1

        def drive(steps, begin=True):
            if begin:
                next(steps)
            try:
                return steps.throw(KeyError("k"))
            except KeyError:
                return "out"

        steps = patient()
        drive(steps)
        list(steps)
        drive(frail())
        drive(frail(), False)
        """,
        """
        <module> returned None
            drive returned 2
                patient returned 'enough', yield 1, throw KeyError, yield 2, resume     # not profile or 3.12
                patient returned 'enough', yield 1, resume, yield 2, resume     # profile not 3.12 [throw]
            drive returned 'out'
                frail raised KeyError, yield 1, throw KeyError              # not profile or 3.12
                frail raised KeyError, yield 1, resume                      # profile not 3.12 [throw]
            drive returned 'out'
                frail raised KeyError       # profile before 3.11 [never begun]
        """,
        shows=("steps",),
    ),
    Case(
        "close: caught or not, a finally that calls, and a generator that goes on all the same",
        """
        def cleanup():
            pass

        def plain():
            yield 1

        def tidy():
            try:
                yield 1
            finally:
                cleanup()

        def swallows():
            try:
                yield 1
            except GeneratorExit:
                return

        def stubborn():
            try:
                yield 1
            except GeneratorExit:
                yield 2

        def drive(steps):
            next(steps)
            try:
                steps.close()
            except RuntimeError:
                return "stubborn"

        drive(plain())
        drive(tidy())
        drive(swallows())
        drive(stubborn())
        """,
        """
        <module> returned None
            drive returned None
                plain abandoned         # 3.13: cut off [end of a generator]
            drive returned None
                tidy abandoned
                    cleanup returned None
            drive returned None
                swallows returned None
            drive returned 'stubborn'
                stubborn abandoned
        """,
        unlike="pure 3.13 [bare yield]; pypy [collected later]",
    ),
    Case(
        "abandoned half way: dropped, collected with a cycle, and one that its frame's own reference keeps",
        """
        import gc

        def numbers():
            yield 1
            yield 2

        def tidy():
            try:
                yield 1
            finally:
                pass

        def selfish(box):
            box.append(box)
            yield 1

        def take(steps):
            return next(steps)

        take(numbers())
        take(tidy())

        def cyclic():
            box = []
            steps = selfish(box)
            box.append(steps)
            next(steps)

        cyclic()
        gc.collect()
        """,
        """
        <module> returned None
            take returned 1
                numbers abandoned       # 3.13: cut off [end of a generator]
            take returned 1
                tidy abandoned
            cyclic returned None
                selfish abandoned       # 3.13: cut off [end of a generator]
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "an exception inside a generator, and one after another yield",
        """
        def fails():
            yield 1
            raise ValueError("no")

        def stops():
            yield 1
            raise StopIteration

        def drive(steps):
            try:
                return list(steps)
            except (ValueError, RuntimeError) as error:
                return type(error).__name__

        drive(fails())
        drive(stops())
        """,
        """
        <module> returned None
            drive returned 'ValueError'
                fails raised ValueError
            drive returned 'RuntimeError'
                stops raised RuntimeError       # frame_eval: raised StopIteration [stop iteration]
        """,
    ),
    Case(
        "send and throw go on in the same activation; delegation passes them through",
        """
        def inner():
            try:
                got = yield 1
            except KeyError:
                got = "thrown"
            return got

        def outer():
            return (yield from inner())

        def drive(act):
            steps = outer()
            next(steps)
            try:
                act(steps)
            except StopIteration as end:
                return end.value

        drive(lambda steps: steps.send("sent"))
        drive(lambda steps: steps.throw(KeyError("k")))
        """,
        """
        <module> returned None
            drive returned 'sent'
                outer returned 'sent'
                    inner returned 'sent'
                <lambda> raised StopIteration
            drive returned 'thrown'
                outer returned 'thrown'
                    inner returned 'thrown'
                <lambda> raised StopIteration
        """,
    ),
    Case(
        "yield from: three deep, over an iterator of another kind, and closed from outside",
        """
        class Countdown:
            def __init__(self, n):
                self.n = n

            def __iter__(self):
                return self

            def __next__(self):
                if not self.n:
                    raise StopIteration
                self.n -= 1
                return self.n

        def leaf():
            yield 1
            yield 2
            return "leaf"

        def middle():
            got = yield from leaf()
            yield from Countdown(1)
            return got

        def top():
            return (yield from middle())

        list(top())

        steps = top()
        next(steps)
        steps.close()
        """,
        """
        <module> returned None
            Countdown returned None
            top returned 'leaf'
                middle returned 'leaf'
                    leaf returned 'leaf'
                    Countdown.__init__ returned None
                    Countdown.__iter__ returned <Countdown>
                    Countdown.__next__ returned 0
                    Countdown.__next__ raised StopIteration
            top abandoned
                middle abandoned
                    leaf abandoned      # 3.13: cut off [end of a generator]
        """,
    ),
    Case(
        "throw through `yield from`: what the inner one calls meanwhile is its own",
        """
        def work():
            return "work"

        def inner():
            while True:
                try:
                    yield work()
                except KeyError:
                    yield work()

        def outer():
            yield from inner()

        steps = outer()
        next(steps)
        steps.throw(KeyError)
        next(steps)
        steps.close()
        """,
        """
        <module> returned None
            outer abandoned
                inner abandoned
                    work returned 'work'
                    work returned 'work'
                    work returned 'work'
        """,
    ),
    Case(
        "throw through `yield from`, caught by the inner one, which returns: the outer goes on",
        """
        def work(x):
            return x

        def inner():
            try:
                yield 1
            except KeyError:
                return "caught"

        def outer():
            work((yield from inner()))
            yield 2
            work(3)

        steps = outer()
        next(steps)
        steps.throw(KeyError)
        list(steps)
        """,
        """
        <module> returned None
            outer returned None
                inner returned 'caught'
                work returned 'caught'
                work returned 3
        """,
    ),
    Case(
        "throw through `yield from`, caught by the outer one",
        """
        def work(x):
            return x

        def inner():
            yield 1

        def outer():
            try:
                yield from inner()
            except KeyError:
                work(2)
            yield 3
            work(4)

        steps = outer()
        next(steps)
        steps.throw(KeyError)
        list(steps)
        """,
        """
        <module> returned None
            outer returned None
                inner raised KeyError
                work returned 2
                work returned 4
        """,
    ),
    Case(
        "generators that take turns, and one resumed inside another",
        """
        def work(x):
            return x

        def numbers(name):
            for i in range(2):
                yield work((name, i))

        for pair in zip(numbers("a"), numbers("b")):
            pass

        def consumer(source):
            for item in source:
                work(item)

        consumer(numbers("c"))
        """,
        """
        <module> returned None
            numbers returned None
                work returned ('a', 0)
                work returned ('a', 1)
            numbers abandoned           # 3.13: cut off [end of a generator]
                work returned ('b', 0)
                work returned ('b', 1)
            consumer returned None
                numbers returned None
                    work returned ('c', 0)
                    work returned ('c', 1)
                work returned ('c', 0)
                work returned ('c', 1)
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "a generator goes on in another thread: one activation, and its calls are still its own",
        """
        import threading

        def work(x):
            return x

        def numbers():
            yield work(1)
            yield work(2)
            yield work(3)

        def take(steps):
            return next(steps)

        steps = numbers()
        take(steps)
        thread = threading.Thread(target=take, args=(steps,))
        thread.start()
        thread.join()
        take(steps)
        """,
        """
        <module> returned None
            take returned 1
                numbers abandoned       # 3.13: cut off [end of a generator]
                    work returned 1
                    work returned 2
                    work returned 3
            take returned 3
        take returned 2
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "a generator begun before the trace is not invented",
        """
        import builtins

        def later():
            return "later"

        def numbers():
            yield 1
            yield later()

        builtins.kolo_steps = numbers()
        """,
        """
        <module> returned None
        """,
    ),
    Case(
        "a recursive generator",
        """
        def walk(tree):
            if isinstance(tree, int):
                yield tree
            else:
                for branch in tree:
                    yield from walk(branch)

        list(walk([1, [2]]))
        """,
        """
        <module>() returned None
            walk(tree=[1, [2]]) returned None
                walk(tree=1) returned None
                walk(tree=[2]) returned None
                    walk(tree=2) returned None
        """,
        shows=("arguments",),
    ),
]
