"""Configuration: which file counts, what an option may be, and that no mistake in it reaches the program."""

from __future__ import annotations

import errno
import os

import pytest

from kolo_probe._config import call_options, file_options
from kolo_probe._options import BY_KEY, OPTIONS
from kolo_probe._session import session


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_without_a_file_every_option_has_its_default(probe, tmp_path):
    session()
    settings = probe.settings[0]
    assert settings["folder"] == str(tmp_path / ".kolo")
    assert settings["socket"] == str(tmp_path / ".kolo" / "collector.sock")
    assert settings["collector"] == "auto"
    assert settings["when_full"] == "drop"
    assert settings["arena_mb"] == 64
    assert settings["values"] is True
    assert (settings["max_depth"], settings["max_items"], settings["max_attributes"]) == (3, 32, 24)
    assert (settings["max_text"], settings["max_value_bytes"], settings["max_event_bytes"]) == (
        512,
        4096,
        16384,
    )
    assert settings["include_frames"] == []
    assert "password" in settings["redact"]


def test_the_native_module_gets_every_key_of_its_surface(probe):
    session()
    assert set(probe.settings[0]) == {
        "folder", "socket", "collector", "collectord_path", "hook", "include_frames", "ignore_frames",
        "library_folders", "own_folders",
        "when_full", "wait_ms", "arena_mb", "omit_return_locals", "values", "max_depth", "max_items",
        "max_attributes", "max_text", "max_value_bytes", "max_event_bytes", "max_event_us", "redact",
        "repr_all", "repr_types", "repr_max_us",
        "span_text", "span_items", "span_bytes",
        "version", "git_sha", "argv", "cwd", "python", "implementation",
    }  # fmt: skip


def test_pyproject_is_used_and_config_toml_is_not_looked_at_then(tmp_path):
    write(tmp_path / "pyproject.toml", "[tool.kolo]\narena_mb = 8\n")
    write(tmp_path / ".kolo/config.toml", 'arena_mb = 9\nwhen_full = "wait"\n')
    assert file_options(str(tmp_path)) == {"arena_mb": 8}


@pytest.mark.parametrize(
    "pyproject", ["[project]\nname='x'\n", "[tool.ruff]\n", "this mentions kolo and tool ["]
)
def test_config_toml_is_used_when_pyproject_has_no_table(tmp_path, pyproject):
    write(tmp_path / "pyproject.toml", pyproject)
    write(tmp_path / ".kolo/config.toml", '[filters]\ninclude_frames = ["/a/"]\n')
    assert file_options(str(tmp_path)) == {"filters.include_frames": ["/a/"]}


def test_kolos_own_keys_are_accepted_silently(tmp_path, warned):
    write(
        tmp_path / ".kolo/config.toml",
        "use_rust = true\nuse_msgpack = true\nuse_monitoring = false\nline_events = false\nprocessors = []\n"
        "lightweight_repr = true\nsqlite_busy_timeout = 60\nflush_subtree_mb = 500\nauto_emit = true\n"
        "threading = true\nhide_startup_message = true\nproduction_beta = false\nomit_return_locals = true\n"
        "[trace_points]\non_return = ['f']\n[filters]\nignore_frames = ['x']\n"
        "ignore_request_paths = ['/health']\n",
    )
    assert file_options(str(tmp_path)) == {
        "omit_return_locals": True,
        "processors": [],
        "filters.ignore_frames": ["x"],
        "filters.ignore_request_paths": ["/health"],
    }
    assert warned() == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("arena_mb = '64'", "arena_mb must be a whole number from 2 to 1024"),
        ("arena_mb = true", "arena_mb must be a whole number"),
        ("arena_mb = 1", "arena_mb must be a whole number"),
        ("arena_mb = 1e3", "arena_mb must be a whole number"),
        ("values = 'yes'", "values must be true or false"),
        ("values = 1", "values must be true or false"),
        ("collector = 'always'", 'collector must be one of "auto", "require", "off"'),
        ("collector = ['auto']", "collector must be one of"),
        ("socket = ''", "socket must be a non-empty string"),
        ("when_full = {}", 'when_full must be one of "drop", "wait"'),
        ("filters = ['x']", "filters must be a table of options"),
        ("filters.include_frames = 'x'", "filters.include_frames must be a list of strings"),
        ("filters.include_frame = ['x']", "did you mean 'filters.include_frames'?"),
        ("limits.max_dept = 2", "did you mean 'limits.max_depth'?"),
        ("nonsense_qqq = 2", "there is no option 'nonsense_qqq'"),
        ("redact = ['password']", "redact must be a table of options"),
    ],
)
def test_an_unusable_option_costs_one_warning_and_the_rest_is_used(tmp_path, warned, line, said):
    write(tmp_path / ".kolo/config.toml", f"{line}\nwait_ms = 5\n")
    assert file_options(str(tmp_path)) == {"wait_ms": 5}
    (message,) = warned()
    assert said in message
    assert message.startswith("kolo-probe: ")
    assert str(tmp_path / ".kolo/config.toml") in message
    assert "\n" not in message


