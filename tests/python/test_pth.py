"""`KOLO_PROBE=1 python …`: any Python process of the environment is traced whole, as the program it is.

The installed package, its .pth file, the real native module and a real collector.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import textwrap

import pytest
from test_native_run import activations, command, environment, only_trace, outcome, traces
from test_run import PROGRAMS, script

pytestmark = pytest.mark.usefixtures("installed")

PROGRAM = "def work(n): return n\nprint(work(3))\n"


@pytest.fixture(autouse=True)
def _pth_is_installed(installed):
    path = os.path.join(sysconfig.get_path("purelib"), "kolo_probe.pth")
    assert os.path.exists(path), f"{path} is not there: the package was installed without it"


def python(folder, *words, probe="1", executable=sys.executable, stdin="", **more):
    """What a process with KOLO_PROBE in its environment ended with."""
    return subprocess.run(
        [executable, *words],
        cwd=folder,
        env=environment(**({} if probe is None else {"KOLO_PROBE": probe}), **more),
        input=stdin.encode(),
        capture_output=True,
        timeout=120,
    )


def functions(folder, trace):
    return [a["qualname"].rpartition(".")[2] for a in activations(folder, trace)]


def test_a_script_is_a_trace_of_its_own_name_that_is_stored_when_it_has_ended(tmp_path):
    script(tmp_path, PROGRAM)
    assert outcome(python(tmp_path, "program.py", "--password", "hunter2")) == (0, "3\n", "")
    trace = only_trace(tmp_path)
    assert (trace["name"], trace["kind"], trace["status"]) == ("program.py", "script", "complete")
    assert trace["argv"] == ["program.py", "--password", "[redacted]"]
    assert functions(tmp_path, trace) == ["<module>", "work"]


@pytest.mark.parametrize(
    ("words", "stdin", "name"),
    [
        (["-m", "program"], "", "-m program"),
        (["-Bmprogram"], "", "-m program"),
        (["-W", "error", "-X", "utf8", "-m", "program", "-m", "other"], "", "-m program"),
        (["-c", "import program"], "", "python -c"),
        (["-cimport program", "-c"], "", "python -c"),
        ([], "import program", "python"),
        (["-i", "-q"], "import program\n", "python"),
        (["-I", "program.py"], "", "program.py"),
        (["-OO", "-s", "./program.py"], "", "./program.py"),
        (["folder"], "", "folder"),
    ],
)
def test_its_name_is_the_program_as_it_was_typed(tmp_path, words, stdin, name):
    script(tmp_path, PROGRAM)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/__main__.py").write_text(PROGRAM)
    done = python(tmp_path, *words, stdin=stdin)
    assert (done.returncode, done.stdout.decode()) == (0, "3\n")
    trace = only_trace(tmp_path)
    assert trace["name"] == name
    assert functions(tmp_path, trace)[-2:] == ["<module>", "work"]


def test_what_is_typed_at_the_prompt_is_recorded(tmp_path):
    done = python(tmp_path, "-i", "-q", stdin="def typed(n): return n\n\ntyped(4)\n")
    assert done.stdout.decode().split() == ["4"]
    assert functions(tmp_path, only_trace(tmp_path)) == ["<module>", "<module>", "typed"]


@pytest.mark.parametrize("name", ["surroundings", "exit with a number", "exception", "os._exit"])
def test_a_recorded_program_runs_as_without_the_variable(tmp_path, name):
    script(tmp_path, PROGRAMS[name])
    plain = python(tmp_path, "program.py", "--own", probe=None)
    assert outcome(python(tmp_path, "program.py", "--own")) == outcome(plain)


@pytest.mark.parametrize(
    ("probe", "disable"),
    [(None, None), ("", None), ("0", None), ("false", None), ("1", "1"), ("1", "true"), ("yes", "1")],
)
def test_nothing_is_traced_or_said_where_it_is_not_asked_for(tmp_path, probe, disable):
    script(tmp_path, PROGRAM)
    more = {} if disable is None else {"KOLO_DISABLE": disable}
    assert outcome(python(tmp_path, "program.py", probe=probe, **more)) == (0, "3\n", "")
    assert not (tmp_path / ".kolo").exists()


@pytest.mark.parametrize("probe", ["1", "true", "True"])
def test_it_is_asked_for_as_kolo_is(tmp_path, probe):
    script(tmp_path, PROGRAM)
    assert outcome(python(tmp_path, "program.py", probe=probe)) == (0, "3\n", "")
    assert only_trace(tmp_path)["name"] == "program.py"


def test_a_value_that_says_neither_yes_nor_no_costs_one_line(tmp_path):
    script(tmp_path, PROGRAM)
    done = python(tmp_path, "program.py", probe="on")
    assert (done.returncode, done.stdout) == (0, b"3\n")
    assert done.stderr.decode().splitlines() == [
        "kolo-probe: KOLO_PROBE is neither 1 nor 0: this process is not traced; KOLO_PROBE=1 traces it"
    ]
    assert not (tmp_path / ".kolo").exists()


def test_without_the_variable_nothing_is_imported(tmp_path):
    code = "import sys; print([name for name in sys.modules if name.startswith('kolo')])"
    assert outcome(python(tmp_path, "-c", code, probe=None)) == (0, "[]\n", "")


def test_without_site_there_is_no_pth_file_and_no_trace(tmp_path):
    script(tmp_path, PROGRAM)
    assert outcome(python(tmp_path, "-S", "program.py")) == (0, "3\n", "")
    assert not (tmp_path / ".kolo").exists()


SITECUSTOMIZE = """
    import os, sys
    print("sitecustomize")
    sys.path.append(os.path.join(os.path.dirname(__file__), "more"))
    def of_sitecustomize(): pass
    of_sitecustomize()
