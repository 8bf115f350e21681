"""Which code is recorded: the Python filters, against the table that the C++ ones are tested with too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kolo_probe._settings import filter_settings, with_defaults
from kolo_probe.pure.filters import accepts

TABLE = json.loads((Path(__file__).parents[1] / "filters/cases.json").read_text("utf-8"))
NO_FILTERS = {"include_frames": [], "ignore_frames": [], "library_folders": [], "own_folders": []}


@pytest.mark.parametrize(
    "case", TABLE["cases"], ids=lambda case: f"{case['configuration']}: {case['path']!r}"
)
def test_a_path_has_the_verdict_of_the_table(case):
    settings = {**TABLE["folders"], **TABLE["configurations"][case["configuration"]]}
    assert accepts(case["path"], settings) is case["recorded"], case["why"]


def test_a_very_long_path_is_judged_as_any_other():
    folder = "folder/" * 20_000
    assert accepts(f"/srv/{folder}views.py", NO_FILTERS)
    assert not accepts(f"/srv/{folder}site-packages/views.py", NO_FILTERS)
    ignoring = {**NO_FILTERS, "ignore_frames": ["*/folder/*/x?y.py"]}
    assert accepts(f"/srv/{folder}views.py", ignoring)
    assert not accepts(f"/srv/{folder}x1y.py", ignoring)


def test_a_path_that_is_no_text_is_judged_and_a_pattern_may_name_it():
    options = with_defaults({"filters.ignore_frames": ["/caf\udce9/"]})
    settings = filter_settings(options)
    assert accepts("/srv/\ud800/views.py", settings)
    assert accepts("/srv/café/views.py", settings)
    assert not accepts("/srv/caf\udce9/views.py", settings)
    for items in settings.values():
        for item in items:
            item.encode()
