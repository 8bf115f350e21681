"""Kolo's Rust extension, part by part: what answers each here, and the tests that show it.

The parts are those that Kolo's own description of it names. The test fails when a counterpart or a test of it
is renamed or taken away without this table.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# part: (where its counterpart is, words that stand there, tests)
PARTS = {
    "the module and register_profiler": (
        "probe/module.cpp", 'module.def("register_profiler"',
        ["tests/python/test_native_registering.py::test_register_profiler_sets_the_hook_and_only_a_trace_records"],
    ),
    "register_noop_profiler": (
        "probe/module.cpp", 'module.def("register_noop_profiler"',
        ["tests/python/test_native_registering.py::test_register_noop_profiler_sets_a_hook_that_records_nothing",
         "tests/python/test_native_run.py::test_noop_records_nothing"],
    ),
    "KoloProfiler: what is recorded of a call": (
        "probe/recorder.hpp", "class Recorder",
        ["tests/trace/test_activations.py::test_gives_these_activations"],
    ),
    "profile_callback, on PyEval_SetProfile": (
        "probe/hook_profile.cpp", "PyEval_SetProfile",
        ["tests/trace/test_activations.py::test_gives_these_activations"],
    ),
    "it leaves C functions at once": (
        "probe/hook_profile.cpp", "what != PyTrace_CALL && what != PyTrace_RETURN",
        ["tests/python/test_native_registering.py::test_c_functions_are_no_events_and_what_they_call_is"],
    ),
    "PluginProcessor::matches": (
        "python/kolo_probe/_processors.py", "class Processor",
        ["tests/python/test_processors_loading.py::test_a_processor_is_named_by_module_and_attribute",
         "tests/processors/test_guide.py::test_the_example_tells_what_the_page_says"],
    ),
    "PluginProcessor::process": (
        "python/kolo_probe/_processors.py", "class Dispatcher",
        ["tests/processors/test_dispatcher.py::test_a_call_is_a_span_from_start_to_end",
         "tests/processors/test_dispatcher.py::test_an_exception_ends_it_with_the_type_of_unwind"],
    ),
    "filters: default_ignore_frames": (
        "probe/filters.cpp", "Filters::accepts",
        ["tests/unit/probe/filters_test.cpp::Filtering, GivesEachPathItsVerdict",
         "tests/python/test_native_filters.py::test_the_probe_gives_each_path_its_verdict"],
    ),
    "the version": (
        "python/kolo_probe/_identity.py", "def version()",
        ["tests/python/test_native_run.py::test_all_that_a_script_did_is_stored_when_the_command_returns"],
    ),
    "the git commit SHA": (
        "python/kolo_probe/_git.py", "def commit_sha(",
        ["tests/python/test_git.py::test_a_branch_and_a_folder_below",
         "tests/python/test_native_run.py::test_the_git_sha_is_stored"],
    ),
    "argv": (
        "python/kolo_probe/_redact.py", "def redact_argv(",
        ["tests/python/test_native_run.py::test_all_that_a_script_did_is_stored_when_the_command_returns"],
    ),
    "saving to the SQLite database": (
        "collectord/writer.cpp", "Writer::",
        ["tests/python/test_native_run.py::test_all_that_a_script_did_is_stored_when_the_command_returns",
         "tests/e2e/test_killed_workers.py::"],
    ),
    "values as msgpack": (
        "probe/msgpack_writing.hpp", "msgpack",
        ["tests/python/test_values.py::test_what_msgpack_has_stands_as_itself",
         "tests/python/test_vectors.py::test_values_mean_what_is_said"],
    ),
    "the thread's name and native id, without a dummy thread object": (
        "probe/record_writer.cpp", "thread_name()",
        ["tests/python/test_native_threads.py::test_a_thread_has_its_name_and_ids_and_gets_no_dummy_object"],
    ),
    "the qualified name": (
        "probe/python/qualname.hpp", "code_qualname",
        [
            "tests/trace/test_activations.py::test_gives_these_activations",
            "tests/python/test_native_filters.py"
            "::test_a_project_below_lib_python_with_a_package_called_kolo_is_recorded_and_libraries_are_not",
        ],
    ),
    "the error log": (
        "python/kolo_probe/_warnings.py", "def warn(",
        ["tests/processors/test_dispatcher.py::test_a_failure_is_said_once_without_values_and_the_rest_goes_on"],
    ),
    "PyPy, which has no native part": (
        "python/kolo_probe/pure/filters.py", "def accepts(",
        ["tests/python/test_filters.py::test_a_path_has_the_verdict_of_the_table"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_its_counterpart_and_a_test(part):
    place, words, tests = PARTS[part]
    assert words in (ROOT / place).read_text("utf-8")
    for test in tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text("utf-8")
        begins = (
            rf"^TEST(_F)?\({re.escape(name)}\)"
            if path.endswith(".cpp")
            else rf"^def {re.escape(name) or 'test_'}"
        )
        assert re.search(begins, text, re.MULTILINE), test
