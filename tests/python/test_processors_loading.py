"""Where processors come from, and that each mistake on the way costs one line and nothing else."""

from __future__ import annotations

import sys

import pytest

from kolo_probe._options import usable_options
from kolo_probe._processors import load
from kolo_probe._settings import with_defaults

GOOD = """
PROCESSOR = {
    "co_names": ["pay"], "path_fragment": "/shop/bank.py", "call_type": "pay_start", "return_type": "pay_end",
}
class tracing:
    PROCESSOR = dict(PROCESSOR, subtype="nested")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on sys.path, as site-packages is; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def module(folder, name, text=GOOD):
    (folder / f"{name}.py").write_text(text)


def plugin(folder, name, entry_points):
    """An installed distribution, as pip leaves it behind."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_bytes(
        entry_points.encode() if isinstance(entry_points, str) else entry_points
    )


def added(*names):
    """The processors that come with these names of the configuration, beyond those of this package."""
    found = load(with_defaults({"processors": list(names)}))
    return [processor for processor in found if "(built in)" not in processor.label]


def labels(*names):
    return [processor.label for processor in added(*names)]


def test_a_processor_is_named_by_module_and_attribute(folder, warned):
    module(folder, "shop_tracing")
    first, second = added("shop_tracing:PROCESSOR", "shop_tracing:tracing.PROCESSOR")
    assert (first.label, first.subtype) == ("shop_tracing:PROCESSOR", None)
    assert (second.label, second.subtype) == ("shop_tracing:tracing.PROCESSOR", "nested")
    assert warned() == []


@pytest.mark.parametrize("group", ["kolo_probe.processors", "kolo.processors"])
def test_the_processors_of_installed_plugins_are_used(folder, warned, group):
    module(folder, "bank_plugin")
    plugin(folder, "bank-plugin", f"[console_scripts]\nx = y:z\n\n[{group}]\nbank = bank_plugin:PROCESSOR\n")
    assert labels() == [f"bank ({group})"]
    assert warned() == []


def test_a_plugin_in_both_groups_is_used_once(folder):
    module(folder, "bank_plugin")
    named = "bank_plugin:PROCESSOR"
    plugin(
        folder, "bank-plugin", f"[kolo.processors]\nbank = {named}\n[kolo_probe.processors]\nb = {named}\n"
    )
    assert labels() == ["b (kolo_probe.processors)"]


def test_kolos_own_are_not_loaded(folder, warned):
    # They know Kolo's files, and what they tell is told by ours.
    plugin(folder, "kolo", "[kolo.processors]\ndjango = kolo.default_processors:DJANGO\n")
    module(folder, "bank_plugin")
    plugin(folder, "kolo-bank", "[kolo.processors]\nbank = bank_plugin:PROCESSOR\n")
    assert labels() == ["bank (kolo.processors)"]
    assert "kolo" not in sys.modules
    assert warned() == []


def test_a_program_without_plugins_does_not_pay_for_looking(folder, monkeypatch):
    plugin(folder, "kolo", "[kolo.processors]\ndjango = kolo.default_processors:DJANGO\n")
    plugin(folder, "other", "[console_scripts]\nother = other:main\n")
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)  # importing it would raise
    assert labels() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "no_such_module:PROCESSOR",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("good:NOTHING", "cannot be imported: AttributeError"),
        ("good", 'cannot be imported: a processor is named "module:attribute"'),
        (":PROCESSOR", 'cannot be imported: a processor is named "module:attribute"'),
        ("good:", 'cannot be imported: a processor is named "module:attribute"'),
        ("..good:PROCESSOR", "cannot be imported: TypeError"),
        ("raising:PROCESSOR", "cannot be imported: RuntimeError"),
        ("leaving:PROCESSOR", "cannot be imported: SystemExit"),
        ("broken:PROCESSOR", "cannot be imported: SyntaxError"),
        ("good:tracing", "a processor is a dictionary, not a type"),
    ],
)
def test_one_that_cannot_be_imported_costs_one_line_and_the_others_work(folder, warned, name, said):
    module(folder, "good")
    module(folder, "raising", "raise RuntimeError('the card is 4111')")
    module(folder, "leaving", "import sys; sys.exit('the card is 4111')")
    module(folder, "broken", "PROCESSOR = {")
    assert labels(name, "good:PROCESSOR") == ["good:PROCESSOR"]
    (line,) = warned()
    assert line.startswith(f"kolo-probe: processor {name} ")
    assert said in line
    assert "left out" in line
    assert "4111" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "module_text", ["raise RuntimeError('4111')", "raise SystemExit('4111')", "import nothing_q"]
)
def test_an_entry_point_that_raises_on_import_costs_one_line_and_the_others_work(folder, warned, module_text):
    module(folder, "bad_plugin", module_text)
    module(folder, "bank_plugin")
    plugin(folder, "bad", "[kolo_probe.processors]\nbad = bad_plugin:PROCESSOR\n")
    plugin(folder, "bank", "[kolo_probe.processors]\nbank = bank_plugin:PROCESSOR\n")
    assert labels() == ["bank (kolo_probe.processors)"]
    (line,) = warned()
    assert "processor bad (bad_plugin:PROCESSOR) cannot be loaded: " in line
    assert "4111" not in line


