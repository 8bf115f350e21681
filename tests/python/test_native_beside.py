"""Beside other tools: coverage.py, a debugger, cProfile, other users of sys.monitoring and of PEP 523.

Each works as without us, and we record all that we do without them. Where two tools want the one thing that
there is (a profile function, a frame evaluation function), the other one keeps it and standard error says so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import textwrap

import pytest
from activation_lines import HOOKS, drawn, expected, seen_by
from test_native_run import activations, command, environment, only_trace, outcome
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

HAS_MONITORING = sys.version_info >= (3, 12)

SHARED_HOOK = "monitoring" if HAS_MONITORING else "frame_eval"

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
        return [outer(2), sums[-1], catches(), asyncio.run(together())]

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


def under_us(folder, *words, hook=SHARED_HOOK, **options):
    return command("kolo-probe", "run", "--hook", hook, *words, folder=folder, **options)


def without_us(folder, *words, **options):
    options = {"capture_output": True, "timeout": 120, "env": environment(), **options}
    return subprocess.run([sys.executable, *words], cwd=folder, **options)


def check_recorded(folder, hook=SHARED_HOOK, lines=ACTIVATIONS):
    """All of program.py is in the trace; the tools' own scripts and prompts are of other files."""
    trace = only_trace(folder)
    assert trace["lost"] == 0
    found = [a for a in activations(folder, trace) if os.path.basename(a["path"]) == "program.py"]
    ids = {a["id"] for a in found}
    found = [a if a["parent_id"] in ids else {**a, "parent_id": None} for a in found]
    assert drawn(found, hook) == seen_by(hook, expected(lines))


# --- tools that people use ------------------------------------------------------------------------


