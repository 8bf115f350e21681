"""Beside other tools: coverage.py, a debugger, cProfile, other users of sys.monitoring and of PEP 523.

Each works as without us, and we record all that we do without them. Where two tools want the one thing that
there is (a profile function, a frame evaluation function), the other one keeps it and standard error says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap

import pytest
from arms import TIMEOUT_S, Arm, Python, arms, has, pythons, shown_trace, traces
from drawing import drawn, expected, with_known_names
from other_tools import compile_other_frame_eval

pytestmark = pytest.mark.usefixtures("installed")

WITH_MONITORING = [python for python in pythons() if python.version >= (3, 12)]
WITH_FRAME_EVAL = [python for python in pythons() if python.version < (3, 12)]

PROGRAM = """
    import asyncio

    def inner(a):
        return a + 1

    def outer(n):
        total = 0
        for i in range(n):
            total += inner(i)
        return total

    def numbers(n):
        for i in range(n):
            yield i

    def fails():
        raise ValueError("no")

    def catches():
        try:
            fails()
        except ValueError:
            return "caught"

    class Counter:
        def __init__(self):
            self.n = 0

        def add(self, k):
            self.n += k
            return self.n

    async def step(i):
        await asyncio.sleep(0)
        return i

    async def together():
        return await asyncio.gather(step(1), step(2))

    def work():
        sums = list(map(Counter().add, numbers(3)))
        return [outer(2), sums[-1], catches(), asyncio.run(together(), debug=False)]

    def main():
        print(work())

    if __name__ == "__main__":
        main()
"""

MODULE = """
    <module> returned None
        Counter returned None
"""
MAIN = """
    main returned None
        work returned [3, 3, 'caught', [1, 2]]
            Counter.__init__ returned None
            numbers returned None
            Counter.add returned 0
            Counter.add returned 1
            Counter.add returned 3
            outer returned 3
                inner returned 1
                inner returned 2
            catches returned 'caught'
                fails raised ValueError
            together returned [1, 2]
            step returned 1
            step returned 2
"""
ACTIVATIONS = MODULE + textwrap.indent(MAIN, "    ")


def without_us(python: Python, folder, *words, stdin="", **environment):
    return subprocess.run(
        [python.path, *words], cwd=folder, env=python.environment(KOLO_PATH=str(folder), **environment),
        input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip


def under_us(arm: Arm, folder, *words, **options):
    words = ("-m", "kolo_probe", "run", "--hook", arm.hook, *words)
    return without_us(arm.python, folder, *words, **options)


def said(done):
    """All that a program gave, with the addresses of objects taken out."""
    out, err = (re.sub("0x[0-9a-f]+", "0x…", stream) for stream in (done.stdout, done.stderr))
    return done.returncode, out, err


def check_recorded(arm: Arm, folder, gives=ACTIVATIONS):
    """All of program.py is in the trace; the tools' own scripts and prompts are of other files."""
    (trace,) = traces(folder)
    assert trace["lost"] == 0
    shown = shown_trace(folder, trace["id"])["activations"]
    found = [a for a in shown if os.path.basename(a["path"]) == "program.py"]
    ids = {a["id"] for a in found}
    # Before 3.11 the qualified name of a class body cannot be known: its plain one stands there.
    found = [
        {**a, "parent_id": a["parent_id"] if a["parent_id"] in ids else None,
         "qualname": a["qualname"].partition(".")[2] or a["qualname"]}
        for a in found
    ]  # fmt: skip
    lines = drawn(found, ())
    assert lines == with_known_names(expected(gives, arm.place), lines, arm.place)


def shared(python: Python) -> Arm:
    """With the hook that leaves the profile function to others."""
    return Arm(python, python.hooks[0])


def script(folder, text, name="program.py"):
    (folder / name).write_text(textwrap.dedent(text))


@pytest.fixture(params=arms(), ids=str)
def arm(request) -> Arm:
    return request.param


@pytest.fixture(params=pythons(), ids=str)
def python(request) -> Python:
    return request.param


# --- tools that people use ------------------------------------------------------------------------


def coverage_cores(python: Python) -> list[str]:
    return ["ctrace", "sysmon"] if python in WITH_MONITORING else ["ctrace"]


