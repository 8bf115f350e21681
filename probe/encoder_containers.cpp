// Encoder: what holds other values. Containers, objects with their attributes, instances of
// subclasses.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "probe/encoder.hpp"
#include "probe/known_names.hpp"
#include "probe/python/names.hpp"
#include "probe/python/stdlib_types.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

using msgpack::Shape;
using proto::Omitted;
using proto::Tag;

constexpr std::uint32_t kTaggedBytes = 1 + msgpack::kTagBytes;
constexpr std::uint32_t kMostElements = 65000;
constexpr auto kNeverSecret = [](std::size_t) noexcept { return false; };
/// What may have to end a container: an omission, in a map with nil for its value.
constexpr std::uint32_t closing_bytes(Shape shape) noexcept {
    return msgpack::kCountedOmissionBytes + (shape == Shape::kMap ? 1U : 0U);
}

std::uint32_t shown_of(std::size_t count, std::uint32_t limit) noexcept {
    return static_cast<std::uint32_t>(std::min<std::size_t>(count, std::min(limit, kMostElements)));
}

/// Set entries in table order: what _PySet_NextEntry does, which 3.13 has made private. A removed
/// entry has a hash of -1, which no key has.
class SetEntries {
  public:
    explicit SetEntries(PyObject* set) noexcept : set_(reinterpret_cast<PySetObject*>(set)) {}
    PyObject* next() noexcept {
        while (at_ <= set_->mask) {
            const setentry& entry = set_->table[at_++];
            if (entry.key != nullptr && entry.hash != -1) {
                return entry.key;
            }
        }
        return nullptr;
    }

  private:
    PySetObject* set_;
    Py_ssize_t at_ = 0;
};

/// The names of a namedtuple's items; null for any other class.
PyObject* field_names(PyTypeObject* type, Py_ssize_t count) noexcept {
    for (; type != nullptr && type != &PyTuple_Type; type = type->tp_base) {
        PyObject* const names = (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0
                                    ? find_by_name(type->tp_dict, "_fields", 64)
                                    : nullptr;
        if (names != nullptr && PyTuple_CheckExact(names)) {
            return PyTuple_GET_SIZE(names) == count ? names : nullptr;
        }
    }
    return nullptr;
}

}  // namespace

// --- What is being written
// ------------------------------------------------------------------------

bool Encoder::is_on_path(const PyObject* owner) const noexcept {
    return std::find(path_, path_ + depth_, owner) != path_ + depth_;
}

Encoder::Open Encoder::open(PyObject* owner, Shape shape, std::uint32_t count) noexcept {
    const Open open{at_, msgpack::count_bytes(count), closing_bytes(shape), shape};
    at_ = msgpack::put_count(at_, shape, count, open.width);
    reserved_ += open.closing;
    path_[depth_++] = owner;
    return open;
}

bool Encoder::close(const Open& open, std::uint32_t count, Omitted reason,
                    std::size_t left) noexcept {
    --depth_;
    reserved_ -= open.closing;
    if (out_of_room_) {
        return false;
    }
    if (left > 0) {
        at_ = msgpack::put_counted_omission(at_, reason, left);
        if (open.shape == Shape::kMap) {
            at_ = msgpack::put_byte(at_, msgpack::kNone);
        }
        ++count;
    }
    msgpack::put_count(open.header, open.shape, count, open.width);
    return true;
}

// --- Containers
// -----------------------------------------------------------------------------------

/// `next(i)` gives the i-th item, or null where the container has fewer than it said;
/// `is_secret(i)` says whether its place alone makes it a secret.
template <typename Next, typename IsSecret>
bool Encoder::items(PyObject* owner, std::size_t count, Tag tag, Next next,
                    IsSecret is_secret) noexcept {
    const std::uint32_t extra = tag == kUntagged ? 0 : 1;
    const bool is_sequence = tag == kUntagged || tag == Tag::kTuple;
    const bool can_be_pair = count == 2 && is_sequence;
    const std::uint32_t shown = shown_of(count, limits_.items);
    if (count > 0 && is_on_path(owner)) {
        return marker(Omitted::kCycle);
    }
    if (count > 0 && depth_ >= std::min(limits_.depth, kMostDepth)) {
        return marker(Omitted::kDepth);
    }
    const std::uint32_t elements = extra + shown + (count > shown ? 1 : 0);
    if (!fits(msgpack::count_bytes(elements) + extra * msgpack::kTagBytes +
              (count > 0 ? closing_bytes(Shape::kArray) : 0))) {
        return false;
    }
    if (count == 0) {
        at_ = msgpack::put_count(at_, Shape::kArray, extra, 1);
        at_ = extra != 0 ? msgpack::put_tag(at_, tag) : at_;
        return true;
    }
    const Open opened = open(owner, Shape::kArray, elements);
    at_ = extra != 0 ? msgpack::put_tag(at_, tag) : at_;
    Omitted reason = Omitted::kItems;
    bool is_announced = false;  // as a secret, by the item before
    std::uint32_t i = 0;
    for (; i < shown; ++i) {
        PyObject* const item = next(i);
        if (item == nullptr) {
            reason = Omitted::kChanged;
            break;
        }
        std::uint8_t* const begin = at_;
        if (!(is_announced || is_secret(i) ? marker(Omitted::kRedacted) : encode(item))) {
            at_ = begin;
            reason = reason_;
            break;
        }
        // ("Authorization", …): headers and the like, as lists of pairs. "--token", …: argv.
        is_announced =
            can_be_pair && i == 0 ? is_secret_name(item) : is_sequence && is_secret_option(item);
    }
    return close(opened, extra + i, reason, count - i);
}