def coverage_lines(folder):
    done = without_us(folder, "-m", "coverage", "json", "-q", "-o", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = json.loads(done.stdout)["files"].values()
    return file["executed_lines"], file["missing_lines"]


def coverage_cores():
    """The cores of coverage.py that work here: its C tracer where it was compiled for this Python, sysmon."""
    cores = ["ctrace"] if importlib.util.find_spec("coverage.tracer") else ["pytrace"]
    return [*cores, "sysmon"] if HAS_MONITORING else cores


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("core", coverage_cores())
def test_coverage_finds_the_same_lines(tmp_path, core, hook):
    script(tmp_path, PROGRAM)
    env = environment(COVERAGE_CORE=core)
    words = ["-m", "coverage", "run", "--include=*/program.py", "program.py"]
    plain = without_us(tmp_path, *words, env=env)
    lines = coverage_lines(tmp_path)
    assert plain.returncode == 0
    assert len(lines[0]) > 25
    beside = under_us(tmp_path, *words, env=env, hook=hook)
    assert (beside.returncode, beside.stdout, beside.stderr) == (0, plain.stdout, plain.stderr)
    assert coverage_lines(tmp_path) == lines
    check_recorded(tmp_path, hook)


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


def test_cprofile_counts_the_same_calls(tmp_path):
    script(tmp_path, PROGRAM)
    (tmp_path / "profiles.py").write_text(textwrap.dedent(PROFILES))
    plain = without_us(tmp_path, "profiles.py")
    assert b"'inner') 2 2" in plain.stdout
    beside = under_us(tmp_path, "profiles.py")
    assert outcome(beside) == outcome(plain)
    check_recorded(tmp_path, lines=MODULE + MAIN + MAIN)


PDB_COMMANDS = b"""
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


@pytest.mark.parametrize("hook", HOOKS)
def test_a_debugger_stops_at_the_same_places(tmp_path, hook):
    script(tmp_path, PROGRAM)
    plain = without_us(tmp_path, "-m", "pdb", "program.py", input=PDB_COMMANDS)
    beside = under_us(tmp_path, "-m", "pdb", "program.py", input=PDB_COMMANDS, hook=hook)
    assert plain.stdout.count(b"(Pdb)") > 10
    assert outcome(beside) == outcome(plain)
    check_recorded(tmp_path, hook, ACTIVATIONS + RESTARTED)


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


def test_all_of_them_at_once(tmp_path):
    """coverage.py has the trace function before 3.12, so that the debugger joins in where it has sysmon."""
    script(tmp_path, PROGRAM)
    (tmp_path / "tools.py").write_text(textwrap.dedent(ALL_AT_ONCE))
    core = "sysmon" if HAS_MONITORING else coverage_cores()[0]
    env = environment(COVERAGE_CORE=core)
    plain = without_us(tmp_path, "tools.py", core, env=env)
    beside = under_us(tmp_path, "tools.py", core, env=env)
    assert plain.stderr == b""
    assert (beside.returncode, beside.stdout, beside.stderr) == (0, plain.stdout, b"")
    assert plain.stdout.endswith(b"\n[]\n") != HAS_MONITORING
    check_recorded(tmp_path)


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

needs_monitoring = pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring came with 3.12")


@needs_monitoring
def test_another_tool_may_restart_events_at_any_time(tmp_path):
    script(tmp_path, PROGRAM)
    (tmp_path / "restarts.py").write_text(textwrap.dedent(RESTARTS))
    done = under_us(tmp_path, "restarts.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[3, 3, 'caught', [1, 2]]\n", b"")
    check_recorded(tmp_path)


def run_here(folder, program, config=""):
    """Runs a program that calls `enable` itself and connects to no collector."""
    (folder / "pyproject.toml").write_text(f"[tool.kolo]\ncollector = 'off'\n{config}")
    script(folder, program)
    done = without_us(folder, "program.py")
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


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


@needs_monitoring
@pytest.mark.parametrize(
    ("taken", "used", "hook"),
    [((), 4, "monitoring"), ((4,), 3, "monitoring"), ((3,), 4, "monitoring"), ((3, 4), None, "profile")],
)
def test_takes_tool_id_4_then_3_and_never_another_tools(tmp_path, taken, used, hook):
    code, lines, errors = run_here(tmp_path, TOOL_IDS.replace("{taken}", repr(taken)))
    others = ["other" if tool in taken else None for tool in range(6)]
    ours = ["kolo_probe" if tool == used else name for tool, name in enumerate(others)]
    assert (code, lines) == (0, [repr(ours), f"{hook} True", repr(others)])
    said = "the slower profile hook is" in errors
    assert said == (hook == "profile")
    assert errors.count("\n") == said


# --- other frame evaluation functions (PEP 523) ---------------------------------------------------

has_frame_eval = pytest.mark.skipif(HAS_MONITORING, reason="frame evaluation is the hook of 3.9 to 3.11")


@pytest.fixture(scope="session")
def other_frame_eval(tmp_path_factory):
    """The folder of the module other_frame_eval, compiled for this Python."""
    folder = tmp_path_factory.mktemp("other")
    source = os.path.join(os.path.dirname(__file__), "other_frame_eval.c")
    target = folder / f"other_frame_eval{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = f"-I{sysconfig.get_path('include')}"
    env = environment()
    env.pop("LD_PRELOAD", None)  # a sanitizer's library is not for the compiler
    subprocess.run(["g++", "-xc", "-shared", "-fPIC", include, source, "-o", target], check=True, env=env)
    return folder


BESIDE_FRAME_EVAL = """
    import sys
    sys.path.insert(0, {folder!r})
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


def beside_frame_eval(tmp_path, folder, scenario):
    text = textwrap.dedent(BESIDE_FRAME_EVAL).replace("{scenario}", textwrap.dedent(scenario).strip())
    return run_here(tmp_path, text.replace("{folder!r}", repr(str(folder))))


@has_frame_eval
@pytest.mark.parametrize("is_chained", [True, False])
def test_a_frame_evaluation_function_before_ours_is_called_and_given_back(
    tmp_path, other_frame_eval, is_chained
):
    scenario = BEFORE.format(is_chained=is_chained)
    code, lines, errors = beside_frame_eval(tmp_path, other_frame_eval, scenario)
    assert (code, errors) == (0, "")
    assert lines == ["other", "6 True", "shut down ours", "restored default 0"]


@has_frame_eval
def test_a_later_one_that_calls_ours_changes_nothing(tmp_path, other_frame_eval):
    scenario = LATER.format(is_chained=True)
    code, lines, errors = beside_frame_eval(tmp_path, other_frame_eval, scenario)
    assert (code, errors) == (0, "")
    # Ours is what was there before theirs: restoring it after we have ended does no harm.
    assert lines == ["other", "ours", "20 True", "shut down ours", "restored other 0"]


@has_frame_eval
def test_a_later_one_that_does_not_call_ours_is_noticed_and_left(tmp_path, other_frame_eval):
    scenario = LATER.format(is_chained=False)
    code, lines, errors = beside_frame_eval(tmp_path, other_frame_eval, scenario)
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


def test_a_profiler_that_was_there_before_is_left_alone_and_said_once(tmp_path):
    code, lines, errors = run_here(tmp_path, LEFT_ALONE, "hook = 'profile'\n")
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


def test_a_profiler_that_takes_the_place_of_ours_is_noticed_and_the_lost_ends_are_counted(tmp_path):
    code, lines, errors = run_here(tmp_path, REPLACED, "hook = 'profile'\n")
    # f begins and ends; outer and profiles begin, and their ends are lost. The next trace has the hook again.
    seen = "['f call', 'f return']"
    assert (code, lines) == (
        0,
        [seen, "6 {'hook_replaced': 2}", seen, "12 {'hook_replaced': 4}"],
    )
    assert errors.count("\n") == 1
    assert "took the profile hook's place" in errors


def test_what_was_recorded_until_then_is_stored(tmp_path):
    script(tmp_path, REPLACED)
    done = under_us(tmp_path, "program.py", hook="profile")
    assert done.returncode == 0
    assert done.stderr.count(b"took the profile hook's place") == 1
    trace = only_trace(tmp_path)
    # <module>, trace, outer and profiles still ran when the hook was gone.
    assert (trace["activations"], trace["lost"]) == (5, 4)
    outcomes = {a["qualname"].partition(".")[2]: a["outcome"] for a in activations(tmp_path, trace)}
    assert outcomes.pop("f") == "returned"
    assert set(outcomes.values()) == {"abandoned"}
