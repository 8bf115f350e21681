"""docs/processors.md: its example does what the page says, its dictionary is the one that is checked."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from driving import driven

from kolo_probe._processors import EVENTS, KEYS, load
from kolo_probe._settings import with_defaults

PAGE = (Path(__file__).parents[2] / "docs/processors.md").read_text("utf-8")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The files of the page, importable."""
    for path, text in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    names = re.search(r'^processors = \["(\S+)"\]$', PAGE, re.MULTILINE).groups()
    from shop import payments

    yield payments, list(names)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_the_example_tells_what_the_page_says(shop):
    payments, names = shop
    (own,) = [one for one in load(with_defaults({"processors": names})) if one.label == names[0]]
    assert own.label == "shop.tracing:CHARGE"
    with driven([sys.modules["shop.tracing"].CHARGE]) as spans:
        payments.charge({"limit": 500}, 300)
        payments.charge({"limit": 500, "is_test": True}, 1)
        with pytest.raises(payments.Declined):
            payments.charge({"limit": 500}, 900, currency="CHF")
    paid, declined = spans
    assert (paid.kind, paid.name, paid.type, paid.end_type) == (
        "payment",
        "300 EUR",
        "payment",
        "payment_end",
    )
    assert paid.start == {"amount": 300, "currency": "EUR", "number": 1}
    assert (paid.end, paid.outcome) == ({"receipt": "R-300"}, "returned")
    assert (declined.name, declined.start["number"], declined.outcome) == ("900 CHF", 2, "raised")
    assert isinstance(declined.end["declined"], payments.Declined)


def test_the_table_has_every_key_and_every_event():
    told = [
        key for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for key in re.findall("`(.*?)`", row)
    ]
    assert sorted(told) == sorted(KEYS)
    (row,) = re.findall(r"^\| `events` .*$", PAGE, re.MULTILINE)
    assert all(f"`{event}`" in row for event in EVENTS)


def test_the_lines_it_shows_are_the_lines_that_are_said(shop, caplog):
    tracing = __import__("shop.tracing").tracing
    broken = dict(tracing.CHARGE, co_names="charge")
    tracing.NO_NAMES, tracing.MISSPELT = broken, dict(tracing.CHARGE, proces=print)
    named = ["shop.tracing:NO_NAMES", "shop.tracing:MISSPELT", "shop.traicng:CHARGE"]
    load(with_defaults({"processors": named}))
    said = [record.getMessage() for record in caplog.records if record.name == "kolo_probe"]
    for line in said:
        assert f"    {re.sub('NO_NAMES|MISSPELT', 'CHARGE', line)}\n" in PAGE
    assert len(said) == 3
