"""Processors in a real process: the guide's example, a plugin's entry point, a processor that fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from activation_lines import HOOKS
from test_native_run import command, environment, only_trace, outcome
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

PAGE = (Path(__file__).parents[2] / "docs/processors.md").read_text("utf-8")

PROGRAM = """
from shop import payments

payments.charge({"limit": 500}, 300)
payments.charge({"limit": 500, "is_test": True}, 1)
try:
    payments.charge({"limit": 500}, 900, currency="CHF")
except payments.Declined as error:
    print(error)
"""


def guide(folder, *, ignoring=""):
    """The example of docs/processors.md, with its configuration, and a program that uses it."""
    for path, text in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        script(folder, text, path)
    configuration = re.search(r"```toml\n(\[tool\.kolo\]\n.*?)```", PAGE, re.DOTALL)[1]
    (folder / "pyproject.toml").write_text(configuration + ignoring)
    script(folder, PROGRAM)


def spans(folder):
    shown = command("kolo-trace", "show", only_trace(folder)["id"], "--json", folder=folder)
    return json.loads(shown.stdout)["spans"]


def told(folder):
    return [(one["kind"], one["name"], one["outcome"], one["data"]) for one in spans(folder)]


PAYMENTS = [
    ("payment", "300 EUR", "returned", {"amount": 300, "currency": "EUR", "number": 1}),
    ("payment", "900 CHF", "raised", {"amount": 900, "currency": "CHF", "number": 2}),
]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_guides_example_is_told_of_also_where_its_code_is_not_recorded(tmp_path, hook):
    guide(tmp_path, ignoring='filters.ignore_frames = ["shop/"]\n')
    done = command("kolo-probe", "run", "--hook", hook, "program.py", folder=tmp_path)
    assert outcome(done) == (0, "over the limit\n", "")
    assert told(tmp_path) == PAYMENTS
    paid, declined = spans(tmp_path)
    assert (paid["type"], paid["end_type"], paid["end_data"]) == (
        "payment",
        "payment_end",
        {"receipt": "R-300"},
    )
    error = declined["end_data"]["declined"]
    # The profile hook cannot see the exception.
    assert error is None if hook == "profile" else error["message"] == "over the limit"


ASKED = """
from kolo_probe import _processors, enable

asked = []


class Dispatcher(_processors.Dispatcher):
    def __call__(self, matched, frame, key, event, arg):
        asked.append(event)
        super().__call__(matched, frame, key, event, arg)


_processors.Dispatcher = Dispatcher


def numbers():
    yield 1
    yield 2


NUMBERS = dict(co_names=["numbers"], path_fragment="program.py", call_type="numbers", return_type="end",
               events=["call", "return"])
if __name__ == "__main__":
    with enable():
        list(numbers())
    print(asked)
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_an_event_that_no_processor_asks_for_calls_no_python(tmp_path, hook):
    script(tmp_path, ASKED)
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.kolo]\nprocessors = ["program:NUMBERS"]\nhook = "{hook}"\n'
    )
    done = command("python", "program.py", folder=tmp_path)
    assert outcome(done) == (0, "['call', 'return']\n", "")


@pytest.mark.parametrize("group", ["kolo_probe.processors", "kolo.processors"])
def test_a_plugin_that_is_installed_is_asked(tmp_path, group):
    guide(tmp_path)
    (tmp_path / "pyproject.toml").unlink()
    info = tmp_path / "site/shop_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\npayments = shop.tracing:CHARGE\n")
    site = environment(PYTHONPATH=str(tmp_path / "site"))
    done = command("kolo-probe", "run", "program.py", folder=tmp_path, env=site)
    assert outcome(done) == (0, "over the limit\n", "")
    assert told(tmp_path) == PAYMENTS


def test_what_is_wrong_costs_a_line_each_and_the_others_tell(tmp_path):
    guide(tmp_path)
    with (tmp_path / "shop/tracing.py").open("a") as file:
        file.write(
            "def fails(frame, event, arg, context):\n    raise KeyError('the card is 4111')\n"
            "FAILING = {**CHARGE, 'process': fails, 'kind': 'failing'}\n"
            "NO_NAMES = {**CHARGE, 'co_names': 'charge'}\n"
        )
    names = ["FAILING", "NO_NAMES", "NOTHING", "CHARGE"]
    configured = json.dumps([f"shop.tracing:{name}" for name in names])
    (tmp_path / "pyproject.toml").write_text(f"[tool.kolo]\nprocesors = []\nprocessors = {configured}\n")
    code, out, err = outcome(command("kolo-probe", "run", "program.py", folder=tmp_path))
    assert (code, out) == (0, "over the limit\n")
    said = [line.partition("kolo-probe: ")[2] for line in err.splitlines()]
    option, imported, checked, failed = said
    assert "there is no option 'procesors' (did you mean 'processors'?)" in option
    assert imported == "processor shop.tracing:NOTHING cannot be imported: AttributeError; it is left out"
    assert checked.startswith("processor shop.tracing:NO_NAMES is left out: 'co_names' must be")
    place = rf"shop.tracing:FAILING: process\(\) at {tmp_path}/shop/tracing.py:\d+ \(KeyError\)"
    assert re.fullmatch(f"a processor failed, {place}: what it would have told is missing", failed)
    assert "4111" not in err
    assert [one for one in told(tmp_path) if one[0] == "payment"] == PAYMENTS
