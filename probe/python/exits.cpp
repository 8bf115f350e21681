// Which instructions of a code return, and which yield. All versions: it needs only co_code and the
// opcodes' numbers.
#include <Python.h>

#include <opcode.h>

#include <new>
#include <span>

#include "probe/python/bytecode.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

enum Kind : std::uint8_t { kOther = 0, kReturns = 1, kYields = 2 };

constexpr int kGeneratorLike = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
constexpr std::size_t kKindsPerByte = 4;
// Where the interpreter passes None instead of NULL when an exception ends a frame (3.12.1),
// exits of every code have to be told by opcode; elsewhere only those of code that can yield.
constexpr bool kUnwindsWithNone = PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000;

Kind kind_of(std::uint8_t opcode) noexcept {
    switch (opcode) {
        case RETURN_VALUE:
#ifdef RETURN_CONST
        case RETURN_CONST:
#endif
            return kReturns;
        case YIELD_VALUE:
            return kYields;
        default:
            return kOther;
    }
}

void mark(std::vector<std::uint8_t>& kinds, std::size_t unit, Kind kind) {
    if (unit / kKindsPerByte < kinds.size()) {
        kinds[unit / kKindsPerByte] = static_cast<std::uint8_t>(kinds[unit / kKindsPerByte] |
                                                                kind << (unit % kKindsPerByte * 2));
    }
}

void read_kinds(std::span<const std::uint8_t> bytes, std::vector<std::uint8_t>& kinds) {
    kinds.resize(bytes.size() / kUnitBytes / kKindsPerByte + 1);
    for (std::size_t offset = 0; offset + 1 < bytes.size(); offset += kUnitBytes) {
        const std::size_t unit = offset / kUnitBytes;
#ifdef YIELD_FROM
        // 3.9 and 3.10: a suspended `yield from` stands before its instruction, to repeat it.
        if (bytes[offset] == YIELD_FROM && unit > 0) {
            mark(kinds, unit - 1, kYields);
            continue;
        }
#endif
        const Kind kind = kind_of(bytes[offset]);
        if (kind == kOther) {
            continue;
        }
        mark(kinds, unit, kind);
#if PY_VERSION_HEX >= 0x030D0000
        // 3.13 stands at the instruction to go on with, which is always a RESUME.
        if (kind == kYields) {
            mark(kinds, unit + 1, kYields);
        }
#endif
    }
}

/// The offset at which a start is seen: before any instruction, from 3.11 on at the first RESUME.
int first_entry([[maybe_unused]] std::span<const std::uint8_t> bytes) noexcept {
#ifdef RESUME
    for (std::size_t offset = 0; offset + 1 < bytes.size(); offset += kUnitBytes) {
        if (bytes[offset] == RESUME) {
            return static_cast<int>(offset);
        }
    }
#endif
    return -1;
}

}  // namespace

CodeExits CodeExits::read(PyCodeObject* code) noexcept {
    CodeExits exits;
    if (!kUnwindsWithNone && (code->co_flags & kGeneratorLike) == 0) {
        return exits;
    }
    try {
        const Bytecode bytecode(code);
        read_kinds(bytecode.units(), exits.kinds_);
        exits.first_entry_ = first_entry(bytecode.units());
    } catch (const std::bad_alloc&) {
        exits = CodeExits();
    }
    return exits;
}

Exit CodeExits::at(int last_instruction, bool argument_is_null) const noexcept {
    if (argument_is_null) {
        return Exit::kUnwind;
    }
    if (kinds_.empty()) {
        return Exit::kReturn;
    }
    const std::size_t unit = static_cast<std::size_t>(last_instruction) / kUnitBytes;
    unsigned kind = kOther;
    if (last_instruction >= 0 && unit / kKindsPerByte < kinds_.size()) {
        kind = (kinds_[unit / kKindsPerByte] >> (unit % kKindsPerByte * 2)) & 3U;
    }
    if (kind == kOther) {
        return kUnwindsWithNone ? Exit::kUnwind : Exit::kReturn;
    }
    return kind == kYields ? Exit::kYield : Exit::kReturn;
}

}  // namespace kolo::probe
