"""Which names are secret, and where secrets stand in text: what probe/redaction.cpp recognises, in Python."""

from __future__ import annotations

REDACTED_TEXT = "[redacted]"

_LONGEST_NAME = 128  # how much of what stands before "=" or ":" is looked at
_FOLDING = str.maketrans({**{chr(65 + i): chr(97 + i) for i in range(26)}, "-": "_", " ": "_"})
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NAME_CHARACTERS = frozenset(_LETTERS + "0123456789_.-")
_SCHEME_CHARACTERS = frozenset(_LETTERS + "0123456789+-.")
_SPACES = frozenset(" \t\n\v\f\r")
_QUOTES = frozenset("\"'")
_ENDS_AUTHORITY = _SPACES | _QUOTES | frozenset("/?#<>")
_ENDS_PLAIN_VALUE = _SPACES | _QUOTES | frozenset("&;,)}#")
_MOST_REMEMBERED = 4096


class Redaction:
    """`names`: any case; "-" and " " count as "_"."""

    def __init__(self, names: list[str]) -> None:
        self._names = [folded for folded in (name.translate(_FOLDING) for name in names) if folded]
        self._remembered: dict[str, bool] = {}

    def matches(self, name: str) -> bool:
        """Whether one of the names occurs in `name`, which is an exact str."""
        known = self._remembered.get(name)
        if known is None:
            folded = name.translate(_FOLDING)
            known = any(secret in folded for secret in self._names)
            if len(name) <= _LONGEST_NAME:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[name] = known
        return known

    def without_secrets(self, text: str, *, is_cut: bool = False) -> str:
        """`text` with what is secret replaced. `is_cut`: it goes on where it ends here, so that what may be
        the beginning of a password is one."""
        if ":" not in text and "=" not in text:
            return text
        at = 0
        while True:
            found = self._find(text, at, is_cut)
            if found is None:
                return text
            begin, end = found
            text = text[:begin] + REDACTED_TEXT + text[end:]
            at = begin + len(REDACTED_TEXT)

    def _find(self, text: str, start: int, is_cut: bool) -> tuple[int, int] | None:
        at = _next_mark(text, start)
        while at < len(text):
            if text[at] == "=":
                found = self._after_equals(text, at)
            else:
                found = _url_password(text, at, is_cut) or self._after_colon(text, at)
            if found is not None:
                return found
            at = _next_mark(text, at + 1)
        return None

    def _after_equals(self, text: str, equals: int) -> tuple[int, int] | None:
        end = equals
        while end > 0 and text[end - 1] == " ":
            end -= 1
        is_comparison = text[equals + 1 : equals + 2] == "="
        if is_comparison or not self.matches(_name_before(text, end)):
            return None
        return _value_at(text, equals + 1)

    def _after_colon(self, text: str, colon: int) -> tuple[int, int] | None:
        if colon == 0 or text[colon - 1] not in _QUOTES:
            return self._of_header(text, colon)
        if colon == 1:
            return None
        end = colon - 1
        begin = text.rfind(text[end], max(0, end - _LONGEST_NAME), end) + 1
        begin = begin or max(0, end - _LONGEST_NAME)
        return _value_at(text, colon + 1) if self.matches(text[begin:end]) else None

    def _of_header(self, text: str, colon: int) -> tuple[int, int] | None:
        """Authorization: Basic abc"""
        goes_on = colon + 1 < len(text) and text[colon + 1] not in ":/"  # not C++'s ::, not a URL's
        return _value_at(text, colon + 1) if goes_on and self.matches(_name_before(text, colon)) else None


def _next_mark(text: str, at: int) -> int:
    """The first ":" or "=" at or after `at`."""
    found = [place for place in (text.find(":", at), text.find("=", at)) if place >= 0]
    return min(found) if found else len(text)


def _name_before(text: str, end: int) -> str:
    begin = end
    while begin > 0 and end - begin < _LONGEST_NAME and text[begin - 1] in _NAME_CHARACTERS:
        begin -= 1
    return text[begin:end]


def _value_at(text: str, at: int) -> tuple[int, int] | None:
    """The value that begins at `at`, quoted or not (a prefix as in b'…' is skipped)."""
    size = len(text)
    while at < size and text[at] in " \t":
        at += 1
    if at + 1 < size and text[at] in "bB" and text[at + 1] in _QUOTES:
        at += 1
    if at < size and text[at] in _QUOTES:
        end = _end_of_quoted(text, at + 1, text[at])
        return (at + 1, end) if end > at + 1 else None
    end = _end_of_plain(text, at)
    # "Authorization=Bearer abc": the secret is the second word.
    if text[at:end] in ("Bearer", "Basic", "Token") and text[end : end + 1] == " ":
        end = _end_of_plain(text, end + 1)
    return (at, end) if end > at else None


def _end_of_quoted(text: str, at: int, quote: str) -> int:
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


def _end_of_plain(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _ENDS_PLAIN_VALUE:
        at += 1
    return at


def _url_password(text: str, colon: int, is_cut: bool) -> tuple[int, int] | None:
    """Of a URL whose "://" has its colon at `colon` (or ":/", which pathlib makes of it)."""
    if colon == 0 or text[colon - 1] not in _SCHEME_CHARACTERS or text[colon + 1 : colon + 2] != "/":
        return None
    begin = last_at = -1
    at = colon + (3 if text[colon + 2 : colon + 3] == "/" else 2)
    while at < len(text) and text[at] not in _ENDS_AUTHORITY:
        if text[at] == "@":
            last_at = at  # a password may hold one: the last ends it
        elif text[at] == ":" and begin < 0 and last_at < 0:
            begin = at + 1
        at += 1
    if is_cut and at == len(text):
        last_at = at
    return (begin, last_at) if begin >= 0 and last_at > begin else None
