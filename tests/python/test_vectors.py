"""proto/vectors, decoded by a second decoder that was written from PROTOCOL.md alone.

The C++ tests hold the same files against the decoder that the collector and the reader use: where the two
differ, either a decoder or the specification is wrong.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

VECTORS = Path(__file__).parents[2] / "proto" / "vectors"

LONG = {0x12: "return", 0x13: "unwind", 0x14: "yield", 0x15: "resume", 0x16: "throw"}
VALUED_ENDS = {0x02: "return", 0x03: "unwind"}
SHORT_ENDS = {0x81: "return", 0x82: "return", 0x83: "unwind"}
FIXED_BYTES = {
    0x01: 12,
    0x02: 12,
    0x03: 12,
    0x20: 32,
    0x21: 24,
    0x22: 24,
    **dict.fromkeys((0x28, 0x29, 0x2A), 16),
    **dict.fromkeys(LONG, 48),
}
OTHERS = {0x21: "thread", 0x22: "blind", 0x28: "span_start", 0x29: "span_end", 0x2A: "span_point"}
TAGS = [
    "",
    "tuple",
    "set",
    "frozenset",
    "object",
    "int",
    "complex",
    "bytearray",
    "str",
    "bytes",
    "str",
    "type",
    "function",
    "module",
    "datetime",
    "date",
    "time",
    "timedelta",
    "Decimal",
    "UUID",
    "subclass",
    "exception",
    "enum",
    "path",
    "repr",
]
OMITTED = [
    "",
    "items",
    "attributes",
    "depth",
    "bytes",
    "time",
    "redacted",
    "cycle",
    "unbound",
    "changed",
    "unreadable",
    "ring_full",
    "unchanged",
    "repr_failed",
    "repr_slow",
]
KINDS = ["block", "request", "script", "test", "job", "command", "fork"]
LOSSES = [
    "ring_full",
    "start_dropped",
    "trace_ended",
    "stack_full",
    "suspended_full",
    "reentrant",
    "hook_replaced",
    "removed",
    "unreadable",
    "span_dropped",
]

Id = list[int]


def load(name: str, key: str) -> Any:
    loaded = json.loads((VECTORS / name).read_text(encoding="utf-8"))[key]
    assert loaded
    return loaded


def named(name: str, key: str) -> Any:
    return [pytest.param(case, id=case["name"]) for case in load(name, key)]


class BrokenError(Exception):
    """The bytes are not what they claim to be."""


class Decoder:
    """Records of one block (or slice), one step a record."""

    def __init__(self, start: dict[str, Any]) -> None:
        self.ring: int = start["ring"]
        self.ticks: int = start["ticks"]
        self.trace: int = start["trace"]
        self.current: Id = start["current"]
        self.next_ordinal: int = start["next_ordinal"]
        self.open: dict[int, tuple[Id, int]] = dict(start.get("open", {}))  # ordinal: parent, code

    def steps(self, records: bytes) -> list[dict[str, Any]]:
        steps = []
        while records:
            try:
                length = self._length(records)
                steps.append(self._step(records[:length]))
            except (BrokenError, struct.error):
                return [*steps, {"step": "broken"}]
            records = records[length:]
        return steps

    @staticmethod
    def _length(records: bytes) -> int:
        (word,) = struct.unpack_from("<Q", records)
        length = 8 if word & 0xFF >= 0x80 else (word >> 16 & 0xFFFF) * 8
        if length == 0 or length > len(records):
            raise BrokenError
        return length

    def _step(self, record: bytes) -> dict[str, Any]:
        kind = record[0]
        if kind >= 0x80:
            return self._one_word(kind, int.from_bytes(record, "little"))
        if kind not in FIXED_BYTES:
            return {"step": "unknown", "kind": kind}
        padding, delta = record[1] & 7, struct.unpack_from("<I", record, 4)[0]
        if len(record) < FIXED_BYTES[kind] + padding:
            raise BrokenError
        self.ticks += delta
        payload = record[FIXED_BYTES[kind] : len(record) - padding]
        if kind in LONG:
            return self._long(kind, record, payload)
        if kind == 0x20:
            self.trace, ordinal, ring, _task = struct.unpack_from("<QQII", record, 8)
            self.current = [ring, ordinal]
            return {"step": "other", "kind": "context"}
        if kind in OTHERS:
            return {"step": "other", "kind": OTHERS[kind]}
        (ref,) = struct.unpack_from("<I", record, 8)
        return self._start(ref, payload) if kind == 0x01 else self._end(VALUED_ENDS[kind], ref, payload)

    def _one_word(self, kind: int, word: int) -> dict[str, Any]:
        if kind == 0x84:
            self.ticks += word >> 8
            return {"step": "other", "kind": "elapsed"}
        if kind not in SHORT_ENDS and kind != 0x80:
            return {"step": "unknown", "kind": kind}
        self.ticks += word >> 32
        ref = word >> 8 & 0xFFFFFF
        return self._start(ref) if kind == 0x80 else self._end(SHORT_ENDS[kind], ref, none=kind == 0x82)

    def _event(
        self, step: str, id_: Id, parent: Id, code: int, payload: bytes, **more: bool
    ) -> dict[str, Any]:
        event = {
            "step": step,
            "id": id_,
            "parent": parent,
            "code": code,
            "ticks": self.ticks,
            "trace": self.trace,
        }
        return {**event, "payload": payload.hex(), "result_is_none": False, "complete": True, **more}

    def _start(self, code: int, payload: bytes = b"") -> dict[str, Any]:
        id_, parent = [self.ring, self.next_ordinal], self.current
        self.open[self.next_ordinal] = (parent, code)
        self.current = id_
        self.next_ordinal += 1
        return self._event("start", id_, parent, code, payload)

    def _end(self, step: str, distance: int, payload: bytes = b"", none: bool = False) -> dict[str, Any]:
        if not 0 < distance <= self.next_ordinal:
            raise BrokenError
        ordinal = self.next_ordinal - distance
        complete = ordinal in self.open
        self.current, code = self.open.pop(ordinal, ([0, 0], 0))
        id_ = [self.ring, ordinal]
        return self._event(step, id_, self.current, code, payload, result_is_none=none, complete=complete)

    def _long(self, kind: int, record: bytes, payload: bytes) -> dict[str, Any]:
        self.ticks, ordinal, parent_ordinal, ring, parent_ring, code, _ = struct.unpack_from(
            "<QQQIIII", record, 8
        )
        id_, parent = [ring, ordinal], [parent_ring, parent_ordinal]
        if LONG[kind] in ("resume", "throw"):
            self.current = id_
        else:
            self.current = parent
            if ring == self.ring:
                self.open.pop(ordinal, None)
        return self._event(LONG[kind], id_, parent, code, payload)


def block_start(data: bytes) -> dict[str, Any]:
    ring, task, sequence, thread, ticks, trace, ordinal, current_ring, _, next_ordinal = struct.unpack(
        "<IIQQQQQIIQ", data
    )
    return {
        "ring": ring,
        "task": task,
        "sequence": sequence,
        "thread": thread,
        "ticks": ticks,
        "trace": trace,
        "current": [current_ring, ordinal],
        "next_ordinal": next_ordinal,
    }


def slices(chunk: bytes) -> list[tuple[dict[str, Any], bytes]]:
    found = []
    while chunk:
        if len(chunk) < 64:
            raise BrokenError
        ring, task, sequence, thread, ticks, ordinal, current_ring, count, next_ordinal, offset, size = (
            struct.unpack("<IIQQQQIIQII", chunk[:64])
        )
        records = 64 + 24 * count
        if records + size > len(chunk):
            raise BrokenError
        entries = [struct.unpack_from("<QQII", chunk, 64 + 24 * i) for i in range(count)]
        header = {
            "ring": ring,
            "task": task,
            "sequence": sequence,
            "thread": thread,
            "ticks": ticks,
            "current": [current_ring, ordinal],
            "next_ordinal": next_ordinal,
            "offset": offset,
            "open": {own: ([parent_ring, parent], code) for own, parent, parent_ring, code in entries},
        }
        found.append((header, chunk[records : records + size]))
        chunk = chunk[records + size :]
    return found


def text(padded: bytes) -> str:
    return padded.split(b"\0")[0].decode()


def losses(counters: tuple[int, ...]) -> dict[str, int]:
    return {name: count for name, count in zip(LOSSES, counters) if count}


def message(type_: int, body: bytes) -> dict[str, Any]:
    """The fields of a message, as PROTOCOL.md lays them out."""
    if type_ in (1, 64, 65):
        fields = msgpack.unpackb(body)
        if not isinstance(fields, dict):
            raise BrokenError
        return {key: value.hex() if isinstance(value, bytes) else value for key, value in fields.items()}
    if type_ == 2:
        return {"offset": struct.unpack_from("<Q", body)[0], "entries_hex": body[8:].hex()}
    if type_ == 3:
        state, open_roots, emitted = struct.unpack_from("<IIQ", body)
        lost = struct.unpack_from("<16Q", body, 16)
        number, id_, parent_id, ordinal, ring, kind, begin, end, realtime, size, _, group, name = (
            struct.unpack("<Q32s32sQIIQQqII16s184s", body[144:])
        )
        return {
            "state": state,
            "open_roots": open_roots,
            "emitted": emitted,
            "lost": losses(lost),
            "number": number,
            "id": text(id_),
            "parent_id": text(parent_id),
            "parent": [ring, ordinal],
            "kind": KINDS[kind],
            "begin_ticks": begin,
            "end_ticks": end,
            "begin_realtime_ns": realtime,
            "group": group.hex(),
            "name": name[:size].decode(),
        }
    if type_ == 4:
        offset, size, emitted = struct.unpack_from("<IIQ", body, 64)
        start = block_start(body[:64])
        return {
            "start": start,
            "offset": offset,
            "bytes": size,
            "emitted": emitted,
            "records_hex": body[80:].hex(),
        }
    if type_ == 5:
        return dict(zip(("ticks", "monotonic_ns", "realtime_ns"), struct.unpack("<Qqq", body)))
    if type_ == 6:
        return {"number": struct.unpack("<Q", body)[0]}
    if type_ == 7:
        blockless, refused, codes_lost, *lost = struct.unpack("<19Q", body)
        counts = {"emitted_blockless": blockless, "traces_refused": refused, "codes_lost": codes_lost}
        return {**counts, "lost": losses(tuple(lost))}
    if type_ == 8:
        assert not body
        return {}
    assert type_ == 66
    return ack(body)


def ack(body: bytes) -> dict[str, Any]:
    codes_offset, rings, closed, flags, _ = struct.unpack_from("<QIIII", body)
    if len(body) != 24 + 16 * rings + 8 * closed:
        raise BrokenError
    positions = []
    for i in range(rings):
        ring, offset, sequence = struct.unpack_from("<IIQ", body, 24 + 16 * i)
        positions += [ring, sequence, offset]
    numbers = list(struct.unpack_from(f"<{closed}Q", body, 24 + 16 * rings))
    return {"codes_offset": codes_offset, "rings": positions, "closed": numbers, "bye": bool(flags & 1)}


def codes(data: bytes) -> tuple[list[dict[str, Any]], int, bool]:
    names = ("name", "qualname", "path", "first_line", "flags", "argument_count", "variables")
    definitions: list[dict[str, Any]] = []
    taken = 0
    while len(data) - taken >= 8:
        size, number = struct.unpack_from("<II", data, taken)
        if size < 8 or size % 8 or size > 64 * 1024 or number == 0:
            return definitions, taken, True
        if size > len(data) - taken:
            break
        unpacker = msgpack.Unpacker()
        unpacker.feed(data[taken + 8 : taken + size])
        fields = unpacker.unpack()
        if len(fields) < len(names):
            return definitions, taken, True
        definitions.append({"number": number, **dict(zip(names, fields))})
        taken += size
    return definitions, taken, False


def meaning(value: Any) -> Any:
    """A value in the words of values.json."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {"map": [[meaning(key), meaning(item)] for key, item in value.items()]}
    if isinstance(value, msgpack.ExtType) and value.code == 2:
        number = value.data[0]
        told: dict[str, Any] = {"omitted": OMITTED[number] if number < len(OMITTED) else number}
        if len(value.data) == 8:
            told["count"] = int.from_bytes(value.data[1:], "little")
        return told
    if isinstance(value, list):
        if value and isinstance(value[0], msgpack.ExtType) and value[0].code == 1:
            tag = value[0].data[0]
            return {
                "tag": TAGS[tag] if tag < len(TAGS) else tag,
                "content": [meaning(item) for item in value[1:]],
            }
        return [meaning(item) for item in value]
    return value


