"""The same programs with the same configuration under kolo-probe and under the published kolo package: which
calls and spans does each record? And are Kolo's processors processors here?

    python tests/compare/with_kolo.py --kolo ENVIRONMENT/bin/python

where ENVIRONMENT has `pip install kolo`, and the Python that runs this has kolo-probe. Both should be of one
Python version: what is a frame of its own differs between versions. Says what differs, and exits with 1 when
that is not what tests/filters/cases.json announces.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TABLE = json.loads((Path(__file__).parents[1] / "filters/cases.json").read_text("utf-8"))

# Kolo knows neither globs nor modules.
OF_KOLO = ("default", "ignoring", "including")

CALLS_OF_TABLE = """
import json
with open("paths.json", encoding="utf-8") as file:
    paths = json.load(file)
functions = []
for number, path in enumerate(paths):
    exec(compile(f"def case_{number}(): pass", path, "exec"))
    functions.append(locals()[f"case_{number}"])
with tracer.enable(name="table"):
    for function in functions:
        function()
"""

PROGRAM = """
import json, logging, threading
from shop import orders

class Handler(logging.Handler):
    def emit(self, record):
        orders.logged(record)

def from_library(found):
    return found

with tracer.enable(name="program"):
    logging.getLogger("shop").addHandler(Handler())
    logging.getLogger("shop").warning("called by a library")
    json.loads('{"a": 1}', object_hook=from_library)
    orders.checkout(3)
    thread = threading.Thread(target=orders.in_thread)
    thread.start()
    thread.join()
"""

FILES = {
    "shop/__init__.py": "",
    "shop/orders.py": """
import functools
from shop.migrations import applied
from shop.old import still_there
from env.site_packages_of_mine import mine

class Order:
    def __init__(self, count):
        self.count = count
    @property
    def total(self):
        return tax(self.count)
    @staticmethod
    def kind():
        return "order"

def tax(amount):
    return amount * 2

def failing():
    raise KeyError("x")

def steps():
    yield 1

@functools.lru_cache
def cached():
    return 1

def checkout(count):
    order = Order(count)
    order.total
    order.kind()
    cached()
    for step in steps():
        pass
    try:
        failing()
    except KeyError:
        pass
    applied()
    still_there()
    mine()
    sorted([3, 1], key=lambda item: tax(item))
    generated = {"__name__": "generated"}
    exec("def of_exec(): pass", generated)
    generated["of_exec"]()

def logged(record):
    pass

def in_thread():
    tax(1)
""",
    "shop/migrations/__init__.py": "def applied():\n    kept()\n\ndef kept():\n    pass\n",
    "shop/old.py": "def still_there():\n    pass\n",
    "env/__init__.py": "",
    "env/site_packages_of_mine.py": "def mine():\n    pass\n",
}

CONFIGURATIONS = {
    "no configuration": "",
    "ignoring": '[tool.kolo.filters]\nignore_frames = ["/migrations/", "old"]\n',
    "including": """
[tool.kolo.filters]
include_frames = ["/logging/", "migrations/__init__"]
ignore_frames = ["shop/"]
""",
    "including exec": '[tool.kolo.filters]\ninclude_frames = ["<string>"]\n',
}

# Needs Django beside Kolo too; left out where it is not.
DJANGO = """
import django
from django.conf import settings

