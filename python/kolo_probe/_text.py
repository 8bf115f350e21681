"""Text on its way to the native module, which takes UTF-8 only."""

from __future__ import annotations

import os


def encodable(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates, from bytes that were no text) as "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def path_bytes(path: str) -> str | bytes:
    """`path` as the file system knows it: as bytes where its name is no text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def recorded_text(text: str) -> str:
    """`text` as the probe writes names and paths down: lone surrogates as U+FFFD (probe/text.cpp)."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