@pytest.mark.parametrize("case", named("records.json", "cases"))
def test_every_block_decodes_alone_to_the_events_it_tells(case: dict[str, Any]) -> None:
    for block in reversed(case["blocks"]):  # whatever came before it
        start = block_start(bytes.fromhex(block["start_hex"]))
        assert start == block["start"]
        assert Decoder(start).steps(bytes.fromhex(block["records_hex"])) == block["steps"]


def test_an_activation_that_goes_on_in_another_ring_is_one() -> None:
    (case,) = (
        c for c in load("records.json", "cases") if c["name"] == "a generator that goes on in another thread"
    )
    rings, story = set(), []
    for block in case["blocks"]:
        decoder = Decoder(block["start"])
        for step in decoder.steps(bytes.fromhex(block["records_hex"])):
            if step["id"] == [1, 1]:
                rings.add(decoder.ring)
                story.append(step["step"])
    assert story == ["start", "yield", "resume", "yield", "throw", "unwind"]
    assert rings == {1, 2}


@pytest.mark.parametrize("case", named("records.json", "cases"))
def test_unknown_kinds_change_nothing_for_what_follows(case: dict[str, Any]) -> None:
    unknown = struct.pack("<BBHI", 0x7F, 0, 2, 12345) + b"\xff" * 8 + struct.pack("<Q", 0xFF | 77 << 8)
    for block in case["blocks"]:
        steps = Decoder(block["start"]).steps(unknown + bytes.fromhex(block["records_hex"]))
        assert steps[:2] == [{"step": "unknown", "kind": 0x7F}, {"step": "unknown", "kind": 0xFF}]
        assert steps[2:] == block["steps"]


