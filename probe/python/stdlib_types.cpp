#include "probe/python/stdlib_types.hpp"

#include <datetime.h>
#include <structmember.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>

#include "probe/python/names.hpp"
#include "probe/python/pathlib_text.hpp"
#include "probe/python/unicode.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

constexpr std::size_t kAll = static_cast<std::size_t>(-1);

/// A name of a module that is imported already; borrowed. Slow (walks sys.modules).
PyObject* find_in_module(const char* module_name, const char* name) noexcept {
    PyObject* const module = find_by_name(PyImport_GetModuleDict(), module_name, kAll);
    if (module == nullptr || !PyModule_Check(module)) {
        return nullptr;
    }
    return find_by_name(PyModule_GetDict(module), name, kAll);
}

// --- datetime ---------------------------------------------------------------------------------

struct TimeTypes {
    PyTypeObject* date_time = nullptr;
    PyTypeObject* date = nullptr;
    PyTypeObject* time = nullptr;
    PyTypeObject* time_delta = nullptr;
};
TimeTypes g_time;  // found once, under the GIL; static types of _datetime, never freed

/// Found through the capsule that PyDateTime_IMPORT would import for.
void find_time_types() noexcept {
    PyObject* const capsule = find_in_module("_datetime", "datetime_CAPI");
    if (capsule == nullptr || !PyCapsule_IsValid(capsule, PyDateTime_CAPSULE_NAME)) {
        return;
    }
    const auto* const api =
        static_cast<const PyDateTime_CAPI*>(PyCapsule_GetPointer(capsule, PyDateTime_CAPSULE_NAME));
    g_time = {api->DateTimeType, api->DateType, api->TimeType, api->DeltaType};
}

StdlibKind time_kind(PyTypeObject* type) noexcept {
    if (g_time.date_time == nullptr) {
        if (std::string_view(type->tp_name).substr(0, 9) != "datetime.") {
            return StdlibKind::kNone;
        }
        find_time_types();
    }
    if (type == g_time.date_time) {
        return StdlibKind::kDateTime;
    }
    if (type == g_time.date) {
        return StdlibKind::kDate;
    }
    if (type == g_time.time) {
        return StdlibKind::kTime;
    }
    return type == g_time.time_delta ? StdlibKind::kTimeDelta : StdlibKind::kNone;
}

// --- Decimal ----------------------------------------------------------------------------------

/// _decimal.c's PyDecObject with libmpdec's mpd_t in it, on 64-bit machines.
struct DecimalObject {
    PyObject base;
    Py_hash_t hash;
    std::uint8_t flags;
    std::int64_t exponent;
    std::int64_t digits;
    std::int64_t length;
    std::int64_t allocated;
    const std::uint64_t* words;  // least significant first, 19 digits each
    std::uint64_t own_words[4];
};
static_assert(sizeof(DecimalObject) == 104 && offsetof(DecimalObject, flags) == 24);

constexpr std::uint8_t kNegative = 1;
constexpr std::uint8_t kInfinite = 2;
constexpr std::uint8_t kNotANumber = 4;
constexpr std::uint8_t kSignalling = 8;
constexpr int kDigitsPerWord = 19;
constexpr std::int64_t kMostDigits = 512;

PyTypeObject* g_decimal = nullptr;  // under the GIL; found again when another one is met

bool is_decimal(PyTypeObject* type) noexcept {
    // The class is freed with its module from 3.12 on: an address seen before proves nothing
    // without the name and size.
    if (type->tp_basicsize != static_cast<Py_ssize_t>(sizeof(DecimalObject)) ||
        std::string_view(type->tp_name) != "decimal.Decimal") {
        return false;
    }
    if (type != g_decimal) {
        g_decimal = reinterpret_cast<PyTypeObject*>(find_in_module("_decimal", "Decimal"));
    }
    return type == g_decimal;
}

/// The coefficient's digits, without leading zeros.
std::size_t write_digits(const DecimalObject* decimal, char* to) noexcept {
    const auto digits = static_cast<std::size_t>(decimal->digits);
    std::size_t left = digits;
    for (std::int64_t word = 0; word < decimal->length && left > 0; ++word) {
        std::uint64_t value = decimal->words[word];
        for (int i = 0; i < kDigitsPerWord && left > 0; ++i) {
            to[--left] = static_cast<char>('0' + value % 10);
            value /= 10;
        }
    }
    return digits;
}

