"""Calls, their arguments and variables, and code that is no function."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "calls nest, and results are theirs",
        """
        def inner(a, b=2, *args, c, **more):
            return a + b + c

        def outer():
            return inner(1, c=3)

        outer()
        """,
        """
        <module> returned None
            outer returned 6
                inner returned 6
        """,
    ),
    Case(
        "arguments of every kind are recorded by name, as they were at the start",
        """
        def plain(a, b=2):
            a = "changed"
            return b

        def positional_only(a, b, /, c):
            return a + b + c

        def keyword_only(*, d, e=5):
            return d + e

        def rest(*args, **kwargs):
            return args[0] + kwargs["k"]

        def every(a, /, b, *args, c, **kwargs):
            return a

        plain(1)
        plain(1, b=3)
        positional_only(1, 2, c=3)
        keyword_only(d=4)
        rest(1, 2, k=3)
        rest(*[1], **{"k": 4})
        every(1, 2, 3, c=4, d=5)
        (lambda x, y=1: x + y)(1)
        """,
        """
        <module>() returned None
            plain(a=1, b=2) returned 2
            plain(a=1, b=3) returned 3
            positional_only(a=1, b=2, c=3) returned 6
            keyword_only(d=4, e=5) returned 9
            rest(args=(1, 2), kwargs={'k': 3}) returned 4
            rest(args=(1,), kwargs={'k': 4}) returned 5
            every(a=1, b=2, c=4, args=(3,), kwargs={'d': 5}) returned 1
            <lambda>(x=1, y=1) returned 2
        """,
        shows=("arguments",),
    ),
    Case(
        "a call that is refused starts nothing",
        """
        def needs(a, /, *, b):
            return a

        for args, kwargs in (((), {}), ((1,), {}), ((1, 2), {"b": 1}), ((), {"a": 1, "b": 1})):
            try:
                needs(*args, **kwargs)
            except TypeError:
                pass
        """,
        """
        <module> returned None
        """,
    ),
    Case(
        "locals are recorded as they are at the end; what is deleted or was never bound has no value",
        """
        def finishes(a):
            b = a + 1
            a = "changed"
            del b
            c = [1]
            if not a:
                d = 1
            return len(c)

        def fails(a):
            b = 2
            raise ValueError(b)
            c = 3

        finishes(1)
        try:
            fails(1)
        except ValueError:
            pass

        def reads_unbound():
            return x
            x = 1

        try:
            reads_unbound()
        except UnboundLocalError:
            pass
        """,
        """
        <module> returned None
            finishes {a='changed', b=<unbound>, c=[1], d=<unbound>} returned 1
            fails {a=1, b=2, c=<unbound>} raised ValueError
            reads_unbound {x=<unbound>} raised UnboundLocalError
        """,
        shows=("locals",),
    ),
    Case(
        "cells and closures: arguments that inner functions use, changed variables, nonlocal, emptied cells",
        """
        def outer(a, b):
            def inner():
                nonlocal b
                b += 1
                return a

            result = inner()
            del inner
            return result

        outer(1, 2)

        def counter():
            n = 0
            def step():
                nonlocal n
                n += 1
                return n
            return step

        step = counter()
        step()
        step()

        def empties(a):
            def inner():
                return a
            del a
            try:
                inner()
            except NameError:
                return "gone"

        empties(1)
        """,
        """
        <module>() returned None
            outer(a=1, b=2) {a=1, b=3, inner=<unbound>, result=1} returned 1
                outer.<locals>.inner() {a=1, b=3} returned 1
            counter() {step=<function counter.<locals>.step>, n=0} returned <function counter.<locals>.step>
            counter.<locals>.step() {n=1} returned 1
            counter.<locals>.step() {n=2} returned 2
            empties(a=1) {a=<unbound>, inner=<function empties.<locals>.inner>} returned 'gone'
                empties.<locals>.inner() {a=<unbound>} raised NameError
        """,
        shows=("arguments", "locals"),
    ),
    Case(
        "a cell argument that the body empties before anything else was there at the start",
        """
        def f(a, *args, b, **kwargs):
            def inner():
                return a, args, b, kwargs
            a = args = b = kwargs = None
            return inner()

        f(1, 2, b=3, c=4)
        """,
        """
        <module>() returned None
            f(a=1, b=3, args=(2,), kwargs={'c': 4}) returned (None, None, None, None)
                f.<locals>.inner() returned (None, None, None, None)
        """,
        shows=("arguments",),
    ),
    Case(
        "recursion to the limit, and on after it",
        """
        import sys

        def down():
            return down()

        def bottom():
            return "bottom"

        def count(n):
            return 1 + count(n - 1) if n else bottom()

        limit = sys.getrecursionlimit()
        depth = 0
        frame = sys._getframe()
        while frame:
            depth, frame = depth + 1, frame.f_back
        sys.setrecursionlimit(depth + 40)
        try:
            down()
        except RecursionError:
            pass
        finally:
            sys.setrecursionlimit(limit)
        bottom()
        """,
        "<module> returned None\n"
        + "".join("    " * depth + "down raised RecursionError\n" for depth in range(1, 40))
        + "    " * 40
        + "down raised RecursionError  # 3.12+\n"
        + "    bottom returned 'bottom'\n",
        unlike="pure or pypy [recursion limit]",
    ),
    Case(
        "comprehensions have frames of their own before 3.12; generator expressions on every version",
        """
        def squares(n):
            return [i * i for i in range(n)]

        def names():
            return {c for c in "a"}, {c: 1 for c in "b"}

        def total(n):
            return sum(i for i in range(n))

        squares(3)
        names()
        total(4)

        class Table:
            rows = [row for row in (1, 2)]
        """,
        """
        <module> returned None
            squares returned [0, 1, 4]
                squares.<locals>.<listcomp> returned [0, 1, 4]      # before 3.12
            names returned (<set of 1>, {'b': 1})
                names.<locals>.<setcomp> returned <set of 1>             # before 3.12
                names.<locals>.<dictcomp> returned {'b': 1}         # before 3.12
            total returned 6
                total.<locals>.<genexpr> returned None
            Table returned None
                Table.<listcomp> returned [1, 2]                    # before 3.12
        """,
    ),
    Case(
        "class bodies, their functions, and what a metaclass and __init_subclass__ run",
        """
        class Meta(type):
            def __new__(mcs, name, bases, namespace, **kwargs):
                return super().__new__(mcs, name, bases, namespace, **kwargs)

            def __init__(cls, name, bases, namespace, **kwargs):
                pass

        class Base(metaclass=Meta):
            def __init_subclass__(cls, **kwargs):
                cls.marks = sorted(kwargs)

            def __init__(self, x):
                self.x = x

            def method(self):
                return self.x

            @classmethod
            def made(cls):
                return cls(3)

            @staticmethod
            def static():
                return 4

        class Derived(Base, a=1):
            class Inner:
                def deep(self):
                    return 5

            def method(self):
                return super().method() + 1

        Base.made().method()
        Derived(1).method()
        Base.static()
        Derived.Inner().deep()
        """,
        """
        <module> returned None
            Meta returned <cell>
            Base returned None
            Meta.__new__ returned <type Base>
            Meta.__init__ returned None
            Derived returned <cell>
                Derived.Inner returned None
            Meta.__new__ returned <type Derived>
                Base.__init_subclass__ returned None
            Meta.__init__ returned None
            Base.made returned <Base>
                Base.__init__ returned None
            Base.method returned 3
            Base.__init__ returned None
            Derived.method returned 2
                Base.method returned 1
            Base.static returned 4
            Derived.Inner.deep returned 5
        """,
    ),
    Case(
        "exec, eval and compile are code like any other, named by what they were given",
        """
        def f():
            return 1

        def through():
            scope = {"f": f, "__name__": "elsewhere"}
            exec(compile("def g():\\n    return f() + 1\\ng()", __file__, "exec"), scope)
            return eval(compile("f() + g()", __file__, "eval"), scope)

        through()
        exec(compile("f()", __file__, "exec"))
        eval(compile("f()", __file__, "eval"))
        """,
        """
        <module> returned None
            through returned 3
                elsewhere.<module> returned None
                    elsewhere.g returned 2
                        f returned 1
                elsewhere.<module> returned 3
                    f returned 1
                    elsewhere.g returned 2
                        f returned 1
            <module> returned None
                f returned 1
            <module> returned 1
                f returned 1
        """,
    ),
    Case(
        "decorators: plain, with arguments, stacked, of classes, functools.wraps and a cache",
        """
        import functools

        def twice(f):
            @functools.wraps(f)
            def wrapper(*args):
                return f(*args) * 2
            return wrapper

        def add(n):
            def decorate(f):
                return lambda *args: f(*args) + n
            return decorate

        def mark(cls):
            cls.marked = True
            return cls

        @add(1)
        @twice
        def value(x):
            return x

        @mark
        class Thing:
            pass

        @functools.lru_cache(None)
        def cached(x):
            return x

        value(5)
        cached(1)
        cached(1)
        """,
        """
        <module> returned None
            add returned <function add.<locals>.decorate>
            twice returned <function value>
            add.<locals>.decorate returned <function add.<locals>.decorate.<locals>.<lambda>>
            Thing returned None
            mark returned <type Thing>
            add.<locals>.decorate.<locals>.<lambda> returned 11
                twice.<locals>.wrapper returned 10
                    value returned 5
            cached returned 1
        """,
    ),
    Case(
        "functions called from C: sorted, map, functools.reduce, a sort's key and comparison methods",
        """
        import functools

        class Item:
            def __init__(self, n):
                self.n = n

            def __lt__(self, other):
                return self.n < other.n

        def key(x):
            return -x

        def add(a, b):
            return a + b

        sorted([1, 2], key=key)
        sorted([Item(2), Item(1)])
        list(map(key, [3]))
        functools.reduce(add, [1, 2, 3])
        """,
        """
        <module> returned None
            Item returned None
            key returned -1
            key returned -2
            Item.__init__ returned None
            Item.__init__ returned None
            Item.__lt__ returned True
            key returned -3
            add returned 3
            add returned 6
        """,
    ),
    Case(
        "the same code called in many ways keeps its qualified name",
        """
        def maker():
            def made(n):
                return n
            return made

        one, two = maker(), maker()
        one(1)
        two(2)

        class Holder:
            alias = one

        Holder.alias(3)
        """,
        """
        <module> returned None
            maker returned <function maker.<locals>.made>
            maker returned <function maker.<locals>.made>
            maker.<locals>.made returned 1
            maker.<locals>.made returned 2
            Holder returned None
            maker.<locals>.made returned 3
        """,
    ),
    Case(
        "qualified names before 3.11 are looked up: functions of the module and of its classes have one",
        """
        def plain():
            return outer()()

        def outer():
            def inner():
                return 1
            return inner

        class Thing:
            def method(self):
                return self.static()

            @staticmethod
            def static():
                return 2

            @property
            def size(self):
                return 3

            class Inner:
                def deep(self):
                    return 4

        named = lambda: 5
        plain()
        Thing().method()
        Thing().size
        Thing.Inner().deep()
        named()
        (lambda: 6)()
        """,
        """
        <module> returned None
            Thing returned None
                Thing.Inner returned None
            plain returned 1
                outer returned <function outer.<locals>.inner>
                outer.<locals>.inner returned 1
            Thing.method returned 2
                Thing.static returned 2
            Thing.size returned 3                       # 3.11+
            size returned 3                             # before 3.11 [qualified names]
            Thing.Inner.deep returned 4                 # 3.11+
            deep returned 4                             # before 3.11 [qualified names]
            <lambda> returned 5
            <lambda> returned 6
        """,
    ),
]