@pytest.mark.parametrize("case", named("messages.json", "messages"))
def test_messages_say_their_fields(case: dict[str, Any]) -> None:
    frame = bytes.fromhex(case["hex"])
    size, type_, zero = struct.unpack_from("<IHH", frame)
    assert (size, type_, zero) == (len(frame) - 8, case["type"], 0)
    fields = message(type_, frame[8:])
    # Of a hello of another protocol only the number has a meaning.
    assert {key: fields[key] for key in case["fields"]} == case["fields"]


@pytest.mark.parametrize("case", named("codes.json", "cases"))
def test_code_entries_hold_their_definitions(case: dict[str, Any]) -> None:
    try:
        definitions, taken, broken = codes(bytes.fromhex(case["hex"]))
    except (TypeError, ValueError):
        definitions, taken, broken = [], 0, True
    assert (definitions, taken, broken) == (case["definitions"], case["bytes"], case["broken"])


@pytest.mark.parametrize("case", named("slices.json", "chunks"))
def test_slices_decode_alone(case: dict[str, Any]) -> None:
    found = slices(bytes.fromhex(case["hex"]))
    assert len(found) == len(case["slices"])
    for (header, records), expected in zip(reversed(found), reversed(case["slices"])):
        assert {key: header[key] for key in ("ring", "sequence", "offset")} == {
            key: expected[key] for key in ("ring", "sequence", "offset")
        }
        assert Decoder({**header, "trace": case["trace"]}).steps(records) == expected["steps"]


