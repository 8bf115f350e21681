// The variables of a code object, and where in a frame their values stand.
#define Py_BUILD_CORE_MODULE 1  // NOLINT(bugprone-reserved-identifier): what the headers ask for
#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN && PY_VERSION_HEX >= 0x030B0000
#undef HAVE_STD_ATOMIC  // C's _Atomic, which C++ does not have
#include <internal/pycore_code.h>
#endif

#include <new>

namespace kolo::probe {
namespace {

std::uint32_t argument_count(const PyCodeObject* code) noexcept {
    return static_cast<std::uint32_t>(code->co_argcount) +
           static_cast<std::uint32_t>(code->co_kwonlyargcount) +
           ((code->co_flags & CO_VARARGS) != 0 ? 1U : 0U) +
           ((code->co_flags & CO_VARKEYWORDS) != 0 ? 1U : 0U);
}

#if KOLO_PYTHON_IS_KNOWN

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
    } catch (const std::bad_alloc&) {
        variables.names.clear();
        variables.slots.clear();
    }
#endif
    return variables;
}

}  // namespace kolo::probe
