"""Threads, pools and context variables."""

from __future__ import annotations

from cases.case import Case

CASES = [
    Case(
        "a thread's calls are its own root, in the trace of the thread that started it",
        """
        import threading

        def work(x):
            return x

        def in_thread():
            return work(1)

        def starts():
            thread = threading.Thread(target=in_thread)
            thread.start()
            thread.join()

        starts()
        """,
        """
        <module> returned None
            starts returned None
        in_thread returned 1
            work returned 1
        """,
    ),
    Case(
        "threads that threads start, a subclass, a timer, one started raw",
        """
        import _thread
        import threading

        def work(x):
            return x

        class Mine(threading.Thread):
            def run(self):
                inner = threading.Thread(target=work, args=("inner",))
                inner.start()
                inner.join()

        def raw():
            work("raw")
            done.release()

        mine = Mine()
        mine.start()
        mine.join()
        timer = threading.Timer(0, work, ("timer",))
        timer.start()
        timer.join()
        done = _thread.allocate_lock()
        done.acquire()
        _thread.start_new_thread(raw, ())
        done.acquire()
        """,
        """
        <module> returned None
            Mine returned None
        Mine.run returned None
        work returned 'inner'
        work returned 'timer'
        """,
    ),
    Case(
        "a thread that fails, and one that leaves by sys.exit",
        """
        import sys
        import threading

        def fails():
            raise ValueError

        def leaves():
            sys.exit(3)

        before, threading.excepthook = threading.excepthook, lambda args: None
        for target in fails, leaves:
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        threading.excepthook = before
        """,
        """
        <module> returned None
        fails raised ValueError
        <lambda> returned None
        leaves raised SystemExit
        <lambda> returned None
        """,
    ),
    Case(
        "threading.local and locks: what runs in which thread",
        """
        import threading

        class Local(threading.local):
            def __init__(self):
                self.x = threading.current_thread() is threading.main_thread()

        def reads():
            return local.x

        local = Local()
        reads()
        thread = threading.Thread(target=reads)
        thread.start()
        thread.join()
        """,
        """
        <module> returned None
            Local returned None
            Local.__init__ returned None
            reads returned True
        reads returned False
            Local.__init__ returned None
        """,
    ),
    Case(
        "a thread pool: the worker serves the trace in which work was submitted",
        """
        from concurrent.futures import ThreadPoolExecutor

        def work(x):
            return inner(x)

        def inner(x):
            return x

        def fails():
            raise ValueError

        with ThreadPoolExecutor(1) as pool:
            pool.submit(work, 1).result()
            list(pool.map(inner, [2, 3]))
            pool.submit(fails).exception()
        """,
        """
        <module> returned None
        work returned 1
            inner returned 1
        inner returned 2
        inner returned 3
        fails raised ValueError
        """,
    ),
    Case(
        "a pool and a thread older than the trace: work submitted in it belongs to it, other work not",
        """
        def work(x):
            return x

        def untraced(x):
            return x

        POOL.submit(work, 1).result()
        POOL.submit(work, 2).result()
        WORKER.put(untraced)
        WORKER.join()
        """,
        """
        <module> returned None
        work returned 1
        work returned 2
        """,
    ),
    Case(
        "context variables: copied contexts run in the trace they were copied in, in any thread",
        """
        import contextvars
        import threading

        mark = contextvars.ContextVar("mark", default="none")

        def work():
            return mark.get()

        def sets(x):
            mark.set(x)
            return work()

        context = contextvars.copy_context()
        context.run(sets, "copied")
        work()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        """,
        """
        <module> returned None
            sets returned 'copied'
                work returned 'copied'
            work returned 'none'
        work returned 'copied'
        """,
    ),
    Case(
        "an empty context in a function of the trace: still called by it",
        """
        import contextvars

        def work():
            return 1

        def runs():
            return contextvars.Context().run(work)

        runs()
        """,
        """
        <module> returned None
            runs returned 1
        """,
    ),
    Case(
        "multiprocessing's thread pool",
        """
        from multiprocessing.pool import ThreadPool

        def work(x):
            return x

        with ThreadPool(1) as pool:
            pool.map(work, [1, 2])
        """,
        """
        <module> returned None
        work returned 1
        work returned 2
        """,
    ),
    Case(
        "a queue between threads: each consumer's calls are its own",
        """
        import queue
        import threading

        jobs = queue.Queue()

        def handle(job):
            return job

        def consumer():
            while (job := jobs.get()) is not None:
                handle(job)

        thread = threading.Thread(target=consumer)
        thread.start()
        for job in 1, 2, None:
            jobs.put(job)
        thread.join()
        """,
        """
        <module> returned None
        consumer returned None
            handle returned 1
            handle returned 2
        """,
    ),
    Case(
        "a hundred threads at once lose nothing",
        """
        import threading

        def work(x):
            return x

        def in_thread(n):
            work(n)

        def starts():
            threads = []
            for n in range(100):
                threads.append(threading.Thread(target=in_thread, args=(n,)))
                threads[-1].start()
            for thread in threads:
                thread.join()

        starts()
        """,
        "<module>() returned None\n    starts() returned None\n"
        + "".join(f"in_thread(n={n}) returned None\n    work(x={n}) returned {n}\n" for n in range(100)),
        shows=("arguments",),
        unlike="pypy [another interpreter]",
    ),
]