bool Encoder::list(PyObject* value) noexcept {
    const auto next = [value](std::size_t i) noexcept -> PyObject* {
        const auto at = static_cast<Py_ssize_t>(i);
        return at < PyList_GET_SIZE(value) ? PyList_GET_ITEM(value, at) : nullptr;
    };
    return items(value, static_cast<std::size_t>(PyList_GET_SIZE(value)), kUntagged, next,
                 kNeverSecret);
}

bool Encoder::tuple(PyObject* value, Tag tag, PyObject* names) noexcept {
    const auto next = [value](std::size_t i) noexcept {
        return PyTuple_GET_ITEM(value, static_cast<Py_ssize_t>(i));
    };
    const auto count = static_cast<std::size_t>(PyTuple_GET_SIZE(value));
    if (names == nullptr) {
        return items(value, count, tag, next, kNeverSecret);
    }
    return items(value, count, tag, next, [this, names](std::size_t i) noexcept {
        return is_secret_name(PyTuple_GET_ITEM(names, static_cast<Py_ssize_t>(i)));
    });
}

bool Encoder::set(PyObject* value, Tag tag) noexcept {
    SetEntries entries(value);
    return items(
        value, static_cast<std::size_t>(PySet_GET_SIZE(value)), tag,
        [&entries](std::size_t) noexcept { return entries.next(); }, kNeverSecret);
}

bool Encoder::deque_content(PyObject* value) noexcept {
    DequeItems entries(value);
    return items(
        value, entries.count(), kUntagged,
        [&entries](std::size_t) noexcept { return entries.next(); }, kNeverSecret);
}

bool Encoder::entry(PyObject* key, PyObject* value) noexcept {
    const KnownName* const known =
        bytes_left() >= std::size_t{2} * kSmallBytes ? known_name(key, redaction_) : nullptr;
    if (known != nullptr && known->bytes <= limits_.text) {
        static_assert(KnownName::kMostBytes == kSmallBytes);
        std::memcpy(at_, known->written.data(), KnownName::kMostBytes);
        at_ += known->bytes;
        return known->is_secret ? marker(Omitted::kRedacted) : encode(value);
    }
    return encode(key) && (is_secret_name(key) ? marker(Omitted::kRedacted) : encode(value));
}

bool Encoder::dict(PyObject* value) noexcept {
    const auto count = static_cast<std::size_t>(reinterpret_cast<PyDictObject*>(value)->ma_used);
    const std::uint32_t shown = shown_of(count, limits_.items);
    if (count == 0) {
        return fits(1) && (at_ = msgpack::put_count(at_, Shape::kMap, 0, 1), true);
    }
    if (is_on_path(value)) {
        return marker(Omitted::kCycle);
    }
    if (depth_ >= std::min(limits_.depth, kMostDepth)) {
        return marker(Omitted::kDepth);
    }
    const std::uint32_t elements = shown + (count > shown ? 1 : 0);
    if (!fits(msgpack::count_bytes(elements) + closing_bytes(Shape::kMap))) {
        return false;
    }
    const Open opened = open(value, Shape::kMap, elements);
    Omitted reason = Omitted::kItems;
    std::uint32_t i = 0;
    Py_ssize_t position = 0;
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    for (; i < shown; ++i) {
        if (PyDict_Next(value, &position, &key, &item) == 0) {
            reason = Omitted::kChanged;
            break;
        }
        std::uint8_t* const begin = at_;
        if (!entry(key, item)) {
            at_ = begin;
            reason = reason_;
            break;
        }
    }
    return close(opened, i, reason, count - i);
}