@pytest.mark.parametrize("case", named("slices.json", "broken"))
def test_broken_chunks_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(BrokenError):
        slices(bytes.fromhex(case["hex"]))


def test_merging_chunks_changes_no_event() -> None:
    for case in load("slices.json", "merges"):

        def events(*chunks: str) -> list[Any]:
            found = [found for chunk in chunks for found in slices(bytes.fromhex(chunk))]
            found.sort(key=lambda entry: (entry[0]["ring"], entry[0]["sequence"], entry[0]["offset"]))
            return [
                step for header, records in found for step in Decoder({**header, "trace": 7}).steps(records)
            ]

        assert events(case["merged"]) == events(*case["chunks"])


@pytest.mark.parametrize("case", named("values.json", "cases"))
def test_values_mean_what_is_said(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    assert meaning(msgpack.unpackb(data, strict_map_key=False)) == case["value"]


def test_an_arena_is_laid_out_as_said() -> None:
    header = load("arena.json", "header")
    data = bytes.fromhex(header["hex"])
    magic, version, block, process, *layout = struct.unpack_from("<8sII16sQQQQQII", data)
    expected = load("arena.json", "layouts")[header["layout"]]
    assert (magic, version, block, process.hex()) == (b"LOKENRA1", 1, 65536, header["process"])
    names = [
        "arena_bytes",
        "codes_offset",
        "codes_bytes",
        "slots_offset",
        "blocks_offset",
        "slot_count",
        "block_count",
    ]
    assert dict(zip(names, layout)) == {name: expected[name] for name in names}
    assert list(struct.unpack_from("<Qqq", data, 80)) == header["first_clock"]
    for planned in load("arena.json", "layouts"):
        assert planned["codes_offset"] + planned["codes_bytes"] == planned["slots_offset"]
        assert planned["slots_offset"] + 512 * planned["slot_count"] == planned["blocks_offset"]
        assert planned["blocks_offset"] + 65536 * planned["block_count"] <= planned["arena_bytes"]
