"""greenlet and gevent: stacks that are switched in one thread."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "greenlets that switch back and forth keep their own stacks",
        """
        import greenlet

        def work(x):
            return x

        def first():
            work("first 1")
            second_one.switch()
            work("first 2")
            second_one.switch()

        def second():
            work("second 1")
            first_one.switch()
            work("second 2")

        def main():
            first_one.switch()
            return work("main")

        first_one = greenlet.greenlet(first)
        second_one = greenlet.greenlet(second)
        main()
        """,
        """
        <module> returned None
            main returned 'main'
                work returned 'main'
        first raised greenlet.GreenletExit
            work returned 'first 1'
            work returned 'first 2'
        second returned None
            work returned 'second 1'
            work returned 'second 2'
        """,
        needs="greenlet",
        unlike="pypy [collected later]",
    ),
    Case(
        "a greenlet that is killed, one that fails, one that is abandoned",
        """
        import gc
        import greenlet

        def waits():
            greenlet.getcurrent().parent.switch()

        def fails():
            raise ValueError

        killed = greenlet.greenlet(waits)
        killed.switch()
        killed.throw()
        try:
            greenlet.greenlet(fails).switch()
        except ValueError:
            pass
        abandoned = greenlet.greenlet(waits)
        abandoned.switch()
        del abandoned
        gc.collect()
        """,
        """
        <module> returned None
        waits raised greenlet.GreenletExit
        fails raised ValueError
        waits raised greenlet.GreenletExit
        """,
        needs="greenlet",
        unlike="pypy [collected later]",
    ),
    Case(
        "generators stepped by several greenlets",
        """
        import greenlet

        def work(x):
            return x

        def numbers():
            for i in range(4):
                yield work(i)

        def takes(steps):
            next(steps)
            greenlet.getcurrent().parent.switch()
            next(steps)

        steps = numbers()
        one, two = greenlet.greenlet(takes), greenlet.greenlet(takes)
        one.switch(steps)
        two.switch(steps)
        one.switch()
        two.switch()
        """,
        """
        <module> returned None
        takes returned None
            numbers abandoned               # 3.13: cut off [end of a generator]
                work returned 0
                work returned 1
                work returned 2
                work returned 3
        takes returned None
        """,
        needs="greenlet",
        unlike="pypy [collected later]",
    ),
    Case(
        "gevent, imported in the middle of a trace: the calls of the greenlet that goes on waiting are right",
        """
        import gevent

        def work(x):
            return x

        def waits(x):
            work(x)
            gevent.sleep(0)
            return work(x)

        waits(1)
        """,
        """
        <module> returned None
            waits returned 1
                work returned 1
                work returned 1
        """,
        needs="gevent",
    ),
    Case(
        "gevent: greenlets that take turns at every sleep belong to the trace that spawned them",
        """
        import gevent

        def work(x):
            return x

        def job(name):
            work(name + " 1")
            gevent.sleep(0)
            return work(name + " 2")

        def spawns(*names):
            jobs = list(map(gevent.spawn, [job] * len(names), names))
            gevent.joinall(jobs)

        spawns("a", "b")
        """,
        """
        <module> returned None
            spawns returned None
        job returned 'a 2'
            work returned 'a 1'
            work returned 'a 2'
        job returned 'b 2'
            work returned 'b 1'
            work returned 'b 2'
        """,
        needs="gevent",
    ),
    Case(
        "gevent: a pool, a timeout, a kill",
        """
        import gevent
        import gevent.pool

        def work(x):
            gevent.sleep(0)
            return x

        def slow():
            gevent.sleep(60)

        pool = gevent.pool.Pool(2)
        pool.map(work, [1, 2])
        with gevent.Timeout(0.01, False):
            slow()
        job = gevent.spawn(slow)
        gevent.sleep(0)
        job.kill()
        """,
        """
        <module> returned None
            slow raised gevent.timeout.Timeout
        work returned 1
        work returned 2
        slow raised greenlet.GreenletExit
        """,
        needs="gevent",
    ),
]
