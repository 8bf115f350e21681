// The exception that is set, put aside while Python or another's code runs inside the hook: it must
// neither be lost nor meet theirs. Under the GIL; on
// the stack of one call.
#pragma once

#include <Python.h>

namespace kolo::probe {

/// What is set when it ends, apart from that, is dropped.
class ExceptionSetAside {
  public:
    ExceptionSetAside() noexcept { PyErr_Fetch(&type_, &value_, &traceback_); }
    ~ExceptionSetAside() { PyErr_Restore(type_, value_, traceback_); }
    ExceptionSetAside(const ExceptionSetAside&) = delete;
    ExceptionSetAside& operator=(const ExceptionSetAside&) = delete;

  private:
    PyObject* type_ = nullptr;
    PyObject* value_ = nullptr;
    PyObject* traceback_ = nullptr;
};

}  // namespace kolo::probe
