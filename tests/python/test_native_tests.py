"""`one_trace_per_test` with the real native module: pytest, pytest-xdist, unittest and Django's runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from test_native_run import activations, command, environment, traces
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

FLAG = "--kolo-probe-one-trace-per-test"

TESTS = """
    import unittest, pytest

    def price(n):
        return n * 3

    def test_right():
        assert price(1) == 3

    class TestCart:
        @pytest.mark.parametrize("n", [2, 3])
        def test_wrong(self, n):
            assert price(n) == 0

    class Case(unittest.TestCase):
        def test_case(self):
            price(4)
"""
NODES = {
    "test_shop.py::test_right", "test_shop.py::TestCart::test_wrong[2]",
    "test_shop.py::TestCart::test_wrong[3]", "test_shop.py::Case::test_case",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    script(tmp_path, TESTS, "test_shop.py")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return tmp_path


def run_pytest(folder, *words, **more):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    return done


def stored_tests(folder, status="complete"):
    """The traces of tests by name, once all are closed."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        found = [trace for trace in traces(folder) if trace["kind"] == "test"]
        if found and all(trace["status"] == status for trace in found):
            break
        time.sleep(0.05)
    assert {trace["status"] for trace in found} == {status}
    return {trace["name"]: trace for trace in found}


def test_the_flag_makes_each_test_a_trace_with_its_calls(folder):
    run_pytest(folder, FLAG)
    found = stored_tests(folder)
    assert set(found) == NODES
    assert len(traces(folder)) == len(NODES)
    recorded = activations(folder, found["test_shop.py::TestCart::test_wrong[3]"])
    assert [one["qualname"].rpartition(".")[2] for one in recorded] == ["test_wrong", "price"]
    assert recorded[1]["arguments"] == {"n": 3}


def test_the_configuration_does_so_too(folder):
    (folder / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n[tool.kolo]\none_trace_per_test = true\n"
    )
    run_pytest(folder)
    assert set(stored_tests(folder)) == NODES


@pytest.mark.parametrize("more", [{}, {"KOLO_DISABLE": "1"}])
def test_nothing_is_traced_or_loaded_where_it_is_not_asked_for(folder, more):
    script(
        folder,
        """
        import atexit, sys

        @atexit.register
        def said():
            loaded = sorted(name for name in sys.modules if name.startswith("kolo_probe"))
            print("LOADED", *loaded, file=open("loaded", "w"))
        """,
        "conftest.py",
    )
    run_pytest(folder, *([FLAG] if more else []), **more)
    loaded = (folder / "loaded").read_text().split()
    assert "kolo_probe.pytest_plugin" in loaded
    assert "kolo_probe._probe" not in loaded
    if not more:
        assert "kolo_probe._options" not in loaded
    assert not (folder / ".kolo").exists()


def test_under_run_the_tests_are_beside_the_trace_of_pytest_and_linked_to_it(folder):
    command("kolo-probe", "run", "--one-trace-per-test", "-m", "pytest", "-q", folder=folder)
    assert set(stored_tests(folder)) == NODES
    whole = whole_trace(folder)
    assert whole["name"] == "-m pytest"
    assert {link_of(folder, trace) for trace in stored_tests(folder).values()} == {link_to(folder, whole)}


def whole_trace(folder):
    (whole,) = [trace for trace in traces(folder) if trace["kind"] == "script"]
    return whole


def link_of(folder, trace):
    """Its parent, and its group."""
    return tuple(show(folder, trace)["trace"][key] for key in ("parent_id", "group_id"))


def link_to(folder, trace):
    return trace["id"], show(folder, trace)["trace"]["group_id"]


def show(folder, trace):
    return json.loads(command("kolo-trace", "show", trace["id"], "--json", folder=folder).stdout)


def test_under_run_alone_tests_are_part_of_the_one_trace(folder):
    command("kolo-probe", "run", "-m", "pytest", "-q", folder=folder)
    (whole,) = traces(folder)
    names = [one["qualname"].rpartition(".")[2] for one in activations(folder, whole)]
    assert names.count("price") == 4


