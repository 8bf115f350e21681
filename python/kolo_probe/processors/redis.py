"""redis: every command of a client, synchronous or asyncio, and each pipeline as one.

Not seen: a cluster's clients, and the connections of a PubSub that listens. Not told: what Celery's transport
sends, whose jobs have spans of their own and whose messages hide their arguments in base64.
"""

from __future__ import annotations

import itertools

from kolo_probe._redact import REDACTED, is_secret, names_in_force
from kolo_probe.processors._frames import is_called_by, of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType
    from typing import Any

_MOST_ARGUMENTS = 50  # of one command
_MOST_COMMANDS = 100  # of one pipeline
_MOST_NAME = 256  # characters; what is longer is no name
_MOST_TEXT = 65_536  # bytes that are looked at for whether they are text
_MOST_DEPTH = 3  # of a result: lists in lists
_MOST_ITEMS = 101  # of one list; one more than is recorded, so that the encoder sees that it is cut
_TRANSPORTS = ((None, "/kombu/transport/redis.py"),)
_NEAR = 6  # frames between a transport and the client

# Their arguments are credentials, or may be.
_SECRET = frozenset({"ACL", "AUTH", "CONFIG", "HELLO", "MIGRATE", "SENTINEL"})
_WITHOUT_KEY = frozenset({
    "CLIENT", "CLUSTER", "COMMAND", "DBSIZE", "ECHO", "EVAL", "EVALSHA", "FCALL", "FUNCTION", "INFO",
    "LATENCY", "MEMORY", "MODULE", "OBJECT", "PING", "SCAN", "SCRIPT", "SELECT", "SLOWLOG", "WAIT", "XREAD",
    "XREADGROUP",
})  # fmt: skip


def build_context(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"names": names_in_force(config["redact.add"], config["redact.remove"])}


def span_name(data: Mapping[str, Any]) -> str | None:
    """ "GET user:1", "pipeline of 3"."""
    if "count" in data:
        return f"pipeline of {data['count']}"
    command, key = data.get("command"), data.get("key")
    return command if key is None else f"{command} {key}"


def _sends_command(module: str) -> Callable[..., bool]:
    is_ours = of_module(module)

    def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
        """A pipeline's execute_command only keeps the command, or calls immediate_execute_command."""
        if not is_ours(frame, event, arg, context) or is_called_by(frame, _TRANSPORTS, _NEAR):
            return False
        is_kept = frame.f_code.co_name == "execute_command"
        return not (is_kept and "command_stack" in frame.f_locals["self"].__dict__)

    return call


def _sends_pipeline(module: str) -> Callable[..., bool]:
    is_ours = of_module(module)

    def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
        if not is_ours(frame, event, arg, context) or is_called_by(frame, _TRANSPORTS, _NEAR):
            return False
        return event != "call" or bool(frame.f_locals["self"].command_stack)

    return call


def _pipeline(frame: FrameType, _event: str) -> object:
    """Its key: an empty one has no span, and whether it was empty cannot be seen at its end."""
    return ("pipeline", id(frame.f_locals["self"]))