def test_the_usable_items_of_a_list_are_used(tmp_path, warned):
    write(tmp_path / ".kolo/config.toml", "[filters]\nignore_frames = ['a', 3, '', 'b']\n")
    assert file_options(str(tmp_path)) == {"filters.ignore_frames": ["a", "b"]}
    assert len(warned()) == 1


@pytest.mark.parametrize(
    ("entry", "usable", "said"),
    [
        (
            "module:shop..billing",
            ["/tests/"],
            "has 'module:shop..billing', which names no module; it is ignored",
        ),
        ("module:", ["/tests/"], "has 'module:', which names no module; it is ignored"),
        (
            "module:shop/billing",
            ["/tests/"],
            "has 'module:shop/billing', which names no module; it is ignored",
        ),
        (
            "*/v[12/*.py",
            ["*/v[12/*.py", "/tests/"],
            "has '*/v[12/*.py', whose [ is never closed: it is no glob",
        ),
    ],
)
def test_a_pattern_that_cannot_be_understood_costs_one_line_and_the_others_are_used(
    tmp_path, warned, entry, usable, said
):
    write(tmp_path / ".kolo/config.toml", f"[filters]\nignore_frames = ['{entry}', '/tests/']\n")
    assert file_options(str(tmp_path)) == {"filters.ignore_frames": usable}
    (line,) = warned()
    assert f"filters.ignore_frames {said}" in line


@pytest.mark.parametrize("pattern", ["module:shop.billing", "*/v[12]/*.py", "shop[old", "/[x]/", "a]b"])
def test_globs_modules_and_kolos_plain_parts_are_patterns(tmp_path, warned, pattern):
    write(tmp_path / ".kolo/config.toml", f"[filters]\ninclude_frames = ['{pattern}']\n")
    assert file_options(str(tmp_path)) == {"filters.include_frames": [pattern]}
    assert warned() == []


@pytest.mark.parametrize("pattern", ["/", ".py", "*", "*.py", "y", "{project}", "/*/*"])
def test_filters_that_exclude_the_whole_project_cost_one_line_and_are_used(probe, tmp_path, warned, pattern):
    pattern = pattern.format(project=tmp_path.name)
    session({"filters": {"ignore_frames": ["/tests/", pattern]}})
    assert warned() == [
        f"kolo-probe: filters.ignore_frames: {pattern!r} ignores every file of {tmp_path}; "
        "name what is to be recorded in filters.include_frames"
    ]
    assert probe.settings[0]["ignore_frames"] == ["/tests/", pattern]


@pytest.mark.parametrize(
    "filters",
    [
        {"ignore_frames": ["/"], "include_frames": ["/billing/"]},  # only those: a usual way
        {"ignore_frames": ["/tests/", "abcd", "*/migrations/*", "module:shop"]},
        {"include_frames": ["/"]},
    ],
)
def test_filters_that_leave_something_cost_nothing(probe, warned, filters):
    session({"filters": filters})
    assert warned() == []