// --- Objects
// --------------------------------------------------------------------------------------

/// `facts`: known_facts() of its type.
bool Encoder::object(PyObject* value, const TypeFacts* facts) noexcept {
    if (is_on_path(value)) {
        return marker(Omitted::kCycle);
    }
    std::uint8_t* const array = at_;
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 2, 1), Tag::kObject);
    if (facts == nullptr) {
        return any_type_name(Py_TYPE(value)) && attributes(value, array, nullptr);
    }
    return known_type_name(*facts) &&
           attributes(value, array, facts->has_slots_read ? &facts->slots : nullptr);
}

/// Adds the map of attributes to the tagged array that begins at `array`, where there are any.
bool Encoder::attributes(PyObject* value, std::uint8_t* array, const ObjectSlots* slots) noexcept {
    const std::size_t count = attribute_count(value, slots);
    const bool is_readable =
        count > 0 || visit_attributes(
                         value, [](void*, PyObject*, PyObject*) { return false; }, nullptr, slots);
    if (!is_readable) {
        return true;
    }
    msgpack::put_count(array, Shape::kArray, 3, 1);
    return attribute_map(value, count, nullptr, slots);
}

/// The `count` attributes of `value` as a map. `file`: one more, an OSError's `filename`.
bool Encoder::attribute_map(PyObject* value, std::size_t count, PyObject* file,
                            const ObjectSlots* slots) noexcept {
    count += file != nullptr ? 1 : 0;
    const bool is_too_deep = depth_ >= std::min(limits_.depth, kMostDepth);
    const std::uint32_t shown = is_too_deep ? 0 : shown_of(count, limits_.attributes);
    const std::uint32_t elements = shown + (count > shown ? 1 : 0);
    if (!fits(msgpack::count_bytes(elements) + closing_bytes(Shape::kMap))) {
        return false;
    }
    if (elements == 0) {
        at_ = msgpack::put_count(at_, Shape::kMap, 0, 1);
        return true;
    }
    if (shown == 0) {
        at_ = msgpack::put_count(at_, Shape::kMap, 1, 1);
        at_ = msgpack::put_counted_omission(
            at_, is_too_deep ? Omitted::kDepth : Omitted::kAttributes, count);
        at_ = msgpack::put_byte(at_, msgpack::kNone);
        return true;
    }
    struct Visit {
        Encoder& encoder;
        std::uint32_t shown;
        std::uint32_t written = 0;
        Omitted reason = Omitted::kChanged;  // when the visit ends before all were seen
        bool take(bool is_whole, std::uint8_t* begin) noexcept {
            if (!is_whole) {
                encoder.at_ = begin;
                reason = encoder.reason_;
                return false;
            }
            ++written;
            return true;
        }
    } visit{*this, shown};
    const Open opened = open(value, Shape::kMap, elements);
    constexpr std::string_view kFileName = "filename";
    std::uint8_t* const begin = at_;
    if (file == nullptr ||
        visit.take(
            body(msgpack::Body::kText, kFileName.data(), kFileName.size(), false) && encode(file),
            begin)) {
        visit_attributes(
            value,
            [](void* data, PyObject* name, PyObject* attribute) {
                auto& state = *static_cast<Visit*>(data);
                if (state.written == state.shown) {
                    state.reason = Omitted::kAttributes;
                    return false;
                }
                std::uint8_t* const entry_begin = state.encoder.at_;
                return state.take(state.encoder.entry(name, attribute), entry_begin);
            },
            &visit, slots);
    }
    return close(opened, visit.written, visit.reason, count - visit.written);
}

bool Encoder::subclass(PyObject* value, PyTypeObject* base) noexcept {
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 3, 1), Tag::kSubclass);
    return type_name(Py_TYPE(value)) && subclass_content(value, base);
}

/// As an instance of the base itself would be written; only its structure is read.
bool Encoder::subclass_content(PyObject* value, PyTypeObject* base) noexcept {
    if (base == &PyTuple_Type) {
        return tuple(value, Tag::kTuple, field_names(Py_TYPE(value), PyTuple_GET_SIZE(value)));
    }
    if (base == &PyLong_Type) {
        return integer(value);
    }
    if (base == &PyUnicode_Type) {
        return text(value);
    }
    if (base == &PyFloat_Type) {
        return number(PyFloat_AS_DOUBLE(value));
    }
    if (const StdlibKind kind = stdlib_kind(base); kind != StdlibKind::kNone) {
        return standard(value, kind);
    }
    return encode_builtin(value, base);
}

}  // namespace kolo::probe
