#include "probe/greenlet.hpp"

#include <Python.h>

#include <cstddef>

namespace kolo::probe {

namespace {

// The table behind greenlet's capsule "greenlet._C_API" (greenlet.h, PyGreenlet_GetCurrent_NUM).
// Its order is greenlet's published binary interface.
constexpr std::size_t kGetCurrent = 4;
using GetCurrent = PyObject* (*)();

GetCurrent g_get_current = nullptr;

}  // namespace

bool g_has_greenlets = false;

void find_greenlets() noexcept {
    if (g_has_greenlets) {
        return;
    }
    PyObject* modules = PyImport_GetModuleDict();  // borrowed
    PyObject* module =
        PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, "greenlet._greenlet") : nullptr;
    if (module == nullptr || !PyModule_CheckExact(module)) {
        return;
    }
    PyObject* capsule = PyDict_GetItemString(PyModule_GetDict(module), "_C_API");  // borrowed
    if (capsule == nullptr || PyCapsule_IsValid(capsule, "greenlet._C_API") == 0) {
        return;
    }
    auto* const table = static_cast<void**>(PyCapsule_GetPointer(capsule, "greenlet._C_API"));
    g_get_current = reinterpret_cast<GetCurrent>(table[kGetCurrent]);
    g_has_greenlets = true;
}

const void* find_current_greenlet() noexcept {
    // An exception may be on its way through the frame: it must neither be lost nor meet greenlet's
    // own.
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* current = g_get_current();  // null while the interpreter goes down
    PyErr_Restore(type, value, traceback);
    // The thread itself holds its current greenlet: only its identity is kept here.
    Py_XDECREF(current);
    return current;
}

}  // namespace kolo::probe