def test_a_warning_never_shows_a_text_that_may_be_a_secret(tmp_path, warned):
    write(tmp_path / ".kolo/config.toml", "collector = 'hunter2'\n")
    file_options(str(tmp_path))
    assert "hunter2" not in warned()[0]


@pytest.mark.parametrize(
    "content", [b"arena_mb = ", b"\xff\xfe\x00", b"[" * 50, b"a = 1\na = 2\n", b"x = " + b"[" * 100_000]
)
def test_a_file_that_is_not_toml_costs_one_warning(tmp_path, warned, content):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_bytes(content)
    assert file_options(str(tmp_path)) == {}
    (message,) = warned()
    assert "is not valid TOML" in message


def test_config_toml_that_is_a_folder_costs_one_warning(tmp_path, warned):
    (tmp_path / ".kolo/config.toml").mkdir(parents=True)
    assert file_options(str(tmp_path)) == {}
    assert "cannot be read" in warned()[0]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ELOOP, errno.EMFILE])
def test_a_file_that_cannot_be_read_costs_one_warning(tmp_path, warned, monkeypatch, number):
    write(tmp_path / ".kolo/config.toml", "arena_mb = 8")
    really_open = open

    def refusing_open(path, *args, **kwargs):
        if str(path).endswith("config.toml"):
            raise OSError(number, os.strerror(number), str(path))
        return really_open(path, *args, **kwargs)

    monkeypatch.setattr("builtins.open", refusing_open)
    assert file_options(str(tmp_path)) == {}
    (message,) = warned()
    assert f"cannot be read ({os.strerror(number)})" in message


def test_dot_kolo_that_is_a_file_is_no_configuration_and_no_error(tmp_path, warned):
    (tmp_path / ".kolo").write_text("")
    assert file_options(str(tmp_path)) == {}
    assert warned() == []


@pytest.mark.parametrize("value", ["3", "[1]", "'x'", "true"])
def test_tool_kolo_that_is_no_table_costs_one_warning(tmp_path, warned, value):
    write(tmp_path / "pyproject.toml", f"[tool]\nkolo = {value}\n")
    assert file_options(str(tmp_path)) == {}
    assert "tool.kolo must be a table" in warned()[0]


def test_a_broken_pyproject_that_never_names_kolo_is_not_ours_to_report(tmp_path, warned):
    write(tmp_path / "pyproject.toml", "[broken")
    assert file_options(str(tmp_path)) == {}
    assert warned() == []


def test_enable_goes_over_the_file_one_level_deep(probe, tmp_path):
    write(
        tmp_path / "pyproject.toml",
        "[tool.kolo]\narena_mb = 8\n"
        "[tool.kolo.filters]\ninclude_frames = ['file']\nignore_frames = ['file']\n",
    )
    session({"filters": {"include_frames": ["call"]}, "wait_ms": 1})
    settings = probe.settings[0]
    assert settings["include_frames"] == ["call"]
    assert settings["ignore_frames"] == ["file"]
    assert (settings["arena_mb"], settings["wait_ms"]) == (8, 1)


@pytest.mark.parametrize("config", [3, "x", ["a"], object()])
def test_a_config_that_is_no_dictionary_costs_one_warning(config, warned):
    assert call_options(config) == {}
    assert "config must be a dictionary" in warned()[0]


def test_keys_that_are_no_strings_cost_one_warning(warned):
    assert call_options({3: 4, "filters": {None: 1}}) == {}
    assert len(warned()) == 2


def test_redaction_names_are_added_and_removed(probe, tmp_path):
    write(tmp_path / ".kolo/config.toml", "[redact]\nadd = ['Iban']\nremove = ['SESSION']\n")
    session()
    assert "iban" in probe.settings[0]["redact"]
    assert "session" not in probe.settings[0]["redact"]
    assert "password" in probe.settings[0]["redact"]


