#include "probe/greenlet.hpp"

#include <Python.h>

#include <cstddef>

#include "probe/exception_set_aside.hpp"

namespace kolo::probe {

namespace {

// The table behind greenlet's capsule "greenlet._C_API" (greenlet.h, PyGreenlet_GetCurrent_NUM).
// Its order is greenlet's published binary interface.
constexpr std::size_t kGetCurrent = 4;
constexpr std::size_t kGetParent = 11;
using GetCurrent = PyObject* (*)();
using GetParent = PyObject* (*)(PyObject*);  // a new reference, or null

GetCurrent g_get_current = nullptr;
GetParent g_get_parent = nullptr;

/// An import that failed must not be looked for at every event.
constexpr int kMostTries = 100'000;
int g_tries = 0;

}  // namespace

Greenlets g_greenlets = Greenlets::kNone;

void find_greenlets() noexcept {
    if (g_greenlets == Greenlets::kFound) {
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
    g_get_parent = reinterpret_cast<GetParent>(table[kGetParent]);
    g_greenlets = Greenlets::kFound;
}

void notice_greenlets(std::string_view path) noexcept {
    if (g_greenlets == Greenlets::kNone && path.ends_with("/greenlet/__init__.py")) {
        g_greenlets = Greenlets::kExpected;
        g_tries = 0;
    }
}

// In the following the thread itself, or a child, holds the greenlet: only its identity is kept.

const void* find_current_greenlet() noexcept {
    const ExceptionSetAside pending;
    if (g_greenlets == Greenlets::kExpected) {
        find_greenlets();
        if (g_greenlets == Greenlets::kExpected) {
            g_greenlets = ++g_tries < kMostTries ? Greenlets::kExpected : Greenlets::kNone;
            return nullptr;
        }
    }
    PyObject* current = g_get_current();  // null while the interpreter goes down
    Py_XDECREF(current);
    return current;
}

const void* parent_greenlet() noexcept {
    if (g_greenlets != Greenlets::kFound) {
        return nullptr;
    }
    const ExceptionSetAside pending;
    PyObject* current = g_get_current();
    PyObject* parent = current != nullptr ? g_get_parent(current) : nullptr;
    PyErr_Clear();
    Py_XDECREF(parent);
    Py_XDECREF(current);
    return parent;
}

const void* first_greenlet() noexcept {
    if (g_greenlets != Greenlets::kFound) {
        return nullptr;
    }
    const ExceptionSetAside pending;
    PyObject* first = g_get_current();
    while (first != nullptr) {
        PyObject* parent = g_get_parent(first);
        Py_DECREF(first);
        if (parent == nullptr) {
            break;
        }
        first = parent;
    }
    PyErr_Clear();
    return first;
}

}  // namespace kolo::probe