def coverage_lines(python, folder):
    done = without_us(python, folder, "-m", "coverage", "json", "-q", "-o", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = json.loads(done.stdout)["files"].values()
    return file["executed_lines"], file["missing_lines"]


def needs_coverage(python: Python) -> None:
    if not has(python, "coverage.tracer"):
        pytest.skip("coverage.py with its C tracer could not be installed for this Python")


def test_coverage_finds_the_same_lines(tmp_path, arm):
    needs_coverage(arm.python)
    script(tmp_path, PROGRAM)
    words = ["-m", "coverage", "run", "--include=*/program.py", "program.py"]
    for core in coverage_cores(arm.python):
        plain = without_us(arm.python, tmp_path, *words, COVERAGE_CORE=core)
        lines = coverage_lines(arm.python, tmp_path)
        assert (plain.returncode, plain.stderr) == (0, "")
        assert len(lines[0]) > 25
        folder = tmp_path / core
        folder.mkdir()
        script(folder, PROGRAM)
        assert said(under_us(arm, folder, *words, COVERAGE_CORE=core)) == said(plain)
        assert coverage_lines(arm.python, folder) == lines
        check_recorded(arm, folder)


# What is imported before decides what an import calls, so that only the program's own work is profiled.
PROFILES = """
    import cProfile, pstats, runpy

    main = runpy.run_path("program.py")["main"]
    main()
    profile = cProfile.Profile()
    profile.runcall(main)
    for function, (calls, primitive, *_) in sorted(pstats.Stats(profile).stats.items()):
        print(function, calls, primitive)
"""


def test_cprofile_counts_the_same_calls(tmp_path, python):
    script(tmp_path, PROGRAM)
    script(tmp_path, PROFILES, "profiles.py")
    plain = without_us(python, tmp_path, "profiles.py")
    assert "'inner') 2 2" in plain.stdout
    assert said(under_us(shared(python), tmp_path, "profiles.py")) == said(plain)
    check_recorded(shared(python), tmp_path, MODULE + MAIN + MAIN)


PDB_COMMANDS = """
b inner
b fails
c
p a
w
n
s
r
c
u
p sorted(locals())
c
q
"""
# Having come to the end it starts the program again, and is told to quit then.
RESTARTED = "    <module> raised bdb.BdbQuit\n"


def test_a_debugger_stops_at_the_same_places(tmp_path, arm):
    script(tmp_path, PROGRAM)
    words = ["-m", "pdb", "program.py"]
    plain = without_us(arm.python, tmp_path, *words, stdin=PDB_COMMANDS)
    assert plain.stdout.count("-> ") > 10
    assert said(under_us(arm, tmp_path, *words, stdin=PDB_COMMANDS)) == said(plain)
    check_recorded(arm, tmp_path, ACTIVATIONS + RESTARTED)


# A debugger's trace function, coverage.py and cProfile, none of which takes another's place.
ALL_AT_ONCE = """
    import bdb, cProfile, pstats, runpy, sys
    import coverage

    class Lines(bdb.Bdb):
        seen = []
        def user_line(self, frame):
            if frame.f_code.co_filename.endswith("program.py"):
                self.seen.append((frame.f_code.co_name, frame.f_lineno))
            self.set_step()

    lines, profile = Lines(), cProfile.Profile()
    cov = coverage.Coverage(data_file=None, config_file=False, include="*/program.py")
    cov.start()
    profile.enable()
    if "sysmon" in sys.argv:
        lines.run("runpy.run_path('program.py', run_name='__main__')")
    else:
        runpy.run_path("program.py", run_name="__main__")
    profile.disable()
    cov.stop()
    (file,) = cov.get_data().measured_files()
    print(sorted(cov.get_data().lines(file)))
    print(sorted((k[2], v[:2]) for k, v in pstats.Stats(profile).stats.items() if "program.py" in k[0]))
    print(lines.seen)
"""


def test_all_of_them_at_once(tmp_path, python):
    """coverage.py has the trace function before 3.12, so that the debugger joins in where it has sysmon."""
    needs_coverage(python)
    script(tmp_path, PROGRAM)
    script(tmp_path, ALL_AT_ONCE, "tools.py")
    core = coverage_cores(python)[-1]
    plain = without_us(python, tmp_path, "tools.py", core, COVERAGE_CORE=core)
    assert plain.stderr == ""
    assert plain.stdout.endswith("\n[]\n") == (core == "ctrace")
    beside = under_us(shared(python), tmp_path, "tools.py", core, COVERAGE_CORE=core)
    assert said(beside) == said(plain)
    check_recorded(shared(python), tmp_path)


# --- other users of sys.monitoring ----------------------------------------------------------------

RESTARTS = """
    import runpy, sys, threading
    monitoring = sys.monitoring
    monitoring.use_tool_id(0, "other")

    def restart(code, offset):
        restarts.append(1)
        monitoring.restart_events()

    restarts = []
    monitoring.register_callback(0, monitoring.events.PY_START, restart)
    monitoring.register_callback(0, monitoring.events.PY_RETURN, lambda *_: monitoring.restart_events())
    monitoring.set_events(0, monitoring.events.PY_START | monitoring.events.PY_RETURN)
    done = threading.Event()

    def again_and_again():
        while not done.wait(0.0001):
            monitoring.restart_events()

    thread = threading.Thread(target=again_and_again)
    thread.start()
    runpy.run_path("program.py", run_name="__main__")
    done.set()
    thread.join()
    assert len(restarts) > 30
"""


@pytest.mark.parametrize("python", WITH_MONITORING, ids=str)
def test_another_tool_may_restart_events_at_any_time(tmp_path, python):
    script(tmp_path, PROGRAM)
    script(tmp_path, RESTARTS, "restarts.py")
    done = under_us(shared(python), tmp_path, "restarts.py")
    assert said(done) == (0, "[3, 3, 'caught', [1, 2]]\n", "")
    check_recorded(shared(python), tmp_path)


# C code's own events: they come from no frame, and what stands where a code does may be any object.
C_EVENTS = """
    import sys
    import _testcapi as c
    import kolo_probe
    from kolo_probe import _probe

    def f():
        return 1

    codelike = c.CodeLike(2)
    events = sys.monitoring.events

    def fires():
        for event, fire, *more in (
            (events.PY_START, c.fire_event_py_start), (events.PY_RESUME, c.fire_event_py_resume),
            (events.PY_YIELD, c.fire_event_py_yield, 1), (events.PY_RETURN, c.fire_event_py_return, 2),
            (events.PY_THROW, c.fire_event_py_throw, ValueError()),
            (events.PY_UNWIND, c.fire_event_py_unwind, ValueError()),
        ):
            c.monitoring_enter_scope(codelike, event)
            try:
                fire(codelike, 0, *more)
            except ValueError:
                pass
            c.monitoring_exit_scope()
            f()

    with kolo_probe.enable():
        fires()
    print(_probe.status()["hook"], _probe.status()["emitted"])
"""


@pytest.mark.parametrize("python", [p for p in WITH_MONITORING if p.version >= (3, 13)], ids=str)
def test_events_that_c_code_fires_itself_are_no_calls_of_ours(tmp_path, python):
    if not has(python, "_testcapi"):
        pytest.skip("this Python has no _testcapi")
    code, lines, errors = run_here(python, tmp_path, C_EVENTS)
    assert (code, lines, errors) == (0, ["monitoring 14"], "")


def run_here(python, folder, program, config=""):
    """Runs a program that calls `enable` itself and connects to no collector."""
    (folder / "pyproject.toml").write_text(f"[tool.kolo]\ncollector = 'off'\n{config}")
    script(folder, program)
    done = without_us(python, folder, "program.py")
    return done.returncode, done.stdout.splitlines(), done.stderr


TOOL_IDS = """
    import sys
    import kolo_probe
    from kolo_probe import _probe

    for tool in {taken}:
        sys.monitoring.use_tool_id(tool, "other")

    def f():
        return 1

    with kolo_probe.enable():
        f()
        print([sys.monitoring.get_tool(tool) for tool in range(6)])
        print(_probe.status()["hook"], _probe.status()["emitted"] > 0)
    _probe.shutdown(0)
    print([sys.monitoring.get_tool(tool) for tool in range(6)])
"""


@pytest.mark.parametrize("python", WITH_MONITORING, ids=str)
@pytest.mark.parametrize(
    ("taken", "used", "hook"),
    [((), 4, "monitoring"), ((4,), 3, "monitoring"), ((3,), 4, "monitoring"), ((3, 4), None, "profile")],
)
def test_takes_tool_id_4_then_3_and_never_another_tools(tmp_path, python, taken, used, hook):
    code, lines, errors = run_here(python, tmp_path, TOOL_IDS.replace("{taken}", repr(taken)))
    others = ["other" if tool in taken else None for tool in range(6)]
    ours = ["kolo_probe" if tool == used else name for tool, name in enumerate(others)]
    assert (code, lines) == (0, [repr(ours), f"{hook} True", repr(others)])
    said = "the slower profile hook is" in errors
    assert said == (hook == "profile")
    assert errors.count("\n") == said


# --- other frame evaluation functions (PEP 523) ---------------------------------------------------


BESIDE_FRAME_EVAL = """
    import other_frame_eval as other
    import kolo_probe
    from kolo_probe import _probe

    def f(n):
        return n and f(n - 1)

    def emitted():
        return _probe.status()["emitted"]

    def replace_in_the_middle(is_chained):
        f(2)
        other.set(is_chained)
        f(2)

    {scenario}
    _probe.shutdown(0)
    print("shut down", other.current())
    other.restore()
    print("restored", other.current(), f(3))
"""

BEFORE = """
    other.set({is_chained})
    with kolo_probe.enable():
        print(other.current())
        f(2)
    print(emitted(), other.seen() > 3)
"""

LATER = """
    with kolo_probe.enable():
        print(other.current())
        replace_in_the_middle({is_chained})
        print(other.current())
    with kolo_probe.enable():
        f(2)
    print(emitted(), other.seen() > 3)
"""


def beside_frame_eval(python, folder, scenario, is_chained):
    compile_other_frame_eval(python, folder)
    scenario = textwrap.dedent(scenario).strip().format(is_chained=is_chained)
    return run_here(python, folder, textwrap.dedent(BESIDE_FRAME_EVAL).replace("{scenario}", scenario))


@pytest.mark.parametrize("python", WITH_FRAME_EVAL, ids=str)
@pytest.mark.parametrize("is_chained", [True, False])
def test_a_frame_evaluation_function_before_ours_is_called_and_given_back(tmp_path, python, is_chained):
    code, lines, errors = beside_frame_eval(python, tmp_path, BEFORE, is_chained)
    assert (code, errors) == (0, "")
    assert lines == ["other", "6 True", "shut down ours", "restored default 0"]


@pytest.mark.parametrize("python", WITH_FRAME_EVAL, ids=str)
def test_a_later_one_that_calls_ours_changes_nothing(tmp_path, python):
    code, lines, errors = beside_frame_eval(python, tmp_path, LATER, is_chained=True)
    assert (code, errors) == (0, "")
    # Ours is what was there before theirs: restoring it after we have ended does no harm.
    assert lines == ["other", "ours", "20 True", "shut down ours", "restored other 0"]


@pytest.mark.parametrize("python", WITH_FRAME_EVAL, ids=str)
def test_a_later_one_that_does_not_call_ours_is_noticed_and_left(tmp_path, python):
    code, lines, errors = beside_frame_eval(python, tmp_path, LATER, is_chained=False)
    assert code == 0
    assert errors.count("\n") == 1
    assert "another tool set a frame evaluation function" in errors
    # The three calls before, and the one that runs meanwhile: each start has its end.
    assert lines == ["other", "ours", "8 True", "shut down ours", "restored other 0"]


# --- other profilers, where ours is one -----------------------------------------------------------

LEFT_ALONE = """
    import sys
    import kolo_probe
    from kolo_probe import _probe

    def f():
        return 1

    seen = []
    def theirs(frame, event, argument):
        if frame.f_code.co_name == "f":
            seen.append(event)

    sys.setprofile(theirs)
    for _ in range(2):
        with kolo_probe.enable():
            f()
    print(sys.getprofile() is theirs, seen, _probe.status()["emitted"])
    sys.setprofile(None)
    with kolo_probe.enable():
        f()
    print(_probe.status()["emitted"])
"""


def test_a_profiler_that_was_there_before_is_left_alone_and_said_once(tmp_path, python):
    code, lines, errors = run_here(python, tmp_path, LEFT_ALONE, "hook = 'profile'\n")
    assert (code, lines) == (0, ["True ['call', 'return', 'call', 'return'] 0", "2"])
    assert errors.count("\n") == 1
    assert "is left alone" in errors


REPLACED = """
    import sys
    import kolo_probe
    from kolo_probe import _probe

    def f():
        return 1

    def profiles():
        seen = []
        sys.setprofile(lambda frame, event, argument: seen.append(frame.f_code.co_name + " " + event))
        f()
        sys.setprofile(None)
        return seen

    def outer():
        return profiles()

    def trace():
        with kolo_probe.enable():
            f()
            print([event for event in outer() if event.startswith("f ")])
        print(_probe.status()["emitted"], _probe.status()["lost"])

    trace()
    trace()
"""


def test_a_profiler_that_takes_the_place_of_ours_is_noticed_and_the_lost_ends_are_counted(tmp_path, python):
    code, lines, errors = run_here(python, tmp_path, REPLACED, "hook = 'profile'\n")
    # f begins and ends; outer and profiles begin, and their ends are lost. The next trace has the hook again.
    seen = "['f call', 'f return']"
    assert (code, lines) == (
        0,
        [seen, "6 {'hook_replaced': 2}", seen, "12 {'hook_replaced': 4}"],
    )
    assert errors.count("\n") == 1
    assert "took the profile hook's place" in errors


def test_what_was_recorded_until_then_is_stored(tmp_path, python):
    script(tmp_path, REPLACED)
    done = under_us(Arm(python, "profile"), tmp_path, "program.py")
    assert done.returncode == 0
    assert done.stderr.count("took the profile hook's place") == 1
    (trace,) = traces(tmp_path)
    # <module>, trace, outer and profiles still ran when the hook was gone.
    assert (trace["activations"], trace["lost"]) == (5, 4)
    shown = shown_trace(tmp_path, trace["id"])["activations"]
    outcomes = {a["qualname"].partition(".")[2]: a["outcome"] for a in shown}
    assert outcomes.pop("f") == "returned"
    assert set(outcomes.values()) == {"abandoned"}