class TextWriter {
  public:
    explicit TextWriter(std::span<char> to) noexcept : to_(to) {}
    void add(std::string_view text) noexcept {
        if (text.size() > to_.size() - used_) {
            is_whole_ = false;
            return;
        }
        std::memcpy(to_.data() + used_, text.data(), text.size());
        used_ += text.size();
    }
    void add_zeros(std::int64_t count) noexcept {
        for (; count > 0 && is_whole_; --count) {
            add("0");
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return is_whole_ ? used_ : 0; }

  private:
    std::span<char> to_;
    std::size_t used_ = 0;
    bool is_whole_ = true;
};

/// The specification's to-scientific-string, which is what str() gives.
void add_finite(TextWriter& text, std::string_view digits, std::int64_t exponent) noexcept {
    const auto count = static_cast<std::int64_t>(digits.size());
    const std::int64_t adjusted = exponent + count - 1;
    if (exponent > 0 || adjusted < -6) {
        text.add(digits.substr(0, 1));
        if (count > 1) {
            text.add(".");
            text.add(digits.substr(1));
        }
        char buffer[24];
        const auto end = std::to_chars(buffer, buffer + sizeof buffer, adjusted).ptr;
        text.add(adjusted < 0 ? "E" : "E+");
        text.add({buffer, static_cast<std::size_t>(end - buffer)});
        return;
    }
    const std::int64_t whole = count + exponent;  // digits before the point
    if (whole <= 0) {
        text.add("0.");
        text.add_zeros(-whole);
        text.add(digits);
        return;
    }
    text.add(digits.substr(0, static_cast<std::size_t>(whole)));
    if (exponent < 0) {
        text.add(".");
        text.add(digits.substr(static_cast<std::size_t>(whole)));
    }
}

// --- UUID -------------------------------------------------------------------------------------

/// Where a class made in Python keeps the slot `name`; null when it has none of its own.
const PyMemberDef* find_slot(PyTypeObject* type, const char* name) noexcept {
    for (const PyMemberDef* member = type->tp_members; member != nullptr && member->name != nullptr;
         ++member) {
        if (member->type == T_OBJECT_EX && std::strcmp(member->name, name) == 0) {
            return member;
        }
    }
    return nullptr;
}

bool is_uuid(PyTypeObject* type) noexcept {
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && std::strcmp(type->tp_name, "UUID") == 0 &&
           find_slot(type, "int") != nullptr && type->tp_dict != nullptr && [type] {
               PyObject* const module = find_by_name(type->tp_dict, "__module__", 8);
               return module != nullptr && ascii_of(module) == "uuid";
           }();
}

// --- Enum -------------------------------------------------------------------------------------

/// Whether a metaclass is enum's EnumType (EnumMeta before 3.11) or derives from it.
bool makes_enums(PyTypeObject* metaclass) noexcept {
    for (; metaclass != nullptr && metaclass != &PyType_Type; metaclass = metaclass->tp_base) {
        if (std::strcmp(metaclass->tp_name, "EnumType") != 0 &&
            std::strcmp(metaclass->tp_name, "EnumMeta") != 0) {
            continue;
        }
        PyObject* const module = find_by_name(metaclass->tp_dict, "__module__", 8);
        if (module != nullptr && ascii_of(module) == "enum") {
            return true;
        }
    }
    return false;
}

// --- deque, mappingproxy ----------------------------------------------------------------------

/// _collectionsmodule.c's, the same from 3.9 to 3.13.
struct DequeBlock {
    const DequeBlock* left;
    PyObject* items[64];
    const DequeBlock* right;
};
struct DequeObject {
    PyVarObject base;
    const DequeBlock* left_block;
    const DequeBlock* right_block;
    Py_ssize_t left_index;
    Py_ssize_t right_index;
};

PyTypeObject* g_deque = nullptr;  // as g_decimal

bool is_deque(PyTypeObject* type) noexcept {
    if (!KOLO_PYTHON_IS_KNOWN || std::string_view(type->tp_name) != "collections.deque") {
        return false;
    }
    if (type != g_deque) {
        g_deque = reinterpret_cast<PyTypeObject*>(find_in_module("_collections", "deque"));
    }
    return type == g_deque;
}

bool derives_from_deque(PyTypeObject* type) noexcept {
    while (type != nullptr && !(type->tp_name[0] == 'c' && is_deque(type))) {
        type = type->tp_base;
    }
    return type != nullptr;
}

/// descrobject.c's.
struct MappingProxyObject {
    PyObject base;
    PyObject* mapping;
};

constexpr unsigned long kFlaggedBases = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS |
                                        Py_TPFLAGS_DICT_SUBCLASS | Py_TPFLAGS_LIST_SUBCLASS |
                                        Py_TPFLAGS_TUPLE_SUBCLASS | Py_TPFLAGS_BYTES_SUBCLASS;

}  // namespace

