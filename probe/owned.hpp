// A reference to a Python object that is given up at the end of its block. Under the GIL; knows no
// thread, no fork.
#pragma once

#include <Python.h>

#include <utility>

namespace kolo::probe {

class Owned {
  public:
    Owned() noexcept = default;
    /// Takes over a new reference; null where there is none.
    explicit Owned(PyObject* object) noexcept : object_(object) {}
    ~Owned() { Py_XDECREF(object_); }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Owned& operator=(Owned&& other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    [[nodiscard]] PyObject* get() const noexcept { return object_; }
    [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }
    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    PyObject* object_ = nullptr;
};

}  // namespace kolo::probe