"""


def test_the_sitecustomize_of_the_application_runs_once_before_the_trace(tmp_path):
    (tmp_path / "own/more").mkdir(parents=True)
    (tmp_path / "own/sitecustomize.py").write_text(textwrap.dedent(SITECUSTOMIZE))
    (tmp_path / "own/more/found_late.py").write_text("def work(n): return n")
    script(tmp_path, "import found_late; print(found_late.work(3))")
    done = python(tmp_path, "program.py", PYTHONPATH=str(tmp_path / "own"))
    assert outcome(done) == (0, "sitecustomize\n3\n", "")
    assert functions(tmp_path, only_trace(tmp_path)) == ["<module>", "<module>", "work"]


def test_processors_of_the_program_itself_are_found(tmp_path):
    (tmp_path / "tracing.py").write_text(
        "def process(frame, event, arg, context): return {'n': frame.f_locals['n']}\n"
        "PROCESSOR = {'co_names': ['work'], 'path_fragment': 'program.py', 'process': process,\n"
        "             'call_type': 'work', 'return_type': 'work_end'}"
    )
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("processors = ['tracing:PROCESSOR']\n")
    script(
        tmp_path, "import sys\n" + PROGRAM + "print(sys.path[0] == __file__.rpartition('/')[0], sys.path[1])"
    )
    plain = python(tmp_path, "program.py", probe=None)
    assert outcome(python(tmp_path, "program.py")) == outcome(plain)
    shown = command("kolo-trace", "show", only_trace(tmp_path)["id"], "--json", folder=tmp_path)
    assert [(span["type"], span["data"]) for span in json.loads(shown.stdout)["spans"]] == [
        ("work", {"n": 3})
    ]


def test_a_sitecustomize_that_fails_is_reported_as_ever_and_the_program_is_traced(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text("1 / 0")
    script(tmp_path, PROGRAM)
    words = ("program.py",)
    plain = python(tmp_path, *words, probe=None, PYTHONPATH=str(tmp_path / "own"))
    assert b"ZeroDivisionError" in plain.stderr
    assert outcome(python(tmp_path, *words, PYTHONPATH=str(tmp_path / "own"))) == outcome(plain)
    assert only_trace(tmp_path)["name"] == "program.py"


def test_a_sitecustomize_that_traces_something_itself(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text(
        "import kolo_probe\nwith kolo_probe.enable(name='at the start'): print('at the start')"
    )
    script(tmp_path, PROGRAM)
    done = python(tmp_path, "program.py", PYTHONPATH=str(tmp_path / "own"))
    assert outcome(done) == (0, "at the start\n3\n", "")
    assert {trace["name"] for trace in traces(tmp_path)} == {"at the start", "program.py"}


def test_a_fresh_virtual_environment_that_finds_the_package_by_another_pth_file(tmp_path):
    """As an editable installation does; and a second kolo_probe.pth, that of the folder it leads to."""
    made = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], env=environment(), check=True)
    executable = str(made / "bin/python")
    asked = [executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, env=environment(), capture_output=True, text=True, check=True).stdout
    installed = sysconfig.get_path("purelib")
    with open(os.path.join(installed, "kolo_probe.pth")) as file:
        line = file.read()
    for name, text in (
        ("a.pth", f"import site; site.addsitedir({installed!r})\n"),
        ("kolo_probe.pth", line),
    ):
        with open(os.path.join(packages.strip(), name), "w") as file:
            file.write(text)
    script(tmp_path, PROGRAM)
    found = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # kolo-collectord
    done = python(tmp_path, "program.py", executable=executable, PATH=found)
    assert outcome(done) == (0, "3\n", "")
    assert functions(tmp_path, only_trace(tmp_path)) == ["<module>", "work"]


def test_each_subprocess_is_a_trace_of_its_own(tmp_path):
    script(tmp_path, PROGRAM)
    starter = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True)"
    (tmp_path / "starter.py").write_text(starter)
    done = python(tmp_path, "starter.py", "starter.py", "program.py")
    assert outcome(done) == (0, "3\n", "")
    found = {(trace["name"], tuple(trace["argv"]), trace["status"]) for trace in traces(tmp_path)}
    assert found == {
        ("starter.py", ("starter.py", "starter.py", "program.py"), "complete"),
        ("starter.py", ("starter.py", "program.py"), "complete"),
        ("program.py", ("program.py",), "complete"),
    }


@pytest.mark.parametrize(("method", "kind"), [("spawn", "script"), ("fork", "fork")])
def test_children_of_multiprocessing_are_traced_its_resource_tracker_is_not(tmp_path, method, kind):
    script(
        tmp_path,
        """
        import multiprocessing, sys
        def in_child(): pass
        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            queue = context.Queue()  # its semaphores are what the resource tracker is started for
            child = context.Process(target=in_child)
            child.start()
            child.join()
        """,
    )
    assert outcome(python(tmp_path, "program.py", method)) == (0, "", "")
    found = sorted(traces(tmp_path), key=lambda trace: trace["started_at"])
    assert [trace["kind"] for trace in found] == ["script", kind]
    assert "in_child" in functions(tmp_path, found[1])


def test_kolo_probe_run_makes_the_one_trace_itself(tmp_path):
    script(tmp_path, PROGRAM)
    run = os.path.join(os.path.dirname(sys.executable), "kolo-probe")
    for words in ([run], ["-m", "kolo_probe"]):
        assert outcome(python(tmp_path, *words, "run", "--name", "mine", "program.py")) == (0, "3\n", "")
    assert [trace["name"] for trace in traces(tmp_path)] == ["mine", "mine"]


def test_where_the_native_module_cannot_be_loaded_one_line_says_so_and_the_calls_are_recorded(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text("import sys; sys.modules['kolo_probe._probe'] = None")
    script(tmp_path, PROGRAM)
    done = python(tmp_path, "program.py", PYTHONPATH=str(tmp_path / "own"))
    assert (done.returncode, done.stdout) == (0, b"3\n")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("kolo-probe: the native module cannot be loaded")
    assert functions(tmp_path, only_trace(tmp_path)) == ["<module>", "work"]
