"""What proto/*.hpp lays out, as far as this probe writes or reads it; proto/PROTOCOL.md specifies it."""

from __future__ import annotations

import struct

PROTOCOL = 2

# --- Blocks and records (proto/block.hpp, proto/records.hpp) ---

BLOCK_BYTES = 64 * 1024
BLOCK_CAPACITY = BLOCK_BYTES - 128

# ring, task, sequence, thread, ticks, trace, current ordinal, current ring, zero, next ordinal
BLOCK_START = struct.Struct("<IIQQQQQIIQ")

START, RETURN, UNWIND = 0x01, 0x02, 0x03
LONG_RETURN, LONG_UNWIND, LONG_YIELD, LONG_RESUME, LONG_THROW = 0x12, 0x13, 0x14, 0x15, 0x16
CONTEXT, THREAD, BLIND = 0x20, 0x21, 0x22
SPAN_START, SPAN_END, SPAN_POINT = 0x28, 0x29, 0x2A
SHORT_START, SHORT_RETURN, SHORT_RETURN_NONE, SHORT_UNWIND, ELAPSED = 0x80, 0x81, 0x82, 0x83, 0x84

MOST_24 = 0xFFFFFF
MOST_DELTA = 0xFFFFFFFF
MOST_ELAPSED = 0xFFFFFFFFFFFFFF
# Of every recorded start, until it ends: elapsed, context, long end, a marker.
END_ROOM = 8 + 32 + 48 + 8

HEAD = struct.Struct("<BBHI")  # kind, padding, words, delta
VALUED = struct.Struct("<BBHII")  # head, ref
# head, ticks, ordinal, parent's ordinal, ring, parent's ring, code, zero
LONG = struct.Struct("<BBHIQQQIIII")
CONTEXT_RECORD = struct.Struct("<BBHIQQII")  # head, trace, current ordinal, current ring, task
THREAD_RECORD = struct.Struct("<BBHIQQ")  # head, native id, ident
SPAN_RECORD = struct.Struct("<BBHIQ")  # head, span
WORD = struct.Struct("<Q")

# --- Trace slots and losses (proto/trace_slot.hpp, proto/loss.hpp) ---

FREE, LIVE, ENDED = 0, 1, 2
TRACE_SLOTS = 1024
TRACE_NAME_BYTES = 184
TRACE_KINDS = ("block", "request", "script", "test", "job", "command", "fork")
LOSSES = (
    "ring_full", "start_dropped", "trace_ended", "stack_full", "suspended_full", "reentrant",
    "hook_replaced", "removed", "unreadable", "span_dropped",
)  # fmt: skip
(RING_FULL, START_DROPPED, TRACE_ENDED, STACK_FULL, SUSPENDED_FULL, REENTRANT, HOOK_REPLACED) = range(7)
SPAN_DROPPED = 9
LOSS_COUNTERS = 16

# --- Messages (proto/messages.hpp) ---

FRAME_HEAD = struct.Struct("<IHH")  # bytes of the body, type, zero
MOST_FRAME_BYTES = 1 << 20
HELLO, CODES, TRACE, BLOCK, CLOCK, TRACE_CLOSED, COUNTS, BYE = range(1, 9)
WELCOME, REFUSED, ACK = 64, 65, 66

BLOCK_MESSAGE = struct.Struct("<IIQ")  # behind a BLOCK_START: offset, bytes, emitted
CLOCK_PAIR = struct.Struct("<Qqq")  # ticks, monotonic, realtime
# emitted without a block, traces refused, codes lost, losses of no one trace
COUNTS_MESSAGE = struct.Struct("<3Q16Q")
ACK_HEAD = struct.Struct("<QIIII")  # codes offset, rings, closed, flags, zero
ACK_RING = struct.Struct("<IIQ")  # ring, offset, sequence

# --- Codes (proto/codes.hpp) ---

CODE_HEAD = struct.Struct("<II")  # bytes of the entry, number
MOST_CODE_BYTES = 64 * 1024

# --- Values (proto/values.hpp) ---

(
    TUPLE, SET, FROZENSET, OBJECT, BIG_INT, COMPLEX, BYTEARRAY, CUT_TEXT, CUT_BYTES, SURROGATES, TYPE,
    FUNCTION, MODULE, DATETIME, DATE, TIME, TIMEDELTA, DECIMAL, UUID, SUBCLASS, EXCEPTION, ENUM, PATH, REPR,
) = range(1, 25)  # fmt: skip
(
    ITEMS, ATTRIBUTES, DEPTH, BYTES, TOO_SLOW, REDACTED, CYCLE, UNBOUND, CHANGED, UNREADABLE, NO_ROOM,
    UNCHANGED, REPR_FAILED, REPR_SLOW,
) = range(1, 15)  # fmt: skip


def tag(number: int) -> bytes:
    """The first element of a tagged array."""
    return bytes((0xD4, 1, number))


def omission(reason: int) -> bytes:
    """What stands where something was left out."""
    return bytes((0xD4, 2, reason))


def counted_omission(reason: int, count: int) -> bytes:
    """The last element of a container of which `count` items are missing."""
    return bytes((0xD7, 2, reason)) + min(count, (1 << 56) - 1).to_bytes(7, "little")
