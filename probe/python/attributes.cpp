// An object's own attributes, read where they lie: instance dict, inline values, slots.
#define Py_BUILD_CORE_MODULE 1  // NOLINT(bugprone-reserved-identifier): what the headers ask for
#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN

#include <structmember.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#if PY_VERSION_HEX >= 0x030B0000
#undef HAVE_STD_ATOMIC  // C's _Atomic, which C++ does not have
#include <internal/pycore_dict.h>
#endif

namespace kolo::probe {
namespace {

/// Inline values: the instance's values, and where in the class's shared keys each belongs.
struct InlineValues {
    PyObject* const* values = nullptr;
    const std::uint8_t* order = nullptr;  // order[i * order_step]: index of the i-th attribute set
    std::ptrdiff_t order_step = 1;
    std::size_t size = 0;
};

/// Where an object keeps its attributes apart from slots: at most one of the two is set.
struct Storage {
    PyObject* dict = nullptr;  // borrowed
    InlineValues inline_values;
    bool exists = false;  // its type gives instances a dict
};

Storage dict_storage(PyObject* dict) noexcept {
    Storage storage;
    storage.dict = dict != nullptr && PyDict_Check(dict) ? dict : nullptr;
    storage.exists = true;
    return storage;
}

/// For types whose dict the interpreter does not manage, _PyObject_GetDictPtr only computes.
Storage plain_storage(PyObject* object) noexcept {
    PyObject** const pointer = _PyObject_GetDictPtr(object);
    return pointer == nullptr ? Storage{} : dict_storage(*pointer);
}

#if PY_VERSION_HEX < 0x030B0000

Storage storage_of(PyObject* object) noexcept { return plain_storage(object); }

#else

#if PY_VERSION_HEX < 0x030D0000

static_assert(sizeof(PyDictValues) == sizeof(PyObject*));

/// The bytes before the values: [-1] is the prefix's size, [-2] how many are set, [-3], [-4] …
/// their indexes in the order of setting.
Storage values_storage(const PyDictValues* values) noexcept {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(values);
    Storage storage;
    storage.exists = true;
    storage.inline_values = InlineValues{values->values, bytes - 3, -1, *(bytes - 2)};
    return storage;
}

#endif

#if PY_VERSION_HEX < 0x030C0000

/// 3.11: a pointer to values four words before the object, the dict's three words before it.
Storage managed_storage(PyObject* object) noexcept {
    auto* const words = reinterpret_cast<void**>(object);
    const auto* const values = static_cast<const PyDictValues*>(words[-4]);
    return values != nullptr ? values_storage(values)
                             : dict_storage(static_cast<PyObject*>(words[-3]));
}

#elif PY_VERSION_HEX < 0x030D0000

/// 3.12: one word, three before the object, whose lowest bit tells values (pointer minus 1) from a
/// dict.
Storage managed_storage(PyObject* object) noexcept {
    char* const word = reinterpret_cast<char**>(object)[-3];
    if ((reinterpret_cast<std::uintptr_t>(word) & 1U) != 0) {
        return values_storage(reinterpret_cast<const PyDictValues*>(word + 1));
    }
    return dict_storage(reinterpret_cast<PyObject*>(word));
}

#else

static_assert(offsetof(PyDictValues, values) == 8 && offsetof(PyDictValues, valid) == 3);

/// 3.13: values in the object itself, valid until a dict takes over (which may share them).
Storage managed_storage(PyObject* object) noexcept {
    auto* const dict = reinterpret_cast<PyObject**>(object)[-3];
    if (dict != nullptr || (Py_TYPE(object)->tp_flags & Py_TPFLAGS_INLINE_VALUES) == 0) {
        return dict_storage(dict);
    }
    const auto* const values = reinterpret_cast<const PyDictValues*>(object + 1);
    if (values->valid == 0) {
        return dict_storage(nullptr);
    }
    Storage storage;
    storage.exists = true;
    storage.inline_values = InlineValues{
        values->values, reinterpret_cast<const std::uint8_t*>(&values->values[values->capacity]), 1,
        values->size};
    return storage;
}

#endif

Storage storage_of(PyObject* object) noexcept {
    return (Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0 ? managed_storage(object)
                                                                      : plain_storage(object);
}

#endif

bool visit_dict(PyObject* dict, AttributeVisitor visit, void* data) noexcept {
    Py_ssize_t position = 0;
    PyObject* name = nullptr;
    PyObject* value = nullptr;
    while (PyDict_Next(dict, &position, &name, &value) != 0) {
        if (!visit(data, name, value)) {
            return false;
        }
    }
    return true;
}

#if PY_VERSION_HEX >= 0x030B0000
bool visit_inline(PyTypeObject* type, const InlineValues& values, AttributeVisitor visit,
                  void* data) noexcept {
    PyDictKeysObject* const keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
    if (keys == nullptr || keys->dk_kind == DICT_KEYS_GENERAL) {
        return true;
    }
    const PyDictUnicodeEntry* const entries = DK_UNICODE_ENTRIES(keys);
    for (std::size_t i = 0; i < values.size; ++i) {
        const std::size_t index = values.order[static_cast<std::ptrdiff_t>(i) * values.order_step];
        PyObject* const name = entries[index].me_key;
        PyObject* const value = values.values[index];
        if (name != nullptr && value != nullptr && !visit(data, name, value)) {
            return false;
        }
    }
    return true;
}
#endif

/// Classes made in C whose declared members say what an instance is. Others' lead away from it: a
/// generator's to its code, a frame's to all globals.
bool shows_members(PyTypeObject* type) noexcept {
    if (type == &PySlice_Type || type == &PyRange_Type || type == &PyProperty_Type) {
        return true;
    }
    const char first = type->tp_name[0];  // most are told apart by it
    if (first != 'f' && first != 'r' && first != 'z') {
        return false;
    }
    constexpr std::string_view kNames[] = {"functools.partial", "re.Pattern", "re.Match",
                                           "zoneinfo.ZoneInfo"};
    return std::find(std::begin(kNames), std::end(kNames), type->tp_name) != std::end(kNames);
}

/// Whether a class made in Python declared slots of its own (not counting __dict__, __weakref__),
/// or is one of the above.
bool has_slots(PyTypeObject* type) noexcept {
    return type->tp_members != nullptr && type->tp_members->name != nullptr &&
           ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 || shows_members(type));
}

PyObject* class_dict(PyTypeObject* type) noexcept {
    PyObject* dict = type->tp_dict;
#if PY_VERSION_HEX >= 0x030C0000
    if (dict == nullptr) {  // a static builtin's, which belongs to the interpreter
        dict = PyType_GetDict(type);
        Py_XDECREF(dict);
    }
#endif
    return dict != nullptr && PyDict_Check(dict) ? dict : nullptr;
}

/// What is read of a class's members: slots, and what shows_members() stands for.
bool is_shown(PyTypeObject* type, const PyMemberDef* member) noexcept {
    const bool has_object = member->type == T_OBJECT_EX || member->type == T_OBJECT;
    return has_object &&
           (shows_members(type) ? member->name[0] != '_' : member->type == T_OBJECT_EX);
}

/// Slots are found through the member descriptors in the dicts of the classes that declared them:
/// only there stand their names as objects. False when `found` said to stop.
template <typename Found>
bool find_own_slots(PyTypeObject* type, Found found) noexcept {
    PyObject* const members = class_dict(type);
    if (members == nullptr) {
        return true;
    }
    Py_ssize_t position = 0;
    PyObject* name = nullptr;
    PyObject* descriptor = nullptr;
    while (PyDict_Next(members, &position, &name, &descriptor) != 0) {
        if (!Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) {
            continue;
        }
        const auto* const member = reinterpret_cast<const PyMemberDescrObject*>(descriptor);
        // A descriptor of another class can have been assigned to the class: its offset is not
        // this object's.
        if (member->d_common.d_type != type || !is_shown(type, member->d_member)) {
            continue;
        }
        if (!found(name, static_cast<std::size_t>(member->d_member->offset))) {
            return false;
        }
    }
    return true;
}

/// The slots of all classes of `type`, base first. False when `found` said to stop.
template <typename Found>
bool find_slots(PyTypeObject* type, Found found) noexcept {
    constexpr int kMostClasses = 16;
    PyTypeObject* classes[kMostClasses];
    int count = 0;
    for (; type != nullptr && count < kMostClasses; type = type->tp_base) {
        if (has_slots(type)) {
            classes[count++] = type;
        }
    }
    while (count-- > 0) {
        if (!find_own_slots(classes[count], found)) {
            return false;
        }
    }
    return true;
}

PyObject* slot_value(PyObject* object, std::size_t offset) noexcept {
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

/// Calls `found` for each slot that holds a value; `any`: whether there are slots at all.
template <typename Found>
bool for_each_slot(PyObject* object, const ObjectSlots* known, bool& any, Found found) noexcept {
    const auto look = [&](PyObject* name, std::size_t offset) noexcept {
        any = true;
        PyObject* const value = slot_value(object, offset);
        return value == nullptr || found(name, value);
    };
    if (known == nullptr) {
        return find_slots(Py_TYPE(object), look);
    }
    // What is found may be of another class, whose facts take the place of this one's.
    std::array<ObjectSlots::Slot, ObjectSlots::kMost> slots;  // NOLINT: only what is copied is read
    const std::size_t count = known->count;
    std::copy_n(known->slots.begin(), count, slots.begin());
    for (std::size_t i = 0; i < count; ++i) {
        if (!look(slots[i].name, slots[i].offset)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool read_slots(PyTypeObject* type, ObjectSlots& slots) noexcept {
    slots.count = 0;
    return find_slots(type, [&](PyObject* name, std::size_t offset) noexcept {
        if (slots.count == ObjectSlots::kMost) {
            return false;
        }
        slots.slots[slots.count++] = {name, offset};
        return true;
    });
}

bool visit_attributes(PyObject* object, AttributeVisitor visit, void* data,
                      const ObjectSlots* slots) noexcept {
    bool any_slots = false;
    const auto pass_on = [&](PyObject* name, PyObject* value) noexcept {
        return visit(data, name, value);
    };
    if (!for_each_slot(object, slots, any_slots, pass_on)) {
        return true;
    }
    const Storage storage = storage_of(object);
    if (storage.dict != nullptr) {
        visit_dict(storage.dict, visit, data);
    }
#if PY_VERSION_HEX >= 0x030B0000
    if (storage.inline_values.values != nullptr) {
        visit_inline(Py_TYPE(object), storage.inline_values, visit, data);
    }
#endif
    return storage.exists || any_slots;
}

std::size_t attribute_count(PyObject* object, const ObjectSlots* slots) noexcept {
    std::size_t count = 0;
    bool any_slots = false;
    for_each_slot(object, slots, any_slots, [&](PyObject*, PyObject*) noexcept {
        ++count;
        return true;
    });
    const Storage storage = storage_of(object);
    if (storage.dict != nullptr) {
        count += static_cast<std::size_t>(PyDict_Size(storage.dict));
    }
    return count + storage.inline_values.size;
}

}  // namespace kolo::probe

#endif
