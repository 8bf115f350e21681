"""Every option that a configuration may have: its name, what it may be, its default and its meaning.

Keys are dotted here and tables in TOML: `limits.max_depth` is `max_depth` under `[tool.kolo.limits]` in
pyproject.toml, `[limits]` in `.kolo/config.toml`, and `{"limits": {"max_depth": …}}` for `enable()`.
"""

from __future__ import annotations

from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    # What of a value can be used, and what to say about the rest.
    Check = Callable[[Any], "tuple[Any, str | None]"]


class _Unusable:
    """The type of UNUSABLE, which stands for "nothing of this value"; None could be a value."""


UNUSABLE = _Unusable()


def _flag(value: Any) -> tuple[Any, str | None]:
    return (value, None) if isinstance(value, bool) else (UNUSABLE, "must be true or false")


def _text(value: Any) -> tuple[Any, str | None]:
    usable = isinstance(value, str) and value and "\0" not in value
    return (value, None) if usable else (UNUSABLE, "must be a non-empty string")


def _texts(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, (list, tuple)):
        return UNUSABLE, "must be a list of strings"
    usable = [item for item in value if isinstance(item, str) and item]
    complaint = (
        None if len(usable) == len(value) else "must hold non-empty strings only; its other items are ignored"
    )
    return usable, complaint


def _patterns(value: Any) -> tuple[Any, str | None]:
    usable, complaint = _texts(value)
    if usable is UNUSABLE or complaint is not None:
        return usable, complaint
    for pattern in [pattern for pattern in usable if "[" in pattern or pattern.startswith("module:")]:
        from kolo_probe.pure.filters import MODULE, has_closed_sets

        if pattern.startswith(MODULE):
            if not all(name.isidentifier() for name in pattern[len(MODULE) :].split(".")):
                usable = [other for other in usable if other != pattern]
                complaint = f"has {pattern[:80]!r}, which names no module; it is ignored"
        elif not has_closed_sets(pattern) and any(character in pattern for character in "*?"):
            complaint = f"has {pattern[:80]!r}, whose [ is never closed: it is no glob, but a part of a path"
    return usable, complaint


def _whole_number(low: int, high: int) -> Check:
    def check(value: Any) -> tuple[Any, str | None]:
        usable = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return (value, None) if usable else (UNUSABLE, f"must be a whole number from {low} to {high}")

    return check


def _one_of(*choices: str) -> Check:
    listed = ", ".join(f'"{choice}"' for choice in choices)

    def check(value: Any) -> tuple[Any, str | None]:
        return (value, None) if value in choices else (UNUSABLE, f"must be one of {listed}")

    return check


HOOKS = ("auto", "monitoring", "frame_eval", "profile", "pure")


class Option:
    """One line of the table below. A plain class: `dataclasses` alone would cost 10 ms of process start."""

    __slots__ = ("check", "default", "key", "meaning")

    def __init__(self, key: str, check: Check, default: Any, meaning: str) -> None:
        self.key = key
        self.check = check
        self.default = default
        self.meaning = meaning


