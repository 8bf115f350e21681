"""KOLO_PATH, KOLO_DISABLE, and where the collector's program is looked for."""

from __future__ import annotations

import os
import sys

import pytest

from kolo_probe import _paths


@pytest.mark.parametrize("value", ["false", "0", "False", "", " 0 "])
def test_kolo_disable_with_these_values_means_enabled(value):
    assert not _paths.is_disabled({"KOLO_DISABLE": value})


@pytest.mark.parametrize("value", ["1", "true", "yes", "no", "off"])
def test_kolo_disable_with_any_other_value_disables(value):
    assert _paths.is_disabled({"KOLO_DISABLE": value})


def test_disabled_nothing_is_configured_and_the_handle_still_works(probe, monkeypatch):
    import kolo_probe

    monkeypatch.setenv("KOLO_DISABLE", "1")
    with kolo_probe.enable() as trace:
        assert trace.trace_id is None
    assert kolo_probe.enable(lambda: 3)() == 3
    assert probe.settings == []


def test_kolo_path_names_the_folder_that_holds_dot_kolo(tmp_path):
    assert _paths.project_folder({}) == str(tmp_path)
    assert _paths.project_folder({"KOLO_PATH": ""}) == str(tmp_path)
    assert _paths.project_folder({"KOLO_PATH": "sub/../x"}) == str(tmp_path / "x")
    assert _paths.project_folder({"KOLO_PATH": "/srv/site/"}) == "/srv/site"


def test_a_deleted_current_folder_is_no_error(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert _paths.project_folder({}) == "/"
    os.chdir(tmp_path)


def program(folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kolo-collectord"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_collector_beside_the_interpreter_comes_before_the_one_on_the_path(tmp_path, monkeypatch):
    near, far = program(tmp_path / "venv/bin"), program(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    environ = {"PATH": f"relative:{os.path.dirname(far)}"}
    assert _paths.find_collectord(environ) == near
    os.chmod(near, 0o644)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "nowhere"))
    monkeypatch.setattr(_paths, "__file__", str(tmp_path / "nowhere/kolo_probe/_paths.py"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path / "nowhere"))
    assert _paths.find_collectord(environ) == far
    assert _paths.find_collectord({"PATH": "relative"}) is None


def test_a_collector_in_a_relative_folder_of_the_path_is_never_started(tmp_path, monkeypatch):
    program(tmp_path / "bin")
    monkeypatch.setattr(_paths, "_script_folders", lambda _: iter(["", ".", "bin"]))
    assert _paths.find_collectord({}) is None
