"""Which folders are the interpreter's: as the interpreter itself says, by every name that they have."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig

import pytest

import kolo_probe
from kolo_probe._library import library_folders, own_folders
from kolo_probe._settings import filter_settings, with_defaults
from kolo_probe.pure.filters import accepts


def is_recorded(path):
    return accepts(str(path), filter_settings(with_defaults({})))


@pytest.mark.parametrize("name", ["stdlib", "platstdlib", "purelib", "platlib"])
def test_all_that_sysconfig_knows_is_library(name):
    folder = sysconfig.get_path(name)
    assert not is_recorded(f"{folder}/module.py")
    assert not is_recorded(f"{os.path.realpath(folder)}/module.py")


@pytest.mark.parametrize(
    "name", ["json.decoder", "email.message", "unittest.case", "xml.dom.minidom", "_pydecimal"]
)
def test_modules_of_the_standard_library_and_of_packages_are_library(name):
    try:
        module = importlib.import_module(name)
    except ImportError:
        pytest.skip(f"this Python has no {name}")
    assert not is_recorded(module.__file__)
    assert not is_recorded(pytest.__file__)


def test_the_interpreters_prefix_is_no_library(tmp_path):
    # Programs lie below it: /usr/src/app, or a project that is a virtual environment itself.
    for prefix in (sys.prefix, sys.base_prefix):
        assert is_recorded(f"{prefix}/src/app/views.py")
        assert is_recorded(f"{prefix}/shop/views.py")


def test_a_library_that_sys_path_reaches_by_a_link_is_library_by_that_name_too(tmp_path, monkeypatch):
    link = tmp_path / "python"
    link.symlink_to(os.path.dirname(os.path.dirname(os.__file__)))
    entry = f"{link}/{os.path.basename(os.path.dirname(os.__file__))}"
    assert is_recorded(f"{entry}/json/decoder.py")
    monkeypatch.setattr(sys, "path", [*sys.path, entry])
    assert not is_recorded(f"{entry}/json/decoder.py")


def test_an_interpreter_that_is_reached_by_a_link_has_its_library_by_both_names(tmp_path):
    link = tmp_path / "root"
    link.symlink_to(sys.base_prefix)
    program = f"{link}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    if not os.path.exists(program):
        pytest.skip("this Python's program lies elsewhere")
    package = os.path.dirname(os.path.dirname(kolo_probe.__file__))
    code = "import sys, os; sys.path.append(sys.argv[1])\n"
    code += "from kolo_probe._library import library_folders as f; print(os.__file__, *f(), sep='\\n')"
    said = subprocess.run([program, "-c", code, package], capture_output=True, text=True, check=True)
    module, *folders = said.stdout.splitlines()
    assert module.startswith(str(link)), "this Python resolves links itself"
    assert module.startswith(tuple(folders))
    assert os.path.realpath(module).startswith(tuple(folders))


@pytest.mark.parametrize(
    "entry", ["", ".", "/", "no/such/folder", "nul\0", b"/bytes", None, "caf\udce9", "x" * 5000]
)
def test_whatever_stands_in_sys_path_nothing_fails_and_no_project_becomes_library(
    entry, monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "path", [entry, *sys.path])
    assert is_recorded("/srv/shop/views.py")
    assert is_recorded(tmp_path / "views.py")


def test_a_python_without_a_folder_of_its_own_makes_nothing_library(monkeypatch):
    # As where it is embedded.
    monkeypatch.delattr(os, "__file__")
    for name in ("prefix", "base_prefix", "exec_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, "")
    monkeypatch.delitem(sys.modules, "site")
    assert "/" not in library_folders()
    assert is_recorded("/srv/shop/views.py")


def test_this_package_is_its_own_folder_by_every_name(tmp_path, monkeypatch):
    (tmp_path / "kolo_probe").symlink_to(os.path.dirname(kolo_probe.__file__))
    monkeypatch.setattr("kolo_probe._library.__file__", str(tmp_path / "kolo_probe/_library.py"))
    assert own_folders() == [
        f"{tmp_path}/kolo_probe/", os.path.realpath(os.path.dirname(kolo_probe.__file__)) + "/"
    ]  # fmt: skip


def test_packages_called_like_it_or_like_kolo_are_not_this_package():
    beside = os.path.join(os.path.dirname(__file__), "..", "..", "python")  # as of an editable install
    for name in ("kolo", "kolo_probe_shop", "kolo_probes"):
        assert is_recorded(f"{beside}/{name}/config.py")
        assert is_recorded(f"/srv/{name}/config.py")