settings.configure(
    DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    MIDDLEWARE=[tracer.__name__ + ".middleware.KoloMiddleware", "shop.own.middleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()

from django.contrib.auth.models import Group
from django.core.management import call_command
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.urls import path

call_command("migrate", verbosity=0)

def shout(text):
    return text.upper()

def checkout(request, number):
    Group.objects.create(name="g")
    names = list(Group.objects.values_list("name", flat=True))
    template = engines["django"].from_string("{{ names }} {{ shouted }}")
    return HttpResponse(template.render({"names": names, "shouted": lambda: shout("a")}, request))

def health(request):
    return HttpResponse("ok")

urlpatterns = [path("checkout/<int:number>/", checkout), path("health/", health)]
Client().get("/health/")
assert Client().post("/checkout/3/").status_code == 200
"""
DJANGO_FILES = {
    "pyproject.toml": '[tool.kolo.filters]\nignore_request_paths = ["/health"]\n',
    "shop/__init__.py": "",
    "shop/own.py": """
def middleware(get_response):
    def inner(request):
        return get_response(request)
    return inner
""",
}

# What only kolo-probe records.
MORE = {
    "generated.<module>": "the body of what exec runs, when <string> is included",
    "shop.orders.in_thread": "a thread: before Python 3.12 `kolo cat` shows the main one only",
}

# Our kinds of spans, and how the nodes of `kolo cat` begin that are of these kinds.
KINDS = {"request": "(GET|POST) /", "sql": "(SELECT|INSERT) ", "template": "Template: "}


@dataclass
class Recorder:
    """A package that records, and its command that tells what it did."""

    package: str
    python: str

    def run(self, folder: Path, program: str) -> None:
        (folder / "program.py").write_text(f"import {self.package} as tracer\n{program}", "utf-8")
        self._call(folder, self.python, "program.py")

    def calls(self, folder: Path) -> list[str]:
        """The qualified names of the recorded calls. (Kolo has a generator's once for each resumption.)"""
        if self.package == "kolo_probe":
            return [found["qualname"] for found in self._shown(folder)["activations"]]
        return re.findall(r"^\s*\d+ (\S+) \(", self._tree(folder), re.MULTILINE)

    def spans(self, folder: Path) -> list[str]:
        """The kinds of what processors told, as far as Kolo has such a kind."""
        if self.package == "kolo_probe":
            return [found["kind"] for found in self._shown(folder)["spans"] if found["kind"] in KINDS]
        nodes = re.findall(r"^\s*\d+ (.*)", self._tree(folder), re.MULTILINE)
        return [kind for node in nodes for kind, begins in KINDS.items() if re.match(begins, node)]

    def _shown(self, folder: Path) -> dict[str, list[dict[str, str]]]:
        shown = self._call(folder, f"{os.path.dirname(self.python)}/kolo-trace", "show", "latest", "--json")
        return json.loads(shown)

    def _tree(self, folder: Path) -> str:
        return self._call(folder, f"{os.path.dirname(self.python)}/kolo", "cat").partition("=== Trace ===\n")[
            2
        ]

    def names(self, folder: Path) -> list[str]:
        """What its traces are called."""
        programs = os.path.dirname(self.python)
        if self.package == "kolo_probe":
            listed = self._call(folder, f"{programs}/kolo-trace", "list", "--json").splitlines()
            return [json.loads(line)["name"] for line in listed]
        listed = self._call(folder, f"{programs}/kolo", "trace", "list")
        return re.findall(r"^(.*) \(.* ago, .*trc_\w+\)$", listed, re.MULTILINE)

    def _call(self, folder: Path, *words: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLO", "PYTHON"))}
        done = subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{done.stderr}")
        return done.stdout


def toml(configuration: dict[str, list[str]]) -> str:
    lists = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in configuration.items()]
    return "[tool.kolo.filters]\n" + "".join(lists)


def compare_table(kolo: Recorder) -> int:
    """Whether Kolo's verdicts are those that the table gives it."""
    wrong = 0
    for name in OF_KOLO:
        cases = [case for case in TABLE["cases"] if case["configuration"] == name]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "pyproject.toml").write_text(toml(TABLE["configurations"][name]), "utf-8")
            (folder / "paths.json").write_text(json.dumps([case["path"] for case in cases]), "utf-8")
            kolo.run(folder, CALLS_OF_TABLE)
            called = {call.rpartition(".")[2] for call in kolo.calls(folder)}
        for number, case in enumerate(cases):
            verdict = f"case_{number}" in called
            if verdict != case.get("kolo", case["recorded"]):
                wrong += 1
                print(f"  {name}: {case['path']!r}: Kolo says {verdict}, the table says otherwise")
        print(f"table, {name}: {len(cases)} paths, {sum('kolo' in case for case in cases)} known to differ")
    return wrong


def record(recorder: Recorder, program: str, files: dict[str, str]) -> tuple[list[str], list[str]]:
    """The calls that it records of a program; the names of its traces, and the spans of the last one."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        recorder.run(folder, program)
        return sorted(recorder.calls(folder)), [*recorder.names(folder), *recorder.spans(folder)]


def compare_program(name: str, recorders: list[Recorder], program: str, files: dict[str, str]) -> int:
    """Whether both record the same calls of a program and the same spans, in traces of the same names."""
    wrong = 0
    (ours, our_others), (kolos, kolos_others) = [record(recorder, program, files) for recorder in recorders]
    print(f"program, {name}: {len(ours)} calls under {recorders[0].package}, {len(kolos)} under Kolo")
    for call in sorted(set(ours) ^ set(kolos)):
        reason = MORE.get(call) if call in ours else None
        wrong += reason is None
        print(f"  only under {recorders[call not in ours].package}: {call}{f' ({reason})' if reason else ''}")
    if our_others != kolos_others:
        wrong += 1
        print(f"  traces and spans: {our_others} under {recorders[0].package}, {kolos_others} under Kolo")
    return wrong


def compare_programs(recorders: list[Recorder]) -> int:
    wrong = 0
    for name, configuration in CONFIGURATIONS.items():
        wrong += compare_program(name, recorders, PROGRAM, {**FILES, "pyproject.toml": configuration})
    if any(subprocess.run([one.python, "-c", "import django"]).returncode for one in recorders):
        print("program, Django: left out, it is not installed beside both")
        return wrong
    return wrong + compare_program("Django", recorders, DJANGO, DJANGO_FILES)


PROCESSORS = """
import importlib.metadata, logging
logging.basicConfig(format="  %(message)s")
from kolo_probe._processors import checked
points = importlib.metadata.entry_points(group="kolo.processors")
found = [checked(point.load(), point.name) for point in points]
print(f"processors: {len(found) - found.count(None)} of Kolo's {len(found)} dictionaries are processors here")
raise SystemExit(found.count(None))
"""


def compare_processors(kolo: Recorder) -> int:
    """How many of Kolo's own processors, as its entry points give them, would be refused here."""
    package = str(Path(__file__).parents[2] / "python")
    return subprocess.run(
        [kolo.python, "-c", PROCESSORS], env={**os.environ, "PYTHONPATH": package}
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kolo", required=True, metavar="PYTHON", help="a Python that has the kolo package")
    parser.add_argument("--probe", default=sys.executable, metavar="PYTHON", help="one that has kolo-probe")
    options = parser.parse_args()
    kolo, probe = Recorder("kolo", options.kolo), Recorder("kolo_probe", options.probe)
    wrong = compare_table(kolo) + compare_programs([probe, kolo]) + compare_processors(kolo)
    print(f"{wrong} differences that were not announced" if wrong else "no difference that was not announced")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
