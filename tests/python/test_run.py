"""`kolo-probe run` against Python itself: the same output, exit code, traceback and surroundings.

Both run each program; recording is off here (KOLO_DISABLE), as what is compared is how the program is run.
test_native_run.py has the same programs recorded.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile

import pytest

from kolo_probe import _run, cli

MAIN = """
    import sys, __main__
    names = [name for name in vars(__main__) if name not in ("names", "sys", "__main__")]
    print(names)
    for name in ("__name__", "__doc__", "__package__", "__spec__", "__file__", "__cached__"):
        print(name, repr(getattr(__main__, name, "absent")))
    print(type(__loader__).__name__, type(__builtins__).__name__, sys.argv, sys.path)
    print(__main__ is sys.modules["__main__"])
"""

PROGRAMS = {
    "surroundings": MAIN,
    "exit with nothing": "raise SystemExit",
    "exit with None": "import sys; sys.exit(None)",
    "exit with a number": "import sys; sys.exit(3)",
    "exit with a large number": "import sys; sys.exit(259)",
    "exit with a text": "import sys; sys.exit('what went wrong')",
    "exit with an object": "import sys; sys.exit([1, 2])",
    "exit in a thread": """
        import threading, sys
        t = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()
    """,
    "os._exit": "import os; print('x', flush=True); os._exit(7)",
    "exception": "def f():\n    raise ValueError('no')\nf()",
    "exception with a cause": """
        try:
            {}["a"]
        except KeyError as e:
            raise ValueError("no") from e
    """,
    "exception with a context": """
        try:
            {}["a"]
        except KeyError:
            1 / 0
    """,
    "exception in a thread": """
        import threading
        def f():
            1 / 0
        t = threading.Thread(target=f, name="T"); t.start(); t.join()
    """,
    "syntax error": "x = 1\ny = = 2\n",
    "wrong indentation": "if 1:\nx\n",
    "declared encoding": "# coding: latin-1\nprint(ascii('\xe9'))\n",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError: print('deep')",
    "excepthook": """
        import sys
        def hook(kind, value, tb):
            names = []
            while tb:
                names.append(tb.tb_frame.f_code.co_name)
                tb = tb.tb_next
            print(kind, value, names, sys.last_value is value, sys.excepthook is hook)
        sys.excepthook = hook
        1 / 0
    """,
    "excepthook that fails": """
        import sys
        def hook(*a):
            raise KeyError("hook")
        sys.excepthook = hook
        1 / 0
    """,
    "excepthook that exits": """
        import sys
        sys.excepthook = lambda *a: sys.exit(9)
        1 / 0
    """,
    "atexit": "import atexit\natexit.register(print, 'at exit')\n1 / 0",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "generator exit": "raise GeneratorExit",
    "own exception without text": "class E(BaseException): pass\nraise E",
    "pickle of main": """
        import pickle
        class C: pass
        print(type(pickle.loads(pickle.dumps(C()))) is C)
    """,
    "multiprocessing spawn": """
        import multiprocessing
        def f(x):
            return x + 1
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(f, [1, 2]))
    """,
    "dataclass in main": """
        from __future__ import annotations
        import dataclasses
        @dataclasses.dataclass
        class C:
            x: int = 1
        print(C(), __annotations__ if "__annotations__" in globals() else None)
        y: int = 3
    """,
    "a future statement of ours is not inherited": "def f(x: int): pass\nprint(f.__annotations__)",
    "thread that outlives main": """
        import threading, time
        def f():
            time.sleep(0.2); print("later")
        threading.Thread(target=f).start()
        print("main ends")
    """,
}  # fmt: skip


def environment(**more):
    # The program's folder on sys.path must not depend on the environment of the tests.
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KOLO", "COV"))
    }
    package = os.path.dirname(os.path.dirname(os.path.abspath(cli.__file__)))
    return {**kept, "PYTHONPATH": package, "KOLO_DISABLE": "1", **more}


def run(folder, *command, **options):
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        **options,
    )
    out, err = (re.sub("0x[0-9a-f]+", "0x…", stream.decode()) for stream in (done.stdout, done.stderr))
    return done.returncode, out, err


def compare(folder, *words, probe_words=None):
    plain = run(folder, sys.executable, *words)
    ours = run(folder, sys.executable, "-m", "kolo_probe", "run", *(probe_words or words))
    assert ours == plain
    return plain


def script(folder, text, name="program.py"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(textwrap.dedent(text).encode("latin-1"))
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_under_python(tmp_path, name):
    script(tmp_path, PROGRAMS[name])
    compare(tmp_path, "program.py", "--own", "-m", "--", "--name", "x")


@pytest.mark.parametrize("text", ["x = 1\0\n", "# coding: nonsense\n"])
def test_a_file_that_is_no_source_text_is_a_syntax_error_too(tmp_path, text):
    # The words differ: Python reads the file itself in another way than it reads a text.
    script(tmp_path, text)
    code, out, err = run(tmp_path, sys.executable, "-m", "kolo_probe", "run", "program.py")
    assert (code, out) == (1, "")
    assert "Error: " in err
    assert "kolo_probe" not in err


@pytest.mark.parametrize(
    "typed", ["./program.py", ".//program.py", "sub/../program.py", "sub/link.py", "{}/program.py"]
)
def test_however_its_path_is_typed(tmp_path, typed):
    script(tmp_path, textwrap.dedent(MAIN) + "1 / 0\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/link.py").symlink_to(tmp_path / "program.py")
    compare(tmp_path, typed.format(tmp_path), "argument")


def test_modules_and_packages(tmp_path):
    script(tmp_path, textwrap.dedent(MAIN) + "1 / 0\n", "module.py")
    script(tmp_path, MAIN, "package/__main__.py")
    script(tmp_path, "print('init')\n", "package/__init__.py")
    script(tmp_path, textwrap.dedent(MAIN), "package/sub.py")
    for name in ("module", "package", "package.sub"):
        compare(tmp_path, "-m", name, "-x", "--name")
        compare(tmp_path, "-m", name, "y", probe_words=[name, "y"])
        compare(tmp_path, "-m", name, "y", probe_words=["python3", "-m", name, "y"])


def test_a_module_that_is_not_there(tmp_path):
    assert compare(tmp_path, "-m", "not_there_at_all")[0] == 1


def test_folders_and_zip_files(tmp_path):
    script(tmp_path, textwrap.dedent(MAIN) + "1 / 0\n", "folder/__main__.py")
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        archive.write(tmp_path / "folder/__main__.py", "__main__.py")
    (tmp_path / "empty").mkdir()
    for name in ("folder", "folder/", "program.zip"):
        compare(tmp_path, name, "argument")
    assert compare(tmp_path, "empty")[0] == 1


def test_compiled_files(tmp_path):
    import py_compile

    script(tmp_path, MAIN)
    py_compile.compile(str(tmp_path / "program.py"), cfile=str(tmp_path / "compiled.pyc"), doraise=True)
    compare(tmp_path, "compiled.pyc", "x")


def test_a_script_without_an_extension(tmp_path):
    script(tmp_path, MAIN, "tool")
    compare(tmp_path, "./tool", "x")
    compare(tmp_path, "tool", "x")


def test_python_in_front_is_as_it_is_typed_without_us(tmp_path):
    script(tmp_path, MAIN)
    for python in ("python", "python3", "python3.11", sys.executable):
        compare(tmp_path, "program.py", "x", probe_words=[python, "program.py", "x"])


def test_ctrl_c_reaches_the_program_which_dies_by_it(tmp_path):
    script(tmp_path, "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    results = []
    for words in (["program.py"], ["-m", "kolo_probe", "run", "program.py"]):
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        results.append((process.communicate(timeout=60)[1], process.returncode))
    # In which line the program was hit is not ours to say.
    for err, code in results:
        assert code == -signal.SIGINT
        assert err.endswith(b"\nKeyboardInterrupt\n")
        assert b"kolo_probe" not in err


@pytest.mark.parametrize("words", [["program.py"], ["-m", "program"]])
def test_with_a_safe_path_the_programs_folder_is_not_on_it(tmp_path, words):
    # Python reads PYTHONSAFEPATH from 3.11 on; before, both must ignore it.
    script(tmp_path, "import sys\nprint(sys.path)\n")
    env = environment(PYTHONSAFEPATH="1")
    ours = ["-m", "kolo_probe", "run", *words]
    plain, recorded = (
        subprocess.run([sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, timeout=60)
        for command in (words, ours)
    )
    assert (recorded.returncode, recorded.stdout) == (plain.returncode, plain.stdout)


def test_standard_input_is_the_programs(tmp_path):
    script(tmp_path, "print(input())")
    done = subprocess.run(
        [sys.executable, "-m", "kolo_probe", "run", "program.py"],
        cwd=tmp_path, env=environment(), input=b"typed\n", capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == b"typed\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.py"], "cannot open 'nothing.py': No such file or directory"),
        (["no/such/file"], "cannot open 'no/such/file'"),
        (["not_a_module"], "cannot open 'not_a_module'"),
        (["."], None),
        (["python", "-u", "x.py"], "-u is an option of Python's"),
        (["-m"], "-m needs the name of a module"),
        ([], "say what to run"),
        (["--name"], "expected one argument"),
        (["--nonsense", "x.py"], "unrecognized arguments: --nonsense"),
        (["--hook", "magic", "x.py"], "invalid choice: 'magic'"),
        (["--nam", "x", "x.py"], "unrecognized arguments"),
    ],
)
def test_what_cannot_be_run_is_said_with_exit_code_2(tmp_path, words, said):
    code, out, err = run(tmp_path, sys.executable, "-m", "kolo_probe", "run", *words)
    assert "Traceback" not in err
    assert out == ""
    if said is None:
        assert code == 1  # a folder without __main__.py: Python's own words
    else:
        assert code == 2
        assert said in err


def test_help_has_examples_and_no_command_shows_it(tmp_path):
    for words in (["--help"], ["run", "--help"], ["run", "--name", "x", "--help"]):
        code, out, _ = run(tmp_path, sys.executable, "-m", "kolo_probe", *words)
        assert code == 0
        assert "kolo-probe run -m package.module" in out
    code, out, _ = run(tmp_path, sys.executable, "-m", "kolo_probe")
    assert code == 2
    assert "examples:" in out


def test_an_unknown_command_is_refused(tmp_path):
    code, _, err = run(tmp_path, sys.executable, "-m", "kolo_probe", "rnu", "x.py")
    assert code == 2
    assert "invalid choice" in err


@pytest.mark.parametrize(
    ("arguments", "own", "program"),
    [
        (["x.py", "--name", "a"], [], ["x.py", "--name", "a"]),
        (["--name", "a", "x.py", "--", "b"], ["--name", "a"], ["x.py", "--", "b"]),
        (["--name=a", "--noop", "-m", "m", "-h"], ["--name=a", "--noop"], ["-m", "m", "-h"]),
        (["--", "-strange.py"], [], ["-strange.py"]),
        (["--name", "-m", "x.py"], ["--name", "-m"], ["x.py"]),
    ],
)
def test_only_what_stands_before_the_program_is_ours(arguments, own, program):
    assert cli._split(arguments) == (own, program)


@pytest.fixture
def in_process(probe, monkeypatch, tmp_path):
    """Runs the command line in this process, with everything that it sets put back."""

    def run_here(*words):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", list(sys.argv))
            patch.setattr(sys, "path", list(sys.path))
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
            return cli.main(["run", *words])

    return run_here


def test_a_run_is_one_trace_of_kind_script_open_until_the_process_ends(in_process, probe, tmp_path):
    script(tmp_path, "import sys\nsys.exit(4)\n")
    with pytest.raises(SystemExit) as exit_:
        in_process("program.py", "--password=x")
    assert exit_.value.code == 4
    assert probe.calls == [("begin", 1, "script", "program.py")]
    assert probe.live == {1}
    assert probe.settings[0]["when_full"] == "wait"
    assert probe.settings[0]["argv"] == ["program.py", "--password=[redacted]"]


def test_the_name_and_the_hook_can_be_chosen(in_process, probe, tmp_path):
    script(tmp_path, "pass")
    assert in_process("--name", "nightly", "--hook=profile", "program.py") == 0
    assert probe.begun() == ["nightly"]
    assert probe.settings[0]["hook"] == "profile"


def test_noop_sets_the_hook_that_does_nothing_and_begins_no_trace(in_process, probe, tmp_path):
    script(tmp_path, "pass")
    assert in_process("--noop", "program.py") == 0
    assert probe.calls == [("noop",)]


def test_when_full_of_the_configuration_counts(in_process, probe, tmp_path):
    script(tmp_path, "pass")
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("when_full = 'drop'")
    in_process("program.py")
    assert probe.settings[0]["when_full"] == "drop"


def test_a_module_is_called_by_its_name(in_process, probe, tmp_path):
    script(tmp_path, "pass", "some_module.py")
    in_process("-m", "some_module", "x")
    assert probe.begun() == ["-m some_module"]


def test_usage_errors_say_where_examples_are(capsys):
    assert cli.main(["run"]) == 2
    assert "kolo-probe run --help" in capsys.readouterr().err
    with pytest.raises(_run.UsageError):
        _run.program_of([])