OPTIONS = (
    # Filters: as in Kolo, each entry is a part of a file's path; or a glob, or "module:shop.billing".
    Option("filters.include_frames", _patterns, (), "Files recorded, whatever other filters say of them."),
    Option("filters.ignore_frames", _patterns, (), "Files not recorded; libraries are ignored by default."),
    Option("filters.ignore_request_paths", _texts, (), "Requests whose path has this part are not traced."),
    # The collector.
    Option("collector", _one_of("auto", "require", "off"), "auto",
           "auto: start a collector when none runs; require: use one that runs; off: connect to none."),
    Option("collector_path", _text, None, "The kolo-collectord to start; default: the one installed along."),
    Option("socket", _text, None, "The collector's socket; default: .kolo/collector.sock."),
    # What happens when events come faster than the collector stores them.
    Option("when_full", _one_of("drop", "wait"), "drop",
           'drop: count and go on; wait: the program waits ("wait" is the default of kolo-probe run).'),
    Option("wait_ms", _whole_number(0, 600_000), 10_000, "How long one wait may last, in milliseconds."),
    Option("arena_mb", _whole_number(2, 1024), 64, "Memory for events not stored yet, in megabytes."),
    # What is recorded.
    Option("hook", _one_of(*HOOKS), "auto",
           "How calls are seen; auto: the best for this Python; pure: without the native module."),
    Option("values", _flag, True, "Record arguments, locals and results."),
    Option("omit_return_locals", _flag, False, "Record no locals where a function returns."),
    Option("limits.max_depth", _whole_number(0, 32), 3, "Levels of containers and attributes in one value."),
    Option("limits.max_items", _whole_number(0, 65_536), 32, "Items of one list, set or map."),
    Option("limits.max_attributes", _whole_number(0, 65_536), 24, "Attributes of one object."),
    Option("limits.max_text", _whole_number(0, 1_048_576), 512, "Characters of one string."),
    Option("limits.max_value_bytes", _whole_number(16, 1_048_576), 4096, "Bytes of one recorded value."),
    Option("limits.max_event_bytes", _whole_number(64, 1_048_576), 16_384, "Bytes of one event's values."),
    Option("limits.max_event_us", _whole_number(1, 1_000_000), 100, "Microseconds for one event's values."),
    # What objects say of themselves. Their __repr__ is the program's code, and runs only when asked for here.
    Option("repr.all", _flag, False, "Call the __repr__ of every object that has one of its own."),
    Option("repr.types", _texts, (), 'Call that of these classes: "shop.models.Order", "shop.cart.Cart".'),
    Option("repr.max_us", _whole_number(1, 1_000_000), 1000,
           "Microseconds for one; a class that takes longer is not asked again."),
    Option("one_trace_per_test", _flag, False, "A trace of its own for each test of pytest and unittest."),
    # What processors tell of a call: docs/processors.md.
    Option("processors", _texts, (), 'Your own processors: "shop.tracing:PROCESSOR", as module:attribute.'),
    Option("spans.enabled", _flag, True, "Ask processors at all, those that come along included."),
    Option("spans.max_text", _whole_number(0, 1_048_576), 8192, "Characters of one string: SQL, a body."),
    Option("spans.max_items", _whole_number(0, 65_536), 100, "Items of one list or map: rows, headers."),
    Option("spans.max_bytes", _whole_number(64, 1_048_576), 24_576, "Bytes of what is told at once."),
    Option("spans.propagate", _flag, True,
           "Send a traceparent header with requests and jobs, to link the traces of other services."),
    Option("spans.sqlite3", _flag, False,
           "Tell the queries of sqlite3 used directly; its connections then are of a subclass."),
    # Secrets: values under these names are replaced before they leave the process.
    Option("redact.add", _texts, (), "Names to redact besides the default ones."),
    Option("redact.remove", _texts, (), "Default names not to redact."),
)  # fmt: skip

# Kolo's keys that mean nothing here (yet). One configuration file must serve both, so they are no mistake.
KOLO_ONLY = frozenset({
    "auto_emit", "flush_subtree_mb", "hide_startup_message", "lightweight_repr", "line_events",
    "production_beta", "sqlite_busy_timeout", "threading", "trace_points", "use_monitoring", "use_msgpack",
    "use_rust",
})  # fmt: skip

BY_KEY = {option.key: option for option in OPTIONS}
SECTIONS = frozenset(key.partition(".")[0] for key in BY_KEY if "." in key)


def usable_options(config: Mapping[Any, Any], source: str) -> dict[str, Any]:
    """The usable part of a configuration, under dotted keys; one warning line for each thing that is not.

    `source` says in the warnings where the configuration comes from.

    >>> usable_options({"arena_mb": 32, "limits": {"max_depth": 2}}, "example")
    {'arena_mb': 32, 'limits.max_depth': 2}
    """
    usable: dict[str, Any] = {}
    for name, value in config.items():
        if name in SECTIONS:
            if hasattr(value, "items"):
                for inner, inner_value in value.items():
                    _take(usable, f"{name}.{inner}", inner_value, source)
            else:
                warn(f"{source}: {name} must be a table of options, not {_kind(value)}; it is ignored")
        elif name not in KOLO_ONLY:
            _take(usable, str(name), value, source)
    return usable


def _take(usable: dict[str, Any], key: str, value: Any, source: str) -> None:
    option = BY_KEY.get(key)
    if option is None:
        warn(f"{source}: there is no option {key[:80]!r}{_suggestion(key)}; it is ignored")
        return
    accepted, complaint = option.check(value)
    if accepted is not UNUSABLE:
        usable[key] = accepted
    if complaint is not None:
        # The value itself is not shown: it may be a secret that was put under a wrong name.
        kind = _kind(value)
        if "one of" not in complaint:
            kind = kind.replace("another", "a")
        rest = "" if accepted is not UNUSABLE else f", not {kind}; the default is used"
        warn(f"{source}: {key} {complaint}{rest}")


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "another string" if value else "an empty string"
    return f"{value!r:.40}" if isinstance(value, (bool, int, float)) else f"a {type(value).__name__}"


def _suggestion(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, BY_KEY, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