def test_the_workers_of_xdist_do_so(folder):
    pytest.importorskip("xdist")
    run_pytest(folder, FLAG, "-n", "2")
    assert set(stored_tests(folder)) == NODES


def test_under_run_the_workers_of_xdist_link_their_tests_to_the_trace_of_pytest(folder):
    pytest.importorskip("xdist")
    command("kolo-probe", "run", "--one-trace-per-test", "-m", "pytest", "-q", "-n", "2", folder=folder)
    found = stored_tests(folder)
    assert set(found) == NODES
    assert {link_of(folder, trace) for trace in found.values()} == {link_to(folder, whole_trace(folder))}


def test_under_run_alone_each_worker_of_xdist_has_one_trace_linked_to_that_of_pytest(folder):
    pytest.importorskip("xdist")
    command("kolo-probe", "run", "-m", "pytest", "-q", "-n", "2", folder=folder)
    workers = [trace for trace in traces(folder) if trace["name"] != "-m pytest"]
    assert {(trace["name"], trace["kind"], trace["status"]) for trace in workers} == {
        ("pytest gw0", "script", "complete"), ("pytest gw1", "script", "complete"),
    }  # fmt: skip
    (whole,) = [trace for trace in traces(folder) if trace["name"] == "-m pytest"]
    assert {link_of(folder, trace) for trace in workers} == {link_to(folder, whole)}
    spans = [
        span["name"] for trace in workers for span in show(folder, trace)["spans"] if span["kind"] == "test"
    ]
    assert sorted(spans) == sorted(NODES)


def test_unittest_names_them_as_it_does(folder):
    done = command("kolo-probe", "run", "--one-trace-per-test", "-m", "unittest", "test_shop", folder=folder)
    assert done.returncode == 0, done.stderr
    found = stored_tests(folder)
    assert set(found) == {"test_shop.Case.test_case"}
    recorded = activations(folder, found["test_shop.Case.test_case"])
    assert [one["qualname"].rpartition(".")[2] for one in recorded] == ["test_case", "price"]


def test_a_failing_tests_traceback_is_what_it_was(folder):
    script(
        folder,
        """
        import unittest
        class Case(unittest.TestCase):
            def test_fails(self):
                self.assertEqual(1, 2)
            def test_breaks(self):
                self.addCleanup(lambda: {}["a"])
                with self.subTest(n=1):
                    1 / 0
        """,
        "test_wrong.py",
    )
    plain = subprocess.run(
        [sys.executable, "-m", "unittest", "test_wrong"], cwd=folder, env=environment(), capture_output=True
    )
    traced = command(
        "kolo-probe", "run", "--one-trace-per-test", "-m", "unittest", "test_wrong", folder=folder
    )
    assert traced.returncode == plain.returncode == 1
    assert without_times(traced.stderr) == without_times(plain.stderr)


def without_times(output):
    return [line for line in output.splitlines() if not line.startswith(b"Ran ")]


@pytest.mark.parametrize("parallel", [(), ("--parallel", "2")])
def test_djangos_runner_in_one_process_and_in_several(folder, parallel):
    pytest.importorskip("django")
    script(folder, "SECRET_KEY = 'x'\nDATABASES = {}\nINSTALLED_APPS = []\nUSE_TZ = True", "settings.py")
    for name in ("a", "b"):
        script(
            folder,
            """
            from django.test import SimpleTestCase
            def price(n):
                return n * 3
            class Case(SimpleTestCase):
                def test_it(self):
                    self.assertEqual(price(2), 6)
            """,
            f"test_{name}.py",
        )
    os.remove(folder / "test_shop.py")
    done = command(
        "kolo-probe", "run", "--one-trace-per-test", "-m", "django", "test", *parallel,
        folder=folder, env=environment(DJANGO_SETTINGS_MODULE="settings", PYTHONPATH=str(folder)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = stored_tests(folder)
    assert set(found) == {"test_a.Case.test_it", "test_b.Case.test_it"}
    for trace in found.values():
        names = [one["qualname"].rpartition(".")[2] for one in activations(folder, trace)]
        assert names == ["test_it", "price"]
