"""Django REST framework's own tests: its source distribution holds them, an installed package does not."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

REST_FRAMEWORK = "rest_framework"

REQUIREMENTS = Path(__file__).resolve().parents[2] / "packaging" / "requirements-suites.txt"


def pip(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words], check=True
    )


def fetch_rest_framework(build: Path) -> tuple[Path, Path]:
    """The folders of the unpacked source distribution and of what its tests need; fetched the first time.

    Apart from the environment: our own tests shall not find its pytest plugins.
    """
    build.mkdir(parents=True, exist_ok=True)
    packages = build / "packages"
    if not packages.exists():
        pip("install", "--no-deps", "--target", str(packages), "-r", str(REQUIREMENTS))
    if not list(build.glob("djangorestframework-*.tar.gz")):
        pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(build), "djangorestframework")
    (archive,) = build.glob("djangorestframework-*.tar.gz")
    folder = build / archive.name[: -len(".tar.gz")]
    if not folder.exists():
        with tarfile.open(archive) as packed:
            packed.extractall(build)
    assert (folder / "tests").is_dir(), f"{archive.name} holds no tests"
    return folder, packages


def outcomes_of_report(report: Path) -> dict[str, str]:
    """What became of each test, from pytest's JUnit report."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        ends = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[f"{case.get('classname')}.{case.get('name')}"] = ends[0] if ends else "passed"
    return found
