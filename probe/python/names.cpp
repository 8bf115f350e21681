#include "probe/python/names.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "probe/python/unicode.hpp"

namespace kolo::probe {
namespace {

/// How far into a class's or module's dict to look: a class body puts __module__ first, a module
/// has __name__ first, and type() called by hand puts it last.
constexpr std::size_t kFirstEntries = 2;
constexpr std::size_t kMostEntries = 64;

class NameWriter {
  public:
    explicit NameWriter(NameRoom to) noexcept : to_(to) {}

    void add(std::string_view text) noexcept {
        const std::size_t bytes = std::min(text.size(), to_.size() - used_);
        std::memcpy(to_.data() + used_, text.data(), bytes);
        used_ += bytes;
    }
    /// False when there is no text to add.
    bool add(PyObject* text) noexcept {
        if (text == nullptr || !PyUnicode_Check(text)) {
            return false;
        }
        const Characters characters = characters_of(text);
        if (characters.data == nullptr || characters.length == 0) {
            return false;
        }
        used_ += write_utf8(characters, characters.length, Surrogates::kReplace, to_.data() + used_,
                            to_.size() - used_)
                     .bytes;
        return true;
    }
    void add_module(PyObject* module) noexcept {
        if (module == nullptr || ascii_of(module) == "builtins") {
            return;
        }
        if (add(module)) {
            add(".");
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }

  private:
    NameRoom to_;
    std::size_t used_ = 0;
};

void add_type(NameWriter& name, PyTypeObject* type) noexcept {
    PyObject* module = nullptr;
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0) {
        module = find_by_name(type->tp_dict, "__module__", kFirstEntries);
    }
    if (module == nullptr) {
        // A class made by C code has its whole name in tp_name, one made in Python the last part.
        const std::string_view plain = type->tp_name;
        if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 ||
            plain.find('.') != std::string_view::npos) {
            name.add(plain);
            return;
        }
        module = find_by_name(type->tp_dict, "__module__", kMostEntries);
    }
    name.add_module(module);
    if (!name.add(reinterpret_cast<PyHeapTypeObject*>(type)->ht_qualname)) {
        name.add(type->tp_name);
    }
}

void add_builtin(NameWriter& name, const PyCFunctionObject* function) noexcept {
    PyObject* const self = function->m_self;
    if (self != nullptr && !PyModule_Check(self)) {
        add_type(name, PyType_Check(self) ? reinterpret_cast<PyTypeObject*>(self) : Py_TYPE(self));
        name.add(".");
    } else {
        name.add_module(function->m_module);
    }
    name.add(function->m_ml->ml_name);
}

void add_function(NameWriter& name, PyObject* object) noexcept {
    const auto* const function = reinterpret_cast<const PyFunctionObject*>(object);
    name.add_module(function->func_module);
    name.add(function->func_qualname);
}

bool is_descriptor(const PyTypeObject* type) noexcept {
    return type == &PyMethodDescr_Type || type == &PyWrapperDescr_Type ||
           type == &PyClassMethodDescr_Type || type == &PyGetSetDescr_Type ||
           type == &PyMemberDescr_Type;
}

}  // namespace

PyObject* find_by_name(PyObject* dict, const char* name, std::size_t most) noexcept {
    if (dict == nullptr || !PyDict_Check(dict)) {
        return nullptr;
    }
    const std::string_view wanted = name;
    Py_ssize_t position = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    while (most-- > 0 && PyDict_Next(dict, &position, &key, &value) != 0) {
        if (ascii_of(key) == wanted) {
            return value;
        }
    }
    return nullptr;
}

std::size_t write_type_name(PyTypeObject* type, NameRoom to) noexcept {
    NameWriter name(to);
    add_type(name, type);
    return name.size();
}

std::size_t write_function_name(PyObject* object, NameRoom to) noexcept {
    NameWriter name(to);
    if (Py_IS_TYPE(object, &PyMethod_Type)) {
        // A bound method can wrap any callable.
        PyObject* const inner = PyMethod_GET_FUNCTION(object);
        if (Py_IS_TYPE(inner, &PyMethod_Type)) {
            return 0;
        }
        return write_function_name(inner, to);
    }
    if (PyFunction_Check(object)) {
        add_function(name, object);
    } else if (PyCFunction_Check(object)) {
        add_builtin(name, reinterpret_cast<const PyCFunctionObject*>(object));
    } else if (is_descriptor(Py_TYPE(object))) {
        const auto* const descriptor = reinterpret_cast<const PyDescrObject*>(object);
        add_type(name, descriptor->d_type);
        name.add(".");
        name.add(descriptor->d_name);
    }
    return name.size();
}

std::size_t write_module_name(PyObject* module, NameRoom to) noexcept {
    NameWriter name(to);
    name.add(find_by_name(PyModule_GetDict(module), "__name__", kMostEntries));
    return name.size();
}

}  // namespace kolo::probe
