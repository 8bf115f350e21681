"""The pages that list what there is, against what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kolo_probe import _warnings
from kolo_probe._config import call_options, file_options
from kolo_probe._options import KOLO_ONLY, OPTIONS
from kolo_probe._redact import DEFAULT_NAMES
from kolo_probe._settings import native_settings, with_defaults

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text("utf-8")


def row(option):
    """An option's line in docs/configuration.md."""
    _, complaint = option.check(object())
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    shown = "none" if default is None else f"`{json.dumps(default)}`"
    return f"| `{option.key}` | {complaint.partition('must be ')[2]} | {shown} | {option.meaning} |"


def test_the_reference_of_the_configuration_has_each_option_as_it_is():
    listed = re.findall(r"^\| `[a-z0-9_.]+` \|(?:.*\|){3}$", CONFIGURATION, re.MULTILINE)
    assert sorted(listed) == sorted(row(option) for option in OPTIONS)


def test_it_has_each_name_that_is_a_secret():
    (names,) = re.findall(r"By default: (.*)\.$", CONFIGURATION, re.MULTILINE)
    assert re.findall("`(.*?)`", names) == list(DEFAULT_NAMES)


def test_it_has_each_variable_of_the_environment():
    read = set()
    for path in [*(ROOT / "python").rglob("*.py"), ROOT / "python/kolo_probe.pth"]:
        read |= set(re.findall(r"""environ\.get\(\s*["'](KOLO_\w+)""", path.read_text("utf-8")))
    assert sorted(re.findall(r"^\| `(KOLO_\w+)` \|", CONFIGURATION, re.MULTILINE)) == sorted(read)
    assert read


MISTAKES = re.findall(r"^\| `(.*?)` \| `(.*)` \|$", CONFIGURATION.partition("## Mistakes")[2], re.MULTILINE)


@pytest.mark.parametrize(("mistake", "line"), MISTAKES)
def test_each_mistake_costs_the_line_that_it_shows(tmp_path, warned, monkeypatch, mistake, line):
    folder = tmp_path / "shop"
    (folder / ".kolo").mkdir(parents=True)
    if mistake.startswith("enable("):
        call_options(json.loads(mistake[len("enable(") : -1]))
    else:
        (folder / ".kolo/config.toml").write_text(f"{mistake}\n")
        native_settings(with_defaults(file_options(str(folder))), str(folder), {})
    (said,) = warned()
    expected = re.escape(line.replace("/srv/shop", str(folder))).replace("…", ".*")
    assert re.fullmatch(f"kolo-probe: {expected}", said), said
    assert _warnings._said


def test_the_page_for_kolos_users_has_each_option_of_kolos():
    page = (ROOT / "docs/coming-from-kolo.md").read_text("utf-8")
    shared = {
        "filters.include_frames", "filters.ignore_frames", "filters.ignore_request_paths", "processors",
        "omit_return_locals",
    }  # fmt: skip
    listed = set(re.findall(r"`([a-z_.]+)`", "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))))
    missing = {key for key in KOLO_ONLY if key not in listed and f"{key}.on_return" not in listed}
    assert missing | (shared - listed) == set()


def test_that_page_names_each_module_of_processors():
    page = (ROOT / "docs/coming-from-kolo.md").read_text("utf-8")
    told = page.partition("## What plugins tell")[2].partition("\n## ")[0]
    modules = {path.stem for path in (ROOT / "python/kolo_probe/processors").glob("[a-z]*.py")}
    assert {name for name in modules if f"`{name}`" not in told} == set()


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=lambda page: page.name
)
def test_what_a_page_links_to_is_there(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
