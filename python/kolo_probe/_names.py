"""What the trace of a whole process is called, and of which kind it is, by its command line."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DJANGO = ("manage.py", "django-admin", "django-admin.py")


def program_name(words: Sequence[str]) -> tuple[str, str]:
    """(kind, name) of a program: the words behind `python`, which are a script or -m and a module (-c and a
    text, "" for standard input) and their arguments. Those are no part of the name, as they may be secret,
    but for the command of a Django project.

    >>> program_name(["import.py", "--all"])
    ('script', 'import.py')
    >>> program_name(["shop/manage.py", "migrate", "orders"])
    ('command', 'manage.py migrate')
    """
    script = os.path.basename(words[0])
    if script in _DJANGO and _is_command(words[1:2]):
        return "command", f"{script} {words[1]}"
    if words[0] == "-m":
        module = f"-m {words[1]}"
        if words[1] == "django" and _is_command(words[2:3]):
            return "command", f"{module} {words[2]}"
        return "script", module
    return "script", "python -c" if words[0] == "-c" else words[0] or "python"


def _is_command(words: Sequence[str]) -> bool:
    """Whether the word that Django takes for a command can be one: commands are modules."""
    return any(word.replace("-", "_").isidentifier() and not word.startswith("-") for word in words)
