// A code's bytecode, for what is decided once per code: its exits, and which arguments it assigns.
//
// Under the GIL; runs no code. An exception that is set stays as it is.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace kolo::probe {

/// An instruction is a unit, or several: opcode, argument.
inline constexpr std::size_t kUnitBytes = 2;

/// A code's bytecode without specialisation and instrumentation. From 3.11 on the interpreter makes
/// a copy and keeps it with the code: it is given back where we were the first to ask.
class Bytecode {
  public:
    explicit Bytecode(PyCodeObject* code) noexcept;
    ~Bytecode();
    Bytecode(const Bytecode&) = delete;
    Bytecode& operator=(const Bytecode&) = delete;

    /// Empty where memory ran out.
    [[nodiscard]] std::span<const std::uint8_t> units() const noexcept;

  private:
    [[nodiscard]] PyObject** cached() const noexcept;

    PyCodeObject* code_;
    PyObject* bytes_ = nullptr;
    bool was_cached_ = true;
};

}  // namespace kolo::probe
