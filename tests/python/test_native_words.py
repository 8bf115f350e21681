"""What was left out of a value is said in words, in `kolo-trace show` and `kolo-trace node`.

One program; each case is an argument of `f` and what stands for it.
"""

from __future__ import annotations

import pytest
from test_native_run import command
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

PROGRAM = """
class Wide:
    def __init__(self, count):
        for n in range(count):
            setattr(self, f"a{n}", n)

class Fails:
    def __repr__(self):
        raise ValueError

cycle = [1]
cycle.append(cycle)

def f(items, table, password, nested, text, blob, many, big, cyclic, wide, fails):
    if not items:
        never = 1
    raise KeyError("k")

try:
    f(list(range(5015)), dict.fromkeys(range(40)), "hunter2", [[[[1]]]], "x" * 4000, b"y" * 4000,
      {"token": "hunter2", "user": "me"}, ["z" * 500] * 32, cycle, Wide(30), Fails())
except KeyError:
    pass
"""

WORDS = {
    "items": "29, 30, 31, … + 4 983 items], table=",
    "pairs": "31: None, … + 8 items}",
    "a secret": "password=<redacted>",
    "a secret within": "many={'token': <redacted>, 'user': 'me'}",
    "depth": "nested=[[[<too deep>]]]",
    "a cut text": f"text='{'x' * 512}'…(4 000 characters)",
    "cut bytes": f"blob=b'{'y' * 512}'…(4 000 bytes)",
    "a value too large": " <too large>], cyclic=",
    "a cycle": "cyclic=[1, <cycle>]",
    "attributes": "a23=23, … + 6 attributes)",
    "a repr": "fails=<Fails <its repr failed>>",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    script(folder, PROGRAM)
    (folder / "pyproject.toml").write_text(
        '[tool.kolo]\nlimits = { max_event_us = 1_000_000 }\nrepr = { types = ["__main__.Fails"] }\n'
    )
    done = command("kolo-probe", "run", "--hook", "auto", "program.py", folder=folder)
    assert (done.returncode, done.stderr) == (0, b"")
    show = command("kolo-trace", "show", "latest", "--width", "0", folder=folder).stdout.decode()
    (line,) = [line for line in show.splitlines() if "__main__.f(" in line]
    node = command("kolo-trace", "node", "latest", line.split()[0], folder=folder).stdout.decode()
    # The marks are told apart from the program's own text by these; `<` is easier to read here.
    return [text.replace("\u2039", "<").replace("\u203a", ">") for text in (line, node)]


@pytest.mark.parametrize("name", WORDS)
def test_show_says_it(said, name):
    assert WORDS[name] in said[0]


@pytest.mark.parametrize(
    "words",
    [
        "… + 4 983 items",
        "… + 8 items,\n",
        "password = <redacted>",
        "'token': <redacted>",
        "<too deep>",
        "…(4 000 characters)",
        " <too large>,\n",
        "<cycle>",
        "… + 6 attributes,\n",
        "<__main__.Fails <its repr failed>>",
        "never = <no value>",
        "KeyError('k') at line 17",
    ],
)
def test_node_says_it(said, words):
    assert words in said[1]
