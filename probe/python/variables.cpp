// The variables of a code object, and where in a frame their values stand.
#define Py_BUILD_CORE_MODULE 1  // NOLINT(bugprone-reserved-identifier): what the headers ask for
#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN && PY_VERSION_HEX >= 0x030B0000
#undef HAVE_STD_ATOMIC  // C's _Atomic, which C++ does not have
#include <internal/pycore_code.h>
#endif

#include <opcode.h>

#include <algorithm>
#include <new>

#include "probe/python/bytecode.hpp"

namespace kolo::probe {
namespace {

std::uint32_t argument_count(const PyCodeObject* code) noexcept {
    return static_cast<std::uint32_t>(code->co_argcount) +
           static_cast<std::uint32_t>(code->co_kwonlyargcount) +
           ((code->co_flags & CO_VARARGS) != 0 ? 1U : 0U) +
           ((code->co_flags & CO_VARKEYWORDS) != 0 ? 1U : 0U);
}

#if KOLO_PYTHON_IS_KNOWN

void mark(std::vector<bool>& assigned, std::size_t local) {
    if (local < assigned.size()) {
        assigned[local] = true;
    }
}

/// Which of the first locals the bytecode stores to or deletes.
std::vector<bool> assigned_locals(std::span<const std::uint8_t> bytes, std::size_t count) {
    std::vector<bool> assigned(count, bytes.empty());  // unread: all may be
    std::size_t extension = 0;
    for (std::size_t offset = 0; offset + 1 < bytes.size(); offset += kUnitBytes) {
        const std::uint8_t opcode = bytes[offset];
        const std::size_t argument = extension | bytes[offset + 1];
        extension = opcode == EXTENDED_ARG ? argument << 8U : 0;
        switch (opcode) {
#ifdef STORE_FAST_STORE_FAST  // 3.13: two locals in one argument, four bits each
            case STORE_FAST_STORE_FAST:
                mark(assigned, argument & 15U);
                mark(assigned, argument >> 4U);
                break;
            case STORE_FAST_LOAD_FAST:
                mark(assigned, argument >> 4U);
                break;
#endif
#ifdef LOAD_FAST_AND_CLEAR  // 3.12: a comprehension's variable, put back behind it
            case LOAD_FAST_AND_CLEAR:
#endif
            case STORE_FAST:
            case DELETE_FAST:
                mark(assigned, argument);
                break;
            default:
                break;
        }
    }
    return assigned;
}

/// Arguments that are never assigned. One in a cell may be, by a function that closes over it.
void find_fixed(CodeVariables& variables, PyCodeObject* code) {
    const std::size_t count =
        std::min<std::size_t>(variables.argument_count, variables.slots.size());
    if (count == 0) {
        return;
    }
    const Bytecode bytecode(code);
    variables.is_fixed = assigned_locals(bytecode.units(), count);
    for (std::size_t i = 0; i < count; ++i) {
        variables.is_fixed[i] = !variables.is_fixed[i] && variables.slots[i].is_cell == 0;
    }
}

void add(CodeVariables& variables, PyObject* name, Py_ssize_t slot, bool is_cell) {
    variables.names.push_back(name);
    variables.slots.push_back(
        VariableSlot{static_cast<std::uint32_t>(slot) & 0x7FFFFFFFU, is_cell ? 1U : 0U});
}

#if PY_VERSION_HEX < 0x030B0000

/// Locals, then cells, then free variables. An argument that is a cell has an empty local, and its
/// value in a cell of its own (co_cell2arg says which).
void read(CodeVariables& variables, PyCodeObject* code) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_varnames); ++i) {
        add(variables, PyTuple_GET_ITEM(code->co_varnames, i), i, false);
    }
    const Py_ssize_t cells = PyTuple_GET_SIZE(code->co_cellvars);
    for (Py_ssize_t i = 0; i < cells; ++i) {
        const Py_ssize_t slot = code->co_nlocals + i;
        if (code->co_cell2arg != nullptr && code->co_cell2arg[i] != CO_CELL_NOT_AN_ARG) {
            variables.slots[static_cast<std::size_t>(code->co_cell2arg[i])] =
                VariableSlot{static_cast<std::uint32_t>(slot) & 0x7FFFFFFFU, 1U};
        } else {
            add(variables, PyTuple_GET_ITEM(code->co_cellvars, i), slot, true);
        }
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_freevars); ++i) {
        add(variables, PyTuple_GET_ITEM(code->co_freevars, i), code->co_nlocals + cells + i, true);
    }
}

#else

/// One array in our order already, and one byte a variable that says what it is.
void read(CodeVariables& variables, PyCodeObject* code) {
    const char* const kinds = PyBytes_AS_STRING(code->co_localspluskinds);
    for (Py_ssize_t i = 0; i < code->co_nlocalsplus; ++i) {
        add(variables, PyTuple_GET_ITEM(code->co_localsplusnames, i), i,
            (static_cast<unsigned char>(kinds[i]) & (CO_FAST_CELL | CO_FAST_FREE)) != 0);
    }
}

#endif
#endif

}  // namespace

CodeVariables code_variables(PyCodeObject* code) noexcept {
    CodeVariables variables;
    variables.argument_count = argument_count(code);
#if KOLO_PYTHON_IS_KNOWN
    try {
        read(variables, code);
        find_fixed(variables, code);
    } catch (const std::bad_alloc&) {
        variables.names.clear();
        variables.slots.clear();
        variables.is_fixed.clear();
    }
#endif
    return variables;
}

}  // namespace kolo::probe