@pytest.mark.parametrize(
    "broken",
    [b"\xff\xfe[kolo.processors]\nx=y:z\n", b"[kolo.processors]\n:::\n", b"[kolo.processors]\nno value\n"],
)
def test_metadata_that_cannot_be_read_costs_a_line_at_most(folder, warned, broken):
    module(folder, "good")
    plugin(folder, "broken", broken)
    assert labels("good:PROCESSOR") == ["good:PROCESSOR"]
    assert len(warned()) <= 1


@pytest.mark.parametrize("entry", ["", "no/such/folder", None, 3, b"/bytes"])
def test_whatever_stands_in_sys_path_nothing_fails(folder, warned, monkeypatch, entry):
    module(folder, "good")
    monkeypatch.setattr(sys, "path", [entry, *sys.path])
    assert labels("good:PROCESSOR") == ["good:PROCESSOR"]
    assert warned() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("del P['co_names']", "'co_names' must be a list of function names"),
        ("P['co_names'] = 'pay'", "'co_names' must be a list of function names"),
        ("P['co_names'] = 3", "'co_names' must be a list of function names"),
        ("P['co_names'] = ['pay', 3]", "'co_names' must be a list of function names"),
        ("P['path_fragment'] = ''", "'path_fragment' must be a non-empty string"),
        ("del P['call_type']", "'call_type' must be a non-empty string"),
        ("P['return_type'] = 3", "'return_type' must be a non-empty string"),
        ("P['unwind_type'] = 3", "'unwind_type' must be a non-empty string"),
        ("P['subtype'] = b'bank'", "'subtype' must be a non-empty string"),
        ("P['kind'] = ['sql']", "'kind' must be a non-empty string"),
        ("P['span_name'] = 3", "'span_name' must be a field's name or a function"),
        ("P['events'] = 'return'", "'events' must be a list of events"),
        ("P['events'] = 3", "'events' must be a list of events"),
        (
            "P['events'] = ['enter']",
            "'events' has 'enter'; there are: call, return, unwind, resume, yield, throw",
        ),
        ("P['process'] = 'shop.tell'", "'process' must be a function"),
        ("P['call'] = True", "'call' must be a function"),
        ("P['build_context'] = {}", "'build_context' must be a function"),
        ("P = None", "a processor is a dictionary, not a NoneType"),
        ("class P: get = property(lambda self: 1 / 0)\nP = P()", "division by zero"),
    ],
)
def test_a_wrong_value_costs_one_line_that_names_the_key_and_the_others_work(folder, warned, change, said):
    module(folder, "good")
    module(folder, "bad", GOOD.replace("PROCESSOR", "P").split("class")[0] + change)
    assert labels("bad:P", "good:PROCESSOR") == ["good:PROCESSOR"]
    (line,) = warned()
    assert line.startswith("kolo-probe: processor bad:P is left out: ")
    assert said in line


def test_an_unknown_key_costs_one_line_and_the_processor_works(folder, warned):
    module(folder, "good", GOOD + "PROCESSOR.update(proces=print, zzz=1)")
    assert labels("good:PROCESSOR") == ["good:PROCESSOR"]
    assert warned() == [
        "kolo-probe: processor good:PROCESSOR has a key 'proces', which means nothing "
        "(did you mean 'process'?); it is ignored",
        "kolo-probe: processor good:PROCESSOR has a key 'zzz', which means nothing; it is ignored",
    ]


@pytest.mark.parametrize(
    ("value", "usable", "said"),
    [
        ("shop:P", {}, "processors must be a list of strings, not a string; the default is used"),
        ({"a": "b"}, {}, "processors must be a list of strings, not a dict; the default is used"),
        ([3, "shop:P"], {"processors": ["shop:P"]}, "processors must hold non-empty strings only"),
    ],
)
def test_the_options_wrong_types_cost_one_line(warned, value, usable, said):
    assert usable_options({"processors": value}, "the file") == usable
    (line,) = warned()
    assert said in line
