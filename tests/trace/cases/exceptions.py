"""Exceptions: which activations they end, and which not."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "an exception leaves every frame that it crosses, and ends where it is caught",
        """
        class Wrong(Exception):
            pass

        def fails(why):
            raise Wrong(why, 7)

        def passes_on():
            fails("because")

        def catches():
            try:
                passes_on()
            except Wrong:
                return "caught"

        catches()
        """,
        """
        <module> returned None
            Wrong returned None
            catches returned 'caught'
                passes_on raised Wrong('because', 7)
                    fails raised Wrong('because', 7)
        """,
        shows=("exceptions",),
    ),
    Case(
        "an exception of the interpreter's own is seen before anybody made an object of it",
        """
        def missing():
            return {}["x"]

        def divides():
            return 1 / 0

        def unknown():
            return nowhere

        def no_attribute():
            return (1).nothing

        for f in missing, divides, unknown, no_attribute:
            try:
                f()
            except Exception:
                pass
        """,
        """
        <module> returned None
            missing raised KeyError
            divides raised ZeroDivisionError
            unknown raised NameError
            no_attribute raised AttributeError
        """,
    ),
    Case(
        "swallowed, re-raised, raised again bare, and replaced in a finally",
        """
        def fails():
            raise ValueError(1)

        def swallows():
            try:
                fails()
            except ValueError:
                pass

        def raises_again():
            try:
                fails()
            except ValueError:
                raise

        def raises_it():
            try:
                fails()
            except ValueError as error:
                raise error

        def replaces():
            try:
                fails()
            finally:
                raise KeyError(2)

        def returns_in_finally():
            try:
                fails()
            finally:
                return 3

        swallows()
        returns_in_finally()
        for f in raises_again, raises_it, replaces:
            try:
                f()
            except (ValueError, KeyError):
                pass
        """,
        """
        <module> returned None
            swallows returned None
                fails raised ValueError(1)
            returns_in_finally returned 3
                fails raised ValueError(1)
            raises_again raised ValueError(1)
                fails raised ValueError(1)
            raises_it raised ValueError(1)
                fails raised ValueError(1)
            replaces raised KeyError(2)
                fails raised ValueError(1)
        """,
        shows=("exceptions",),
    ),
    Case(
        "chained by `from`, by context, and by `from None`: each frame is left by what leaves it",
        """
        def low():
            raise OSError("low")

        def caused():
            try:
                low()
            except OSError as error:
                raise ValueError("caused") from error

        def in_context():
            try:
                low()
            except OSError:
                raise ValueError("in context")

        def hides():
            try:
                low()
            except OSError:
                raise ValueError("hides") from None

        for f in caused, in_context, hides:
            try:
                f()
            except ValueError:
                pass
        """,
        """
        <module> returned None
            caused raised ValueError('caused')
                low raised OSError('low')
            in_context raised ValueError('in context')
                low raised OSError('low')
            hides raised ValueError('hides')
                low raised OSError('low')
        """,
        shows=("exceptions",),
    ),
    Case(
        "a deep exception ends fifty activations, each by the same exception",
        """
        def down(n):
            if not n:
                raise LookupError("bottom")
            down(n - 1)

        try:
            down(49)
        except LookupError:
            pass
        """,
        "<module> returned None\n"
        + "".join("    " * depth + "down raised LookupError\n" for depth in range(1, 51)),
    ),
    Case(
        "an exception from a function that C called, through a C function in between",
        """
        def key(x):
            raise ValueError(x)

        def sorts():
            return sorted([1, 2], key=key)

        try:
            sorts()
        except ValueError:
            pass
        """,
        """
        <module> returned None
            sorts raised ValueError
                key raised ValueError
        """,
    ),
    Case(
        "context managers: __exit__ swallows, sees the exception, raises its own",
        """
        class Swallows:
            def __enter__(self):
                return 1

            def __exit__(self, kind, error, traceback):
                return True

        class Fails:
            def __enter__(self):
                raise OSError

            def __exit__(self, kind, error, traceback):
                pass

        class Replaces:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, traceback):
                raise KeyError

        def use(manager):
            with manager:
                raise ValueError

        use(Swallows())
        for manager in Fails(), Replaces():
            try:
                use(manager)
            except (OSError, KeyError):
                pass
        """,
        """
        <module> returned None
            Swallows returned None
            Fails returned None
            Replaces returned None
            use returned None
                Swallows.__enter__ returned 1
                Swallows.__exit__ returned True
            use raised OSError
                Fails.__enter__ raised OSError
            use raised KeyError
                Replaces.__enter__ returned <Replaces>
                Replaces.__exit__ raised KeyError
        """,
    ),
    Case(
        "a generator-based context manager (contextlib's frames are not the program's)",
        """
        import contextlib

        def cleanup():
            pass

        @contextlib.contextmanager
        def managed():
            try:
                yield 1
            finally:
                cleanup()

        def fails():
            with managed():
                raise ValueError

        def works():
            with managed() as one:
                return one

        works()
        try:
            fails()
        except ValueError:
            pass
        """,
        """
        <module> returned None
            works returned 1
                managed returned None
                    cleanup returned None
            fails raised ValueError
                managed raised ValueError
                    cleanup returned None
        """,
    ),
    Case(
        "sys.exit is an exception, and nothing more until it is not caught",
        """
        import sys

        def leaves():
            sys.exit(3)

        def catches():
            try:
                leaves()
            except SystemExit as end:
                return end.code

        catches()
        leaves()
        """,
        """
        <module> raised SystemExit
            catches returned 3
                leaves raised SystemExit
            leaves raised SystemExit
        """,
        raises="SystemExit",
    ),
    Case(
        "KeyboardInterrupt, raised and by a signal in the middle of a call",
        """
        import signal
        import time

        def interrupted():
            signal.raise_signal(signal.SIGINT)
            for _ in range(1000):
                pass
            return "not interrupted"

        def waits():
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            time.sleep(10)

        def stop(number, frame):
            raise KeyboardInterrupt

        try:
            interrupted()
        except KeyboardInterrupt:
            pass
        before = signal.signal(signal.SIGALRM, stop)
        try:
            waits()
        finally:
            signal.signal(signal.SIGALRM, before)
        """,
        """
        <module> raised KeyboardInterrupt
            interrupted raised KeyboardInterrupt
            waits raised KeyboardInterrupt
                stop raised KeyboardInterrupt
        """,
        raises="KeyboardInterrupt",
    ),
    Case(
        "an exception that leaves the program",
        """
        def fails():
            assert False, "no"

        fails()
        """,
        """
        <module> raised AssertionError
            fails raised AssertionError
        """,
        raises="AssertionError",
    ),
    Case(
        "an exception whose class, constructor and attributes are code",
        """
        class Meta(type):
            def __instancecheck__(cls, other):
                return True

            def __call__(cls, *args):
                return super().__call__(*args)

        class Odd(Exception, metaclass=Meta):
            def __init__(self, x):
                self.x = x

            def __str__(self):
                raise ValueError("never called")

        def fails():
            raise Odd(1)

        try:
            fails()
        except Odd:
            pass
        """,
        """
        <module> returned None
            Meta returned <cell>
            Odd returned None
            fails raised Odd
                Meta.__call__ returned <exception Odd>
                    Odd.__init__ returned None
        """,
    ),
    Case(
        "exception groups: split by except*, the rest goes on",
        """
        def fails():
            raise ExceptionGroup("two", [ValueError(1), KeyError(2)])

        def catches_one():
            try:
                fails()
            except* ValueError:
                pass

        try:
            catches_one()
        except ExceptionGroup:
            pass
        """,
        """
        <module> returned None
            catches_one raised ExceptionGroup
                fails raised ExceptionGroup
        """,
        since=(3, 11),
    ),
    Case(
        "one exception object raised twice, in two places",
        """
        error = ValueError("again")

        def first():
            raise error

        def second():
            raise error

        for f in first, second:
            try:
                f()
            except ValueError:
                pass
        """,
        """
        <module> returned None
            first raised ValueError
            second raised ValueError
        """,
    ),
]