def process_command(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    if event == "unwind":
        return {"exception": arg}
    given = frame.f_locals
    if event == "call":
        return {**_shown(given["args"], context["names"]), "server": _server(given["self"])}
    is_hidden = _is_secret(given["args"], context["names"])
    return {"result": REDACTED if is_hidden else _value(arg)}


def process_pipeline(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    if event == "unwind":
        return {"exception": arg}
    given, names = frame.f_locals, context["names"]
    if event == "call":
        pipeline = given["self"]
        shown = [_shown(command, names) for command in _commands(pipeline.command_stack)]
        return {
            "command": "MULTI" if _is_transaction(pipeline.__dict__) else "PIPELINE",
            "commands": [[one["command"], *one["arguments"]] for one in shown],
            "count": len(pipeline.command_stack),
            "server": _server(pipeline),
        }
    # The pipeline itself has another, empty list when it is through.
    commands, results = _commands(given.get("stack", ())), arg if isinstance(arg, list) else []
    return {
        "result": [
            REDACTED if _is_secret(command, names) else _value(result)
            for command, result in zip(commands, results)
        ]
    }


def _commands(stack: Sequence[Any]) -> list[Sequence[Any]]:
    return [command for command, *_ in stack[:_MOST_COMMANDS]]


def _is_transaction(pipeline: Mapping[str, Any]) -> bool:
    return bool(
        pipeline.get("transaction") or pipeline.get("is_transaction") or pipeline.get("explicit_transaction")
    )


def _shown(command: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """A command, its key and its arguments; from an argument on that has a secret name all are left out."""
    name = _text(command[0]).upper() if command else ""
    verb = name.partition(" ")[0]
    if verb in _SECRET:
        return {"command": name, "key": None, "arguments": [REDACTED] * (len(command) - 1)}
    arguments: list[Any] = []
    is_hidden = False
    for argument in command[1 : _MOST_ARGUMENTS + 1]:
        end = 0 if is_hidden else _end_of_secret_name(argument, names)
        arguments.append(REDACTED if is_hidden else _text(argument)[:end] if end else _value(argument))
        is_hidden = is_hidden or end > 0
    key = arguments[0] if arguments and verb not in _WITHOUT_KEY else None
    return {
        "command": name,
        "key": _text(key) if isinstance(key, (str, bytes)) else None,
        "arguments": arguments,
    }


def _is_secret(command: Sequence[Any], names: Sequence[str]) -> bool:
    verb = _text(command[0]).upper().partition(" ")[0] if command else ""
    return verb in _SECRET or any(
        _end_of_secret_name(argument, names) for argument in command[1 : _MOST_ARGUMENTS + 1]
    )


def _end_of_secret_name(argument: Any, names: Sequence[str]) -> int:
    """Where in "session:8f3a…" the secret begins; 0: this is no secret's name. What follows may be one."""
    if not isinstance(argument, (str, bytes)) or len(argument) > _MOST_NAME:
        return 0
    text = _text(argument)
    if not is_secret(text, names):
        return 0
    plain = text.lower().replace("-", "_").replace(" ", "_")
    return min(plain.find(name) + len(name) for name in names if name in plain)


def _value(value: Any, depth: int = 0) -> Any:
    """A value as it may be recorded: bytes as the text they are, in which secrets can be recognised; not what
    is pickled or packed, in which they cannot."""
    if type(value) is bytes:
        try:
            if len(value) <= _MOST_TEXT and b"\0" not in value:
                return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
        return f"<{len(value)} bytes>"
    if depth < _MOST_DEPTH:
        if type(value) in (list, tuple, set):
            return [_value(item, depth + 1) for item in itertools.islice(value, _MOST_ITEMS)]
        if type(value) is dict:
            pairs = itertools.islice(value.items(), _MOST_ITEMS)
            return {_value(key, depth + 1): _value(item, depth + 1) for key, item in pairs}
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str.__str__(value) if isinstance(value, str) else type(value).__name__


def _server(client: Any) -> str | None:
    """ "localhost:6379/0" without the user and password that the pool knows too."""
    known = client.connection_pool.connection_kwargs
    if type(known) is not dict:
        return None
    where = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
    return f"{where}/{known.get('db') or 0}"


def _processor(module: str, co_names: list[str], **more: Any) -> dict[str, Any]:
    return {
        "co_names": co_names,
        "path_fragment": f"/{module.replace('.', '/')}.py",
        "call_type": "redis_command",
        "return_type": "redis_response",
        "subtype": "redis",
        "kind": "redis",
        "span_name": span_name,
        "build_context": build_context,
        **more,
    }


PROCESSORS = [
    processor
    for module in ("redis.client", "redis.asyncio.client")
    for processor in (
        _processor(
            module,
            ["execute_command", "immediate_execute_command"],
            call=_sends_command(module),
            process=process_command,
        ),
        _processor(
            module,
            ["execute"],
            call=_sends_pipeline(module),
            joins=_pipeline,
            process=process_pipeline,
        ),
    )
]
