// UTF-8 of exact Python strings, made by us: PyUnicode_AsUTF8 would leave a copy in the string for
// as long as it lives.
//
// Under the GIL; runs no Python code. Slow paths only (names of code, threads and traces); values
// go through Encoder.
#pragma once

#include <Python.h>

#include <string>

namespace kolo::probe {

/// The text of an exact str; lone surrogates become U+FFFD. Empty for anything else.
[[nodiscard]] std::string text_of(PyObject* text);

}  // namespace kolo::probe
