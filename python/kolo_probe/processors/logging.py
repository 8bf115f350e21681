"""Log records that the program writes, at any level that its logger lets through.

The text is formatted here only where that runs no code but the interpreter's: a format and arguments of exact
builtin types, and nothing that has a secret name, which would be lost in it. Anything else is told as format
and arguments, which the encoder reads without calling it.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType, TracebackType
    from typing import Any

_MOST_TEXT = 8_192  # characters of a formatted message, and of what goes into it
_MOST_ITEMS = 100
_MOST_NAME = 200  # characters of what may be a name
_MOST_DEPTH = 4
_MOST_FRAMES = 50
_NAME_LENGTH = 200

_CONVERSION = r"%(\([^)]*\))?[#0\- +]*(\*|\d+)?(\.(\*|\d+)?)?[hlL]?(?P<type>.)"
_WIDE = r"%(\([^)]*\))?[^a-zA-Z%]*(\*|\d{4})"
# The word before a conversion, and what may join the two: token=%s, "token": '%s', token %s, token is %s.
_NAME_BEFORE = r"([\w.\-]+)[\"']?\s*([=:]|\bis\b)?\s*[\"'<(\[]?$"


def _build_context(config: Mapping[str, Any]) -> list[str]:
    """The secret names in force."""
    return names_in_force(config["redact.add"], config["redact.remove"])


def _is_record(frame: FrameType, _event: str, _arg: Any, _names: Any) -> bool:
    """Python's own Logger._log, and no record of this package: those are about the probe."""
    if frame.f_globals.get("__name__") != "logging":
        return False
    record = frame.f_locals.get("record")
    return record is not None and _attributes(record).get("name") != "kolo_probe"


def _process(frame: FrameType, _event: str, _arg: Any, names: Sequence[str]) -> dict[str, Any]:
    told = frame.f_locals
    record = _attributes(told["record"])
    msg, args = record.get("msg"), record.get("args")
    hidden = _hidden(msg, args, names)
    exception, traceback = _exception(record.get("exc_info"), names)
    return {
        "name": record.get("name"),
        "level": record.get("levelname"),
        "levelno": record.get("levelno"),
        "message": _formatted(msg, hidden or args, names),
        "msg": msg,
        "args": hidden or told.get("args"),
        "extra": told.get("extra"),
        "exception": exception,
        "traceback": traceback,
        "stack": record.get("stack_info"),
        "pathname": record.get("pathname"),
        "lineno": record.get("lineno"),
        "function": record.get("funcName"),
    }


def _attributes(record: Any) -> dict[str, Any]:
    # A record's class may be the program's (setLogRecordFactory), and have a __getattribute__ of its own.
    found: dict[str, Any] = object.__getattribute__(record, "__dict__")
    return found


def _hidden(msg: Any, args: Any, names: Sequence[str]) -> tuple[Any, ...] | None:
    """The arguments without those that the format gives a secret name, "token=%s"; None: there are none."""
    if type(msg) is not str or type(args) is not tuple or not args or len(msg) > _MOST_TEXT:
        return None
    import re  # logging has it loaded

    told = list(args)
    at = 0
    for found in re.finditer(_CONVERSION, msg):
        if found["type"] == "%":
            continue
        at += found[0].count("*")
        name = re.search(_NAME_BEFORE, msg[max(0, found.start() - _MOST_NAME) : found.start()])
        if name is not None and at < len(told) and is_secret(name[1], names):
            told[at] = REDACTED
        at += 1
    return tuple(told) if any(one is REDACTED for one in told) else None


def _formatted(msg: Any, args: Any, names: Sequence[str]) -> str | None:
    """What LogRecord.getMessage() says; None where that could run the program's code, be long or tell a
    secret."""
    if type(msg) is not str or len(msg) > _MOST_TEXT:
        return None
    if args is None or (type(args) is tuple and not args):
        return msg
    import re

    # A width can ask for any amount of memory.
    if re.search(_WIDE, msg) or type(args) not in (tuple, dict) or not _is_plain(args, names):
        return None
    try:
        text: str = msg % args
    except (TypeError, ValueError, KeyError):  # the program's mistake, which logging itself reports
        return None
    return text


def _is_plain(args: Any, names: Sequence[str]) -> bool:
    """Exact builtin types all the way down, not much of it, and nothing under a secret name."""
    items = characters = 0
    level = [args]
    for _ in range(_MOST_DEPTH):
        deeper: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                if any(_is_secret(key, names) for key in value):
                    return False
                deeper.extend(value)
                deeper.extend(value.values())
            elif kind in (list, tuple, set, frozenset):
                if kind in (list, tuple) and len(value) == 2 and _is_secret(value[0], names):
                    return False  # (name, value)
                deeper.extend(value)
            elif kind is str or kind is bytes:
                characters += len(value)
            elif kind is int:
                if value.bit_length() > 1_000:  # str() of it takes quadratic time
                    return False
            elif kind not in (bool, float, complex, type(None)):
                return False
            items += 1
            if max(items, len(deeper)) > _MOST_ITEMS or characters > _MOST_TEXT:
                return False
        if not deeper:
            return True
        level = deeper
    return False


def _is_secret(name: Any, names: Sequence[str]) -> bool:
    if type(name) is bytes and len(name) <= _MOST_NAME:
        name = name.decode("latin-1")
    return type(name) is str and len(name) <= _MOST_NAME and is_secret(name, names)


def _exception(exc_info: Any, names: Sequence[str]) -> tuple[BaseException | None, str | None]:
    """The exception of a record, and where it came from."""
    if type(exc_info) is not tuple or len(exc_info) != 3 or exc_info[1] is None:
        return None, None
    return exc_info[1], _traceback(exc_info[2], exc_info[1], names)


def _traceback(traceback: TracebackType | None, exception: BaseException, names: Sequence[str]) -> str:
    """As Python prints it, without lines of source: they would have to be read from disk."""
    lines: list[str] = []
    count = 0
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {traceback.tb_lineno}, in {code.co_name}')
        if len(lines) > _MOST_FRAMES:
            del lines[_MOST_FRAMES // 2]
        count += 1
        traceback = traceback.tb_next
    if count > len(lines):
        lines.insert(_MOST_FRAMES // 2, f"  ({count - len(lines)} frames left out)")
    lines.insert(0, "Traceback (most recent call last):")
    return "\n".join([*lines, _last_line(exception, names)])


def _last_line(exception: BaseException, names: Sequence[str]) -> str:
    kind = type(exception)
    args = BaseException.__dict__["args"].__get__(exception)
    if kind.__str__ is not BaseException.__str__ or not _is_plain(args, names):
        return kind.__qualname__  # str() would be the program's, or KeyError's and the like
    text = "" if not args else str(args[0] if len(args) == 1 else args)
    return f"{kind.__qualname__}: {text}" if text else kind.__qualname__


def _name(data: dict[str, Any]) -> str | None:
    text = data["message"] if data["message"] is not None else data["msg"]
    return text[:_NAME_LENGTH] if type(text) is str else None


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ["_log"],
        "path_fragment": "/logging/__init__.py",
        "call_type": "log_message",
        "return_type": "log_message",
        # At its end: only then has it made its record, with the exception and stack that were asked for.
        "events": ["return"],
        "build_context": _build_context,
        "call": _is_record,
        "process": _process,
        "kind": "log",
        "span_name": _name,
    }
]
