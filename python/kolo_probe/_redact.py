"""Which names are secret, and argv with the secrets taken out.

The list goes to the native module, which takes values out before they reach a ring; argv is the one carrier
that is handed over as text, so it is cleaned here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from re import Match

REDACTED = "[redacted]"

DEFAULT_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "authorization",
    "cookie",
    "session",
    "csrf",
    "jwt",
)

_URL_PASSWORD = r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@]*:)(?P<secret>[^\s/?#]+)(?=@)"
_URL_QUERY = r"(?P<head>[?&;](?P<name>[^\s=&;#?]+)=)(?P<secret>[^\s&;#]+)"
_JSON_MEMBER = r"""(?P<head>(?P<quote>["'])(?P<name>[^"']+)(?P=quote)\s*:\s*["'])(?P<secret>[^"']+)"""
_ASSIGNMENT = r"^(?P<head>\s*(?P<name>[A-Za-z0-9_.\-]+)\s*[=:]\s*)(?P<secret>\S.*)$"


def names_in_force(added: Iterable[str], removed: Iterable[str]) -> list[str]:
    """The default names with the user's changes, as they are compared: lower case, joined by _."""
    gone = {_plain(name) for name in removed}
    names = [*DEFAULT_NAMES, *(_plain(name) for name in added)]
    return [name for name in dict.fromkeys(names) if name and name not in gone]


def is_secret(name: str, names: Iterable[str]) -> bool:
    """True when one of `names` occurs in `name`, whatever the case and however its words are joined.

    The native module follows the same rule for the names of variables, attributes and keys.

    >>> is_secret("--db-Password", ["password"])
    True
    """
    plain = _plain(name)
    return any(secret in plain for secret in names)


def redact_argv(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    """argv as it may be stored: option values, assignments, headers, URL passwords and query fields replaced.

    >>> redact_argv(["run.py", "--token", "abc", "--db=postgres://me:pw@host/x"], ["token"])
    ['run.py', '--token', '[redacted]', '--db=postgres://me:[redacted]@host/x']
    """
    cleaned: list[str] = []
    value_is_secret = False
    for argument in argv:
        if value_is_secret and not argument.startswith("--"):
            cleaned.append(REDACTED)
            value_is_secret = False
            continue
        cleaned.append(_redact_text(argument, names))
        value_is_secret = argument.startswith("-") and "=" not in argument and is_secret(argument, names)
    return cleaned


def _redact_text(text: str, names: Sequence[str]) -> str:
    if "=" not in text and ":" not in text:
        return text
    import re  # seldom needed, and 5 ms of a short script's start

    def by_name(match: Match[str]) -> str:
        return match["head"] + REDACTED if is_secret(match["name"], names) else match[0]

    whole = re.sub(_ASSIGNMENT, by_name, text, flags=re.DOTALL)
    if whole != text:
        return whole
    text = re.sub(_URL_PASSWORD, lambda match: match["head"] + REDACTED, text)
    text = re.sub(_URL_QUERY, by_name, text)
    return re.sub(_JSON_MEMBER, by_name, text)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