StdlibKind stdlib_kind(PyTypeObject* type) noexcept {
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) {
        const StdlibKind kind = time_kind(type);
        if (kind != StdlibKind::kNone) {
            return kind;
        }
        if (type == &PyDictProxy_Type && KOLO_PYTHON_IS_KNOWN) {
            return StdlibKind::kMappingProxy;
        }
    }
    if (is_decimal(type)) {
        return StdlibKind::kDecimal;
    }
    if (is_uuid(type)) {
        return StdlibKind::kUuid;
    }
    if (!Py_IS_TYPE(type, &PyType_Type) && makes_enums(Py_TYPE(type))) {
        return StdlibKind::kEnum;
    }
    if (pure_path(type) != nullptr) {
        return StdlibKind::kPath;
    }
    return derives_from_deque(type) ? StdlibKind::kDeque : StdlibKind::kNone;
}

PyTypeObject* builtin_base(PyTypeObject* type) noexcept {
    struct Flagged {
        unsigned long flag;
        PyTypeObject* type;
    };
    const Flagged bases[] = {
        {Py_TPFLAGS_LONG_SUBCLASS, &PyLong_Type},   {Py_TPFLAGS_UNICODE_SUBCLASS, &PyUnicode_Type},
        {Py_TPFLAGS_DICT_SUBCLASS, &PyDict_Type},   {Py_TPFLAGS_LIST_SUBCLASS, &PyList_Type},
        {Py_TPFLAGS_TUPLE_SUBCLASS, &PyTuple_Type}, {Py_TPFLAGS_BYTES_SUBCLASS, &PyBytes_Type},
    };
    if ((type->tp_flags & kFlaggedBases) != 0) {
        return std::find_if(
                   std::begin(bases), std::end(bases),
                   [type](const Flagged& base) { return (type->tp_flags & base.flag) != 0; })
            ->type;
    }
    // tp_base is the base whose structure an instance begins with, whatever the other bases are.
    for (; type != nullptr && type != &PyBaseObject_Type; type = type->tp_base) {
        if (type == &PyFloat_Type || type == &PyComplex_Type || type == &PySet_Type ||
            type == &PyFrozenSet_Type || type == &PyByteArray_Type || type == &PyModule_Type) {
            return type;
        }
        // A UUID's content is a slot, which a subclass shows as an attribute.
        const bool is_static = (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0;
        if (is_decimal(type) || (is_static && time_kind(type) != StdlibKind::kNone)) {
            return type;
        }
    }
    return nullptr;
}

TimeFields time_fields(PyObject* object, StdlibKind kind) noexcept {
    TimeFields fields{};
    const auto add = [&fields](int value) noexcept { fields.values[fields.count++] = value; };
    switch (kind) {
        case StdlibKind::kDateTime: {
            add(PyDateTime_GET_YEAR(object));
            add(PyDateTime_GET_MONTH(object));
            add(PyDateTime_GET_DAY(object));
            add(PyDateTime_DATE_GET_HOUR(object));
            add(PyDateTime_DATE_GET_MINUTE(object));
            add(PyDateTime_DATE_GET_SECOND(object));
            add(PyDateTime_DATE_GET_MICROSECOND(object));
            add(PyDateTime_DATE_GET_FOLD(object));
            const auto* const inner = reinterpret_cast<const PyDateTime_DateTime*>(object);
            fields.has_zone = true;
            fields.zone = inner->hastzinfo != 0 ? inner->tzinfo : nullptr;
            break;
        }
        case StdlibKind::kDate:
            add(PyDateTime_GET_YEAR(object));
            add(PyDateTime_GET_MONTH(object));
            add(PyDateTime_GET_DAY(object));
            break;
        case StdlibKind::kTime: {
            add(PyDateTime_TIME_GET_HOUR(object));
            add(PyDateTime_TIME_GET_MINUTE(object));
            add(PyDateTime_TIME_GET_SECOND(object));
            add(PyDateTime_TIME_GET_MICROSECOND(object));
            add(PyDateTime_TIME_GET_FOLD(object));
            const auto* const inner = reinterpret_cast<const PyDateTime_Time*>(object);
            fields.has_zone = true;
            fields.zone = inner->hastzinfo != 0 ? inner->tzinfo : nullptr;
            break;
        }
        default:
            add(PyDateTime_DELTA_GET_DAYS(object));
            add(PyDateTime_DELTA_GET_SECONDS(object));
            add(PyDateTime_DELTA_GET_MICROSECONDS(object));
            break;
    }
    if (fields.zone == Py_None) {
        fields.zone = nullptr;
    }
    return fields;
}

std::size_t write_decimal(PyObject* object, std::span<char> to) noexcept {
    const auto* const decimal = reinterpret_cast<const DecimalObject*>(object);
    TextWriter text(to);
    if ((decimal->flags & kNegative) != 0) {
        text.add("-");
    }
    if ((decimal->flags & kInfinite) != 0) {
        text.add("Infinity");
        return text.size();
    }
    if (decimal->digits < 0 || decimal->digits > kMostDigits) {
        return 0;
    }
    char digits[kMostDigits];
    const std::size_t count = write_digits(decimal, digits);
    if ((decimal->flags & (kNotANumber | kSignalling)) != 0) {
        text.add((decimal->flags & kSignalling) != 0 ? "sNaN" : "NaN");
        if (decimal->length > 0) {
            text.add({digits, count});
        }
        return text.size();
    }
    add_finite(text, {digits, count}, decimal->exponent);
    return text.size();
}

bool read_uuid(PyObject* object, std::span<std::uint8_t, 16> to) noexcept {
    PyObject* const value = slot_value(object, Py_TYPE(object), "int");
    if (value == nullptr || !PyLong_CheckExact(value)) {
        return false;
    }
    std::uint8_t bytes[24];  // one more than 16 for the sign, and room to work in
    const std::size_t count = int_bytes(value, bytes, sizeof bytes);
    const std::size_t sign = count == 17 && bytes[0] == 0 ? 1 : 0;
    if (count == 0 || count - sign > 16 || (sign == 0 && bytes[0] >= 0x80)) {
        return false;
    }
    std::memset(to.data(), 0, to.size());
    std::memcpy(to.data() + to.size() - (count - sign), bytes + sign, count - sign);
    return true;
}

EnumMember enum_member(PyObject* object) noexcept {
    EnumMember member;
    visit_attributes(
        object,
        [](void* data, PyObject* name, PyObject* value) {
            auto& found = *static_cast<EnumMember*>(data);
            const std::string_view is = ascii_of(name);
            if (is == "_value_") {
                found.value = value;
            } else if (is == "_name_" && PyUnicode_Check(value)) {
                found.name = value;
            }
            return found.value == nullptr || found.name == nullptr;
        },
        &member);
    return member;
}

DequeItems::DequeItems(PyObject* deque) noexcept
    : block_(reinterpret_cast<const DequeObject*>(deque)->left_block),
      index_(static_cast<std::size_t>(reinterpret_cast<const DequeObject*>(deque)->left_index)),
      left_(static_cast<std::size_t>(Py_SIZE(deque))) {}

PyObject* DequeItems::next() noexcept {
    const auto* block = static_cast<const DequeBlock*>(block_);
    if (left_ == 0 || block == nullptr) {
        return nullptr;
    }
    if (index_ == std::size(block->items)) {
        block = block->right;
        block_ = block;
        index_ = 0;
    }
    --left_;
    return block->items[index_++];
}

PyObject* proxied_dict(PyObject* proxy) noexcept {
    PyObject* const mapping = reinterpret_cast<const MappingProxyObject*>(proxy)->mapping;
    return mapping != nullptr && PyDict_Check(mapping) ? mapping : nullptr;
}

PyObject* slot_value(PyObject* object, PyTypeObject* type, const char* name) noexcept {
    const PyMemberDef* const slot = find_slot(type, name);
    return slot != nullptr
               ? *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + slot->offset)
               : nullptr;
}

}  // namespace kolo::probe
