"""Programs that need a process of their own: how they end, and what processes they start."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessCase:
    """`program` runs under `kolo-probe run` and ends with `exit_code`, standard error matching `stderr`.

    `gives` are the traces that are stored, in the order in which they began, each under its kind, name and
    status; its activations as in case.py.
    """

    name: str
    program: str
    gives: str
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    since: tuple[int, int] = (3, 9)
    unlike: str = ""  # as in case.py

    @property
    def source(self) -> str:
        return textwrap.dedent(self.program)


CASES = [
    ProcessCase(
        "main ends before its threads and its exit functions",
        """
        import atexit
        import threading

        def work(x):
            return x

        def late():
            main_ended.wait()
            work("thread")

        def at_exit():
            work("exit")

        main_ended = threading.Event()
        atexit.register(at_exit)
        threading.Thread(target=late).start()
        # The last thing that the main thread does before it waits for others.
        threading._shutdown, shutdown = lambda: (main_ended.set(), shutdown()), threading._shutdown
        """,
        """
        script complete
            <module> returned None
            <lambda> returned (None, None)
            at_exit returned None
                work returned 'exit'
            late returned None
                work returned 'thread'
        """,
        unlike="pypy [another interpreter]",
    ),
    ProcessCase(
        "daemon threads that are cut off by the end of the interpreter",
        """
        import threading
        import time

        def waits():
            begun.release()
            time.sleep(60)

        def computes():
            begun.release()
            while True:
                pass

        begun = threading.Semaphore(0)
        for target in waits, computes:
            threading.Thread(target=target, daemon=True).start()
            begun.acquire()
        """,
        """
        script complete
            <module> returned None
            waits cut off
            computes cut off
        """,
        unlike="pypy [another interpreter]",
    ),
    ProcessCase(
        "daemon threads that call on while the interpreter goes down",
        """
        import threading

        def step():
            pass

        def calls():
            begun.release()
            while True:
                step()

        def generates():
            begun.release()
            while True:
                yield step()

        def takes():
            for _ in generates():
                pass

        begun = threading.Semaphore(0)
        for target in calls, takes:
            threading.Thread(target=target, daemon=True).start()
            begun.acquire()
        """,
        """
        script complete
            <module> returned None
            calls cut off
                step …
            takes cut off
                generates cut off
                    step …
        """,
        unlike="pypy [another interpreter]",
    ),
    ProcessCase(
        "generators and coroutines that are left at the end",
        """
        def cleanup():
            print("cleaned up")

        def numbers():
            try:
                yield 1
            finally:
                cleanup()

        async def waits():
            pass

        steps = numbers()
        next(steps)
        """,
        """
        script complete
            <module> returned None
                numbers cut off
        """,
        stdout="cleaned up\n",
        unlike="pypy [collected later]",
    ),
    ProcessCase(
        "sys.exit in a function",
        """
        import sys

        def leaves():
            sys.exit(3)

        leaves()
        """,
        """
        script complete
            <module> raised SystemExit
                leaves raised SystemExit
        """,
        exit_code=3,
    ),
    ProcessCase(
        "an exception that nobody catches",
        """
        def fails():
            raise ValueError("no")

        fails()
        """,
        """
        script complete
            <module> raised ValueError
                fails raised ValueError
        """,
        exit_code=1,
        stderr=r"Traceback .*ValueError: no\n",
    ),
    ProcessCase(
        "Ctrl-C",
        """
        import os
        import signal
        import time

        def waits():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)

        waits()
        """,
        """
        script complete
            <module> raised KeyboardInterrupt
                waits raised KeyboardInterrupt
        """,
        exit_code=-2,
        stderr=r"Traceback .*KeyboardInterrupt\n",
        unlike="pypy [another interpreter]",
    ),
    ProcessCase(
        "os._exit: what was running has no end",
        """
        import os

        def leaves():
            os._exit(5)

        leaves()
        """,
        """
        script crashed
            <module> open
                leaves open
        """,
        exit_code=5,
        unlike="pure or pypy [no arena]",
    ),
    ProcessCase(
        "a subprocess is no part of the trace",
        """
        import subprocess
        import sys

        def runs(*words):
            return subprocess.run(words, capture_output=True).stdout

        def out(text):
            return text.strip() == b"3"

        out(runs(sys.executable, "-c", "def f(): return 3\\nprint(f())"))
        """,
        """
        script complete
            <module> returned None
                runs returned <bytes>
                out returned True
        """,
    ),
    ProcessCase(
        "multiprocessing: functions that children trace themselves",
        """
        import multiprocessing
        import sys
        import kolo_probe

        def step(n):
            return n + 1

        @kolo_probe.enable
        def job(n):
            return step(n)

        def main():
            results = []
            for method in "fork", "spawn", "forkserver":
                context = multiprocessing.get_context(method)
                with context.Pool(1) as pool:
                    results.append(pool.apply(job, (1,)))
                    pool.close()
                    pool.join()
            return results

        if __name__ == "__main__":
            print(main())
        """,
        """
        script complete
            <module> returned None
                main returned [2, 2, 2]
        fork complete
            job returned 2
                step returned 2
        block complete
            job returned 2
                step returned 2
        block complete
            job returned 2
                step returned 2
        """,
        stdout="[2, 2, 2]\n",
    ),
    ProcessCase(
        "os.fork inside a trace: the child goes on in one of its own",
        """
        import os

        def work(x):
            return x

        def forks():
            global child
            child = os.fork()
            work("child" if child == 0 else "parent")

        forks()
        if child == 0:
            work("child again")
            os._exit(0)
        os.waitpid(child, 0)
        """,
        """
        script complete
            <module> returned None
                forks returned None
                    work returned 'parent'
        fork complete
            work returned 'child'
            work returned 'child again'
        """,
    ),
    ProcessCase(
        "a fork while generators are suspended: the parent's activations end in the parent",
        """
        import os
        import sys

        def work(x):
            return x

        def numbers():
            yield work(1)
            yield work(2)

        steps = numbers()
        next(steps)
        child = os.fork()
        next(steps)
        if child == 0:
            list(numbers())
            sys.exit(0)
        os.waitpid(child, 0)
        next(steps, None)
        """,
        """
        script complete
            <module> returned None
                numbers returned None
                    work returned 1
                    work returned 2
        fork complete
            work returned 2
            numbers returned None
                work returned 1
                work returned 2
        """,
    ),
    ProcessCase(
        "a process pool executor",
        """
        from concurrent.futures import ProcessPoolExecutor
        import multiprocessing
        import kolo_probe

        def step(n):
            return n + 1

        @kolo_probe.enable(name="job")
        def job(n):
            return step(n)

        if __name__ == "__main__":
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                print(list(pool.map(job, [1])))
        """,
        """
        script complete
            <module> returned None
        block complete
            job returned 2
                step returned 2
        """,
        stdout="[2]\n",
        unlike="pypy [another interpreter]",
    ),
]
