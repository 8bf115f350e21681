"""Log records that the program writes, at any level that its logger lets through.

The text is formatted here only where that runs no code but the interpreter's: a format and arguments of exact
builtin types. Anything else is told as format and arguments, which the encoder reads without calling it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

_MOST_TEXT = 8_192  # characters of a formatted message, and of what goes into it
_MOST_ITEMS = 100
_MOST_DEPTH = 4
_MOST_FRAMES = 50
_NAME_LENGTH = 200


def _is_record(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    """Python's own Logger._log, and no record of this package: those are about the probe."""
    if frame.f_globals.get("__name__") != "logging":
        return False
    record = frame.f_locals.get("record")
    return record is not None and _attributes(record).get("name") != "kolo_probe"


def _process(frame: FrameType, _event: str, _arg: Any, _context: Any) -> dict[str, Any]:
    told = frame.f_locals
    record = _attributes(told["record"])
    exception, traceback = _exception(record.get("exc_info"))
    return {
        "name": record.get("name"),
        "level": record.get("levelname"),
        "levelno": record.get("levelno"),
        "message": _formatted(record.get("msg"), record.get("args")),
        "msg": record.get("msg"),
        "args": told.get("args"),
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


def _formatted(msg: Any, args: Any) -> str | None:
    """What LogRecord.getMessage() says; None where that could run the program's code, or be long."""
    if type(msg) is not str or len(msg) > _MOST_TEXT:
        return None
    if not args:
        return msg
    import re  # logging has it loaded

    # A width can ask for any amount of memory.
    if re.search(r"%(\([^)]*\))?[^a-zA-Z%]*(\*|\d{4})", msg) or not _is_plain(args):
        return None
    try:
        text: str = msg % args
    except (TypeError, ValueError, KeyError):  # the program's mistake, which logging itself reports
        return None
    return text


def _is_plain(args: Any) -> bool:
    """Exact builtin types all the way down, and not much of it."""
    items = characters = 0
    level = [args]
    for _ in range(_MOST_DEPTH):
        deeper: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                deeper.extend(value)
                deeper.extend(value.values())
            elif kind in (list, tuple, set, frozenset):
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


def _exception(exc_info: Any) -> tuple[BaseException | None, str | None]:
    """The exception of a record, and where it came from."""
    if type(exc_info) is not tuple or len(exc_info) != 3 or exc_info[1] is None:
        return None, None
    return exc_info[1], _traceback(exc_info[2], exc_info[1])


def _traceback(traceback: TracebackType | None, exception: BaseException) -> str:
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
    return "\n".join([*lines, _last_line(exception)])


def _last_line(exception: BaseException) -> str:
    kind = type(exception)
    args = BaseException.__dict__["args"].__get__(exception)
    if kind.__str__ is not BaseException.__str__ or not _is_plain(args):
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
        "call": _is_record,
        "process": _process,
        "kind": "log",
        "span_name": _name,
    }
]
