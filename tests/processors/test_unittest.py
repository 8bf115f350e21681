"""Tests that unittest runs, with every outcome there is."""

from __future__ import annotations

import io
import unittest

import pytest
from driving import driven

from kolo_probe.processors.unittest import PROCESSORS


class Shop(unittest.TestCase):
    def test_passes(self):
        pass

    def test_fails(self):
        self.fail("wrong")

    def test_breaks(self):
        raise LookupError

    def test_skips(self):
        self.skipTest("not now")

    def test_part_fails(self):
        for number in (1, 2, 3):
            with self.subTest(number=number):
                assert number != 2

    @unittest.expectedFailure
    def test_fails_as_expected(self):
        self.fail("known")

    @unittest.expectedFailure
    def test_passes_against_expectation(self):
        pass


def run(case, result=None):
    case.run(unittest.TestResult() if result is None else result)


def test_a_test_is_a_span_with_name_and_class():
    with driven(PROCESSORS) as spans:
        run(Shop("test_passes"))
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "test", "start_test", "end_test", "unittest",
    )  # fmt: skip
    assert (span.start["test_name"], span.start["test_class"]) == ("test_passes", "Shop")
    assert span.name == f"{__name__}.Shop.test_passes"


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("passes", "passed"),
        ("fails", "failed"),
        ("breaks", "error"),
        ("skips", "skipped"),
        ("part_fails", "failed"),
        ("fails_as_expected", "expected_failure"),
        ("passes_against_expectation", "unexpected_success"),
    ],
)
def test_the_outcome_is_the_results(name, outcome):
    result = unittest.TestResult()
    run(Shop("test_fails"), result)  # what another test left in the result does not count
    with driven(PROCESSORS) as spans:
        run(Shop(f"test_{name}"), result)
    assert spans[0].end["outcome"] == outcome


def test_an_error_in_a_cleanup_counts_as_the_tests():
    class Cleaned(unittest.TestCase):
        def runTest(self):  # noqa: N802
            self.addCleanup(lambda: 1 / 0)

    with driven(PROCESSORS) as spans:
        run(Cleaned())
    assert spans[0].end["outcome"] == "error"


def test_an_asynchronous_case_is_one_test():
    class Later(unittest.IsolatedAsyncioTestCase):
        async def test_it(self):
            pass

    with driven(PROCESSORS) as spans:
        run(Later("test_it"))
    assert [span.end["outcome"] for span in spans] == ["passed"]


def test_an_interrupted_run_says_so_and_goes_on_its_way():
    class Interrupted(unittest.TestCase):
        def runTest(self):  # noqa: N802
            raise KeyboardInterrupt

    with driven(PROCESSORS) as spans, pytest.raises(KeyboardInterrupt):
        run(Interrupted())
    assert (spans[0].outcome, spans[0].end["outcome"]) == ("raised", "interrupted")


def test_the_result_in_a_process_of_djangos_parallel_runner():
    remote = pytest.importorskip("django.test.runner").RemoteTestResult
    with driven(PROCESSORS) as spans:
        result = remote()
        for name in ("test_passes", "test_skips", "test_passes"):
            run(Shop(name), result)
    assert [span.end["outcome"] for span in spans] == ["passed", "skipped", "passed"]


def test_a_result_of_another_make_is_not_guessed_at():
    class Silent:
        def __getattr__(self, name):
            return lambda *_: None

    with driven(PROCESSORS) as spans:
        run(Shop("test_passes"), Silent())
    assert spans[0].end["outcome"] is None


def test_the_runner_reports_what_it_would_have_reported():
    output = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Shop)
    with driven(PROCESSORS) as spans:
        result = unittest.TextTestRunner(output, verbosity=0).run(suite)
    assert (result.testsRun, len(spans)) == (7, 7)
    assert (len(result.failures), len(result.errors), len(result.skipped)) == (2, 1, 1)


# The cases above are what the tests run, not tests of this project.
Shop.__test__ = False