def test_paths_in_the_configuration_are_meant_from_the_projects_folder(probe, tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    write(
        tmp_path / "project/.kolo/config.toml",
        "socket = 'run/x.sock'\ncollector_path = '/opt/kolo-collectord'\n",
    )
    monkeypatch.setenv("KOLO_PATH", "project")
    session()
    assert probe.settings[0]["socket"] == str(tmp_path / "project/run/x.sock")
    assert probe.settings[0]["collectord_path"] == "/opt/kolo-collectord"
    assert probe.settings[0]["folder"] == str(tmp_path / "project/.kolo")


def test_the_first_configuration_fixes_the_filters_and_another_one_warns_once(probe, warned):
    session({"filters": {"include_frames": ["a"]}})
    session({"filters": {"include_frames": ["a"]}})
    assert warned() == []
    session({"filters": {"include_frames": ["b"]}})
    session({"filters": {"include_frames": ["c"]}})
    assert len(warned()) == 1
    assert "keeps the filters it was first configured with" in warned()[0]


def test_a_runs_default_stands_below_the_file(probe, tmp_path):
    write(tmp_path / ".kolo/config.toml", "when_full = 'drop'\n")
    session(defaults={"when_full": "wait"})
    assert probe.settings[0]["when_full"] == "drop"


def test_every_default_passes_its_own_check():
    for option in OPTIONS:
        if option.default is not None:
            usable, complaint = option.check(list(option.default) if option.default == () else option.default)
            assert (complaint, usable) == (None, [] if option.default == () else option.default), option.key
    assert len(BY_KEY) == len(OPTIONS)


def test_without_a_native_module_one_warning_and_the_probe_in_python(monkeypatch, warned):
    import sys

    import kolo_probe
    from kolo_probe import _session
    from kolo_probe.pure import probe

    monkeypatch.delattr(kolo_probe, "_probe", raising=False)
    monkeypatch.setitem(sys.modules, "kolo_probe._probe", None)
    assert _session._load("auto") is _session._load("auto") is probe
    (message,) = warned()
    assert "native module cannot be loaded" in message
    assert "slower" in message


def test_whatever_keeps_the_probe_from_loading_one_warning_and_nothing_is_traced(monkeypatch, warned):
    import kolo_probe
    from kolo_probe import _session

    def refuse(hook):
        raise OSError("out of order")

    monkeypatch.setattr(_session, "_load", refuse)
    with kolo_probe.enable() as trace:
        assert trace.trace_id is None
    with kolo_probe.enable():
        pass
    (message,) = warned()
    assert "nothing is recorded: the probe cannot be loaded (out of order)" in message


def test_names_and_arguments_that_are_no_text_reach_the_native_module_as_utf_8(probe, tmp_path, monkeypatch):
    import os
    import sys

    import kolo_probe

    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["program\udcff", "\ud800"])
    with kolo_probe.enable({"filters": {"ignore_frames": ["\udcff"]}}, name="\ud800 name"):
        pass
    settings = probe.settings[0]
    assert settings["folder"] == os.fsencode(folder / ".kolo")
    assert settings["argv"] == ["program?", "?"]
    assert settings["ignore_frames"] == ["\ufffd"]
    assert probe.begun() == ["? name"]


def test_a_native_module_that_refuses_its_settings_costs_one_warning(probe, warned, monkeypatch):
    import kolo_probe

    def refuse(settings):
        raise TypeError("configure: the setting 'x' is missing")

    monkeypatch.setattr(probe, "configure", refuse)
    with kolo_probe.enable() as trace:
        assert trace.trace_id is None
    assert len(warned()) == 1


@pytest.mark.parametrize("name", [3, b"bytes", ["list"], ""])
def test_a_name_that_is_no_string_is_shown_as_one(probe, name):
    import kolo_probe

    with kolo_probe.enable(name=name):
        pass
    assert probe.begun() == [str(name)]
