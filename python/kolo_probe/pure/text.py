"""str, bytes and names, with the secrets taken out of them."""

from __future__ import annotations

from kolo_probe.pure import msgpack
from kolo_probe.pure.layout import BYTEARRAY, CUT_BYTES, CUT_TEXT, SURROGATES, tag
from kolo_probe.pure.objects import MOST_NAME_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.encoder import Encoder

_MOST_LENGTH_BYTES = 5
_MOST_INT_BYTES = 9
_TAGGED = 1 + 3
# What stands around the beginning of a cut text: tag, header, length in all.
_CUT_FRAME = _TAGGED + _MOST_LENGTH_BYTES + _MOST_INT_BYTES
_LEAST_CUT_BYTES = 32  # of a cut text at least so many bytes are worth writing


def any_text(to: Encoder, value: str) -> bool:
    """A str, or the text that an instance of a subclass is."""
    length = str.__len__(value)
    if length > to.limits.text:
        return _cut(to, value, length)
    plain = str.__str__(value)
    try:
        encoded = plain.encode("utf-8")
    except UnicodeEncodeError:
        return _with_surrogates(to, plain) or _cut(to, plain, length)
    return _body(to, msgpack.text, plain, encoded, is_cut=False) or _cut(to, plain, length)


def _with_surrogates(to: Encoder, text: str) -> bool:
    encoded = text.encode("utf-8", "surrogatepass")
    begin = len(to.out)
    if to.fits(_TAGGED + _MOST_LENGTH_BYTES + len(encoded)):
        to.out += msgpack.array(2) + tag(SURROGATES)
        if _bytes_body(to, encoded, is_cut=False):
            return True
        del to.out[begin:]
    return False


def _body(to: Encoder, write: Any, text: str, encoded: bytes, *, is_cut: bool) -> bool:
    if not to.fits(len(encoded) + _length_bytes(len(encoded))):
        return False
    to.worked_on(len(encoded))
    clean = to.redaction.without_secrets(text, is_cut=is_cut)
    if clean is not text:
        cleaned = clean.encode("utf-8", "replace")
        if not to.fits(_MOST_LENGTH_BYTES + max(len(cleaned), len(encoded))):
            return False
        encoded = cleaned
    to.out += write(encoded)
    return True


def _bytes_body(to: Encoder, value: bytes, *, is_cut: bool) -> bool:
    if not to.fits(len(value) + _bin_length_bytes(len(value))):
        return False
    to.worked_on(len(value))
    if b":" in value or b"=" in value:
        text = value.decode("latin-1")
        clean = to.redaction.without_secrets(text, is_cut=is_cut)
        if clean is not text:
            cleaned = clean.encode("latin-1")
            if not to.fits(_MOST_LENGTH_BYTES + max(len(cleaned), len(value))):
                return False
            value = cleaned
    to.out += msgpack.binary(value)
    return True


def _cut(to: Encoder, value: str, length: int) -> bool:
    """The beginning, as much as text and bytes allow. Lone surrogates become U+FFFD."""
    if not to.fits(_CUT_FRAME + min(_LEAST_CUT_BYTES, to.limits.text)):
        return False
    most = min(length, to.limits.text)
    text = str.__getitem__(value, slice(0, most))
    encoded = _replaced(text)
    room = to.bytes_left() - _CUT_FRAME
    if len(encoded) > room:
        encoded = encoded[:room].decode("utf-8", "ignore").encode("utf-8")
    begin = len(to.out)
    to.out += msgpack.array(3) + tag(CUT_TEXT)
    to.reserved += _MOST_INT_BYTES
    is_whole = _body(to, msgpack.text, encoded.decode("utf-8"), encoded, is_cut=True)
    to.reserved -= _MOST_INT_BYTES
    if not is_whole:
        del to.out[begin:]
        return False
    to.out += msgpack.integer(length)
    return True


def data(to: Encoder, value: Any, *, is_array: bool) -> bool:
    """bytes, or a bytearray."""
    kind = bytearray if is_array else bytes
    length = kind.__len__(value)
    if length <= to.limits.text and to.fits(_TAGGED + _MOST_LENGTH_BYTES + length):
        begin = len(to.out)
        if is_array:
            to.out += msgpack.array(2) + tag(BYTEARRAY)
        if _bytes_body(to, bytes(kind.__getitem__(value, slice(None))), is_cut=False):
            return True
        del to.out[begin:]
        return False
    most = min(length, to.limits.text)
    if not to.fits(_CUT_FRAME + min(_LEAST_CUT_BYTES, most)):
        return False
    begin = len(to.out)
    to.out += msgpack.array(3) + tag(CUT_BYTES)
    to.reserved += _MOST_INT_BYTES
    most = min(most, max(to.bytes_left() - _MOST_LENGTH_BYTES, 0))
    is_whole = _bytes_body(to, bytes(kind.__getitem__(value, slice(0, most))), is_cut=True)
    to.reserved -= _MOST_INT_BYTES
    if not is_whole:
        del to.out[begin:]
        return False
    to.out += msgpack.integer(length)
    return True


def name(to: Encoder, text: str) -> bool:
    """Of a class or a function: as it is, at most 255 bytes."""
    encoded = _replaced(text)
    if len(encoded) > MOST_NAME_BYTES:
        encoded = encoded[:MOST_NAME_BYTES].decode("utf-8", "ignore").encode("utf-8")
    return to.write(msgpack.text(encoded))


def is_secret_name(to: Encoder, key: Any) -> bool:
    cls = type(key)
    if cls is str:
        return to.redaction.matches(key)
    if issubclass(cls, str):
        return to.redaction.matches(str.__str__(key))
    if issubclass(cls, bytes):
        return to.redaction.matches(bytes.decode(key, "utf-8", "replace"))
    return False


def is_secret_option(to: Encoder, argument: Any) -> bool:
    """Whether what follows on a command line is a secret: "--token", but not "--token=…", in which the value
    is found as in any text."""
    if type(argument) is not str or argument[:1] != "-" or len(argument) < 2 or "=" in argument:
        return False
    return to.redaction.matches(argument)


def _replaced(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return b"".join(
            b"\xef\xbf\xbd" if "\ud800" <= one <= "\udfff" else one.encode("utf-8") for one in text
        )


def _length_bytes(length: int) -> int:
    return 1 if length < 32 else 2 if length < 0x100 else 3 if length < 0x10000 else 5


def _bin_length_bytes(length: int) -> int:
    return 2 if length < 0x100 else 3 if length < 0x10000 else 5
