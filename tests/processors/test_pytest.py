"""Tests that pytest runs: a session inside this one."""

from __future__ import annotations

import sys
import textwrap

import pytest
from driving import driven

from kolo_probe.processors.pytest import PROCESSORS
from kolo_probe.processors.unittest import PROCESSORS as UNITTEST


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The spans of a session over one file of tests, by test name."""

    def session(source, *arguments):
        (tmp_path / "test_shop.py").write_text(textwrap.dedent(source))
        (tmp_path / "none.toml").touch()
        monkeypatch.chdir(tmp_path)
        options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-c", "none.toml"]
        with driven([*PROCESSORS, *UNITTEST]) as spans:
            pytest.main([*options, *arguments, "test_shop.py"])
        sys.modules.pop("test_shop", None)
        return {span.start["test_name"]: span for span in spans}

    return session


def test_a_test_is_a_span_with_name_class_and_node_id(run):
    (span,) = run(
        """
        import pytest
        class TestCart:
            class TestAdd:
                @pytest.mark.parametrize("factor", [0.5])
                def test_it(self, factor): pass
        """
    ).values()
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "test", "start_test", "end_test", "pytest",
    )  # fmt: skip
    assert (span.start["test_name"], span.start["test_class"]) == ("test_it[0.5]", "TestCart.TestAdd")
    assert span.name == "test_shop.py::TestCart::TestAdd::test_it[0.5]"


def test_the_outcome_is_the_worst_of_set_up_call_and_teardown(run):
    spans = run(
        """
        import pytest
        @pytest.fixture
        def breaks(): raise LookupError
        @pytest.fixture
        def breaks_later():
            yield
            raise LookupError
        def test_passes(): pass
        def test_fails(): assert False
        def test_breaks(breaks): pass
        def test_breaks_later(breaks_later): pass
        def test_skips(): pytest.skip("not now")
        @pytest.mark.xfail
        def test_xfails(): assert False
        @pytest.mark.xfail
        def test_xpasses(): pass
        """
    )
    assert {name: span.end["outcome"] for name, span in spans.items()} == {
        "test_passes": "passed", "test_fails": "failed", "test_breaks": "error",
        "test_breaks_later": "error", "test_skips": "skipped", "test_xfails": "xfailed",
        "test_xpasses": "xpassed",
    }  # fmt: skip


def test_a_test_case_under_pytest_is_one_test(run):
    spans = run(
        """
        import unittest
        class Shop(unittest.TestCase):
            def test_it(self): pass
        """
    )
    assert [(span.subtype, span.start["test_class"]) for span in spans.values()] == [("pytest", "Shop")]


def test_an_item_that_is_no_function_is_a_test_too(run):
    spans = run(
        '''
        def add(a, b):
            """
            >>> add(1, 2)
            3
            """
            return a + b
        ''',
        "--doctest-modules",
    )
    (span,) = spans.values()
    assert (span.name, span.end["outcome"]) == ("test_shop.py::test_shop.add", "passed")


def test_a_session_that_is_left_in_the_middle_says_so(run):
    spans = run(
        """
        import pytest
        def test_leaves(): pytest.exit("enough")
        def test_never(): pass
        """
    )
    assert {name: span.end["outcome"] for name, span in spans.items()} == {"test_leaves": "interrupted"}
