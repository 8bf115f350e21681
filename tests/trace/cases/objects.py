"""Code that objects run: properties, descriptors, special methods, finalisers, signal handlers."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "properties and descriptors: get, set, delete, __set_name__, cached_property",
        """
        import functools

        class Field:
            def __set_name__(self, owner, name):
                self.name = name

            def __get__(self, instance, owner):
                return 1

            def __set__(self, instance, value):
                pass

            def __delete__(self, instance):
                pass

        class Thing:
            field = Field()

            @property
            def size(self):
                return 2

            @size.setter
            def size(self, value):
                pass

            @size.deleter
            def size(self):
                pass

            @functools.cached_property
            def once(self):
                return 3

        thing = Thing()
        thing.field
        thing.field = 1
        del thing.field
        thing.size
        thing.size = 1
        del thing.size
        thing.once
        thing.once
        """,
        """
        <module> returned None
            Field returned None
            Thing returned None
            Field.__set_name__ returned None
            Field.__get__ returned 1
            Field.__set__ returned None
            Field.__delete__ returned None
            Thing.size returned 2
            Thing.size returned None
            Thing.size returned None
            Thing.once returned 3
        """,
    ),
    Case(
        "special methods, called by operators, builtins and statements",
        """
        class Number:
            def __init__(self, n):
                self.n = n

            def __add__(self, other):
                return Number(self.n + other)

            def __radd__(self, other):
                return NotImplemented

            def __eq__(self, other):
                return True

            def __hash__(self):
                return self.n

            def __bool__(self):
                return False

            def __len__(self):
                return 1

            def __getitem__(self, key):
                return key

            def __contains__(self, item):
                return True

            def __call__(self):
                return "called"

            def __repr__(self):
                return "repr"

            def __getattr__(self, name):
                return name

            def __iter__(self):
                return iter((1,))

        n = Number(1)
        n + 1
        n == 2
        hash(n)
        not n
        len(n)
        n["key"]
        3 in n
        n()
        repr(n)
        n.anything
        list(n)
        """,
        """
        <module> returned None
            Number returned None
            Number.__init__ returned None
            Number.__add__ returned <Number>
                Number.__init__ returned None
            Number.__eq__ returned True
            Number.__hash__ returned 1
            Number.__bool__ returned False
            Number.__len__ returned 1
            Number.__getitem__ returned 'key'
            Number.__contains__ returned True
            Number.__call__ returned 'called'
            Number.__repr__ returned 'repr'
            Number.__getattr__ returned 'anything'
            Number.__len__ returned 1                   # before 3.10
            Number.__iter__ returned <tuple_iterator>
            Number.__len__ returned 1
        """,
        unlike="pypy [another interpreter]",
    ),
    Case(
        "__new__, inheritance, super and multiple bases",
        """
        class A:
            def __new__(cls, *args):
                return super().__new__(cls)

            def hello(self):
                return ["A"]

        class B(A):
            def hello(self):
                return ["B"] + super().hello()

        class C(A):
            def hello(self):
                return ["C"] + super().hello()

        class D(B, C):
            def __init__(self, x):
                self.x = x

        D(1).hello()
        """,
        """
        <module> returned None
            A returned <cell>
            B returned <cell>
            C returned <cell>
            D returned None
            A.__new__ returned <D>
            D.__init__ returned None
            B.hello returned ['B', 'C', 'A']
                C.hello returned ['C', 'A']
                    A.hello returned ['A']
        """,
    ),
    Case(
        "__del__ runs where the last reference goes: in the caller, at a return, in a collection",
        """
        import gc

        class Closes:
            def __del__(self):
                finished()

        def finished():
            pass

        def drops():
            thing = Closes()
            del thing
            return "dropped"

        def returns():
            thing = Closes()
            return "returned"

        def cycle():
            thing = Closes()
            thing.itself = thing

        drops()
        returns()
        cycle()
        gc.collect()
        """,
        """
        <module> returned None
            Closes returned None
            drops returned 'dropped'
                Closes.__del__ returned None
                    finished returned None
            returns returned 'returned'
            Closes.__del__ returned None
                finished returned None
            cycle returned None
            Closes.__del__ returned None
                finished returned None
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "an exception in __del__ ends there",
        """
        import sys

        class Fails:
            def __del__(self):
                raise ValueError("in __del__")

        seen = []
        before, sys.unraisablehook = sys.unraisablehook, lambda args: seen.append(args.exc_type)
        Fails()
        sys.unraisablehook = before
        assert seen == [ValueError]
        """,
        """
        <module> returned None
            Fails returned None
            Fails.__del__ raised ValueError
            <lambda> returned None
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "weak references: callbacks, weakref.finalize, a WeakValueDictionary's entry",
        """
        import weakref

        class Thing:
            pass

        def gone(reference):
            return "gone"

        def finalized(x):
            return x

        def watched():
            thing = Thing()
            reference = weakref.ref(thing, gone)
            weakref.finalize(thing, finalized, 1)
            del thing
            return reference()

        watched()
        """,
        """
        <module> returned None
            Thing returned None
            watched returned None
                finalized returned 1
                gone returned 'gone'
        """,
        unlike="pypy [collected later]",
    ),
    Case(
        "garbage collection's callbacks",
        """
        import gc

        def callback(phase, info):
            return phase

        gc.callbacks.append(callback)
        gc.collect()
        gc.callbacks.remove(callback)
        """,
        """
        <module> returned None
            callback returned 'start'
            callback returned 'stop'
        """,
        unlike="pypy [another interpreter]",
    ),
    Case(
        "a signal handler is called by the function that it interrupts",
        """
        import signal

        def handler(number, frame):
            return "handled"

        def interrupted():
            signal.raise_signal(signal.SIGUSR1)
            return "went on"

        before = signal.signal(signal.SIGUSR1, handler)
        interrupted()
        signal.signal(signal.SIGUSR1, before)
        """,
        """
        <module> returned None
            interrupted returned 'went on'
                handler returned 'handled'
        """,
        unlike="pypy [signal handler]",
    ),
    Case(
        "a signal handler in a generator, and one that raises there",
        """
        import signal

        class Stop(Exception):
            pass

        def handler(number, frame):
            raise Stop

        def numbers():
            yield 1
            signal.raise_signal(signal.SIGUSR1)
            yield 2

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            list(numbers())
        except Stop:
            pass
        signal.signal(signal.SIGUSR1, before)
        """,
        """
        <module> returned None
            Stop returned None
            numbers raised Stop
                handler raised Stop
        """,
        unlike="pypy [signal handler]",
    ),
    Case(
        "dataclasses, named tuples and enums: generated code is not the program's",
        """
        import collections
        import dataclasses
        import enum

        @dataclasses.dataclass
        class Point:
            x: int
            y: int = 2

            def __post_init__(self):
                self.norm = self.x + self.y

        Pair = collections.namedtuple("Pair", "a b")

        class Color(enum.Enum):
            RED = 1

            def hex(self):
                return "f00"

        def use(point, pair, color):
            return color.hex()

        use(Point(1), Pair(1, 2), Color.RED)
        """,
        """
        <module> returned None
            Point returned None
            Color returned None
            Point.__post_init__ returned None
            use returned 'f00'
                Color.hex returned 'f00'
        """,
    ),
    Case(
        "sys.settrace and our hook at once",
        """
        import sys

        seen = []

        def tracer(frame, event, argument):
            seen.append(event)
            return tracer

        def traced(x):
            y = x + 1
            return y

        def traces():
            sys.settrace(tracer)
            try:
                traced(1)
            finally:
                sys.settrace(None)
            return seen

        assert traces() == ["call", "line", "line", "return", "line"][: len(seen)]
        """,
        """
        <module> returned None
            traces returned ['call', 'line', 'line', 'return']
                traced returned 2
                    tracer returned <function tracer>       # frame_eval
                    tracer returned <function tracer>       # frame_eval
                    tracer returned <function tracer>       # frame_eval
                    tracer returned <function tracer>       # frame_eval
        """,
    ),
]
