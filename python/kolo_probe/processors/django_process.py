"""What a Django process does beside its requests: setting itself up, checks, test databases, commands.

Types are Kolo's where it has them: django_setup_…, django_checks_…, django_create_test_db_….
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_MOST_MESSAGES = 50


def _setup(_told: Any, event: str, _arg: Any) -> dict[str, Any]:
    if event == "call":
        return {}
    conf = sys.modules.get("django.conf")
    settings = getattr(vars(conf).get("settings"), "_wrapped", None) if conf is not None else None
    return {"settings_module": getattr(settings, "__dict__", {}).get("SETTINGS_MODULE")}


def _checks(told: Any, event: str, arg: Any) -> dict[str, Any]:
    if event == "call":
        return {"tags": told.get("tags")}
    messages = arg if event == "return" and type(arg) is list else []
    return {"messages": [_message(one) for one in messages[:_MOST_MESSAGES]], "count": len(messages)}


def _message(found: Any) -> dict[str, Any]:
    known = getattr(found, "__dict__", {})
    return {key: known.get(key) for key in ("id", "level", "msg")}


def _test_database(told: Any, event: str, arg: Any) -> dict[str, Any]:
    connection = told["self"].connection
    data = {"alias": connection.alias, "database": connection.vendor}
    if event == "return" and type(arg) is str:
        data["name"] = arg
    return data


def _command(told: Any, event: str, _arg: Any) -> dict[str, Any]:
    module = type(told["self"]).__module__
    data: dict[str, Any] = {"command": module.rpartition(".")[2]}
    if event == "call":
        data.update(module=module, args=told.get("args"), options=told.get("options"))
    return data


def _processor(
    co_name: str, module: str, type_name: str, kind: str, tell: Callable[[Any, str, Any], dict[str, Any]],
    span_name: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    def call(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
        return frame.f_globals.get("__name__") == module

    def process(frame: FrameType, event: str, arg: Any, _context: Any) -> dict[str, Any]:
        data = tell(frame.f_locals, event, arg)
        return {**data, "exception": arg} if event == "unwind" else data

    path = module.replace(".", "/") + ("/__init__.py" if module == "django" else ".py")
    return {
        "co_names": (co_name,),
        "path_fragment": path,
        "call_type": f"{type_name}_start",
        "return_type": f"{type_name}_end",
        "kind": kind,
        "call": call,
        "process": process,
        "span_name": span_name,
    }


_CREATION = "django.db.backends.base.creation"
PROCESSORS: list[dict[str, Any]] = [
    _processor("setup", "django", "django_setup", "setup", _setup, "settings_module"),
    _processor("run_checks", "django.core.checks.registry", "django_checks", "checks", _checks),
    _processor(
        "create_test_db", _CREATION, "django_create_test_db", "test_database", _test_database, "alias"
    ),
    _processor(
        "destroy_test_db", _CREATION, "django_destroy_test_db", "test_database", _test_database, "alias"
    ),
    _processor("execute", "django.core.management.base", "django_command", "command", _command, "command"),
]
