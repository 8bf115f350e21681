// Encodes Python objects into ring memory, as proto/values.hpp says: within the budgets, with a
// marker for every cut, and with secrets taken out before a byte is written.
//
// Made for one event, on the recording thread, with the GIL held. It runs no user code (no
// attribute look-up, comparison, hash, iteration or repr: memory is read through C structures and
// the base classes' accessors; texts of reprs that the user asked for are made before, see
// reprs.hpp), allocates nothing, raises nothing, leaves an exception that is set
// as it is, and keeps no reference. What cannot be read becomes a marker. Fork, shutdown: no state.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "probe/encode_limits.hpp"
#include "probe/msgpack_writing.hpp"
#include "probe/python/small_int.hpp"
#include "probe/python/stdlib_types.hpp"
#include "probe/python/type_facts.hpp"
#include "probe/python/unicode.hpp"
#include "probe/redaction.hpp"
#include "probe/reprs.hpp"
#include "proto/values.hpp"

namespace kolo::probe {

/// Copies a short text as it looks for what may surround a secret; false when there is something.
/// What it has written then means nothing.
[[nodiscard]] inline bool copy_without_marks(std::uint8_t* to, std::string_view text) noexcept {
    using Word = std::uint64_t;
    const char* const from = text.data();
    if (text.size() < sizeof(Word)) {
        Word word = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            to[i] = static_cast<std::uint8_t>(from[i]);
            word = word << 8U | to[i];
        }
        return Redaction::marks_in(word) == 0;
    }
    const auto copy_word = [&](std::size_t at) {
        Word word = 0;
        std::memcpy(&word, from + at, sizeof word);
        std::memcpy(to + at, &word, sizeof word);
        return Redaction::marks_in(word);
    };
    const std::size_t last = text.size() - sizeof(Word);
    Word marks = copy_word(last);
    for (std::size_t at = 0; at < last; at += sizeof(Word)) {
        marks |= copy_word(at);
    }
    return marks == 0;
}

class Encoder {
  public:
    /// `room` is at least 64; with event_bytes + 64 or more, out_of_room() never happens.
    Encoder(std::uint8_t* to, std::uint32_t room, const EncodeLimits& limits,
            const Redaction& redaction) noexcept;

    /// Objects whose repr is wanted are written as `reprs` tells; it may be null.
    void use(ReprTexts* reprs) noexcept { reprs_ = reprs; }

    /// Begins the array of an event's variables, which `count` calls of the following functions
    /// fill. At most once; a value of its own may precede it. Where not even a marker for each
    /// would fit, the array is shorter and ends in one omission for the rest.
    void begin_array(std::uint32_t count) noexcept;

    /// One whole value, within value_bytes and what is left of the event's budgets.
    void value(PyObject* value) noexcept {
        if (!small_element(value)) {
            any_element(value);
        }
    }
    /// An exception as found: `value` may be an instance, an argument, a tuple of them, or null. It
    /// is never normalised, which would call the class. `line`: where it left the frame, 0 where
    /// that is not known.
    void exception(PyObject* type, PyObject* value, int line) noexcept;
    void none() noexcept;
    void omitted(proto::Omitted reason) noexcept;
    void redacted() noexcept { omitted(proto::Omitted::kRedacted); }

    [[nodiscard]] std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(at_ - to_);
    }
    /// `room` was less than the budgets would have allowed to use: encode again where there is
    /// more. What was written and size() then mean nothing.
    [[nodiscard]] bool out_of_room() const noexcept { return out_of_room_; }

  private:
    static constexpr std::uint32_t kMostDepth = 32;

    // Budgets (encoder.cpp). Everything below returns false where its bytes do not fit, with
    // `reason_` saying why; the caller then goes back to where it began and writes a marker.
    [[nodiscard]] bool fits(std::size_t bytes) noexcept {
        return size() + bytes + reserved_ <= limit_ ? true : no_room();
    }
    [[nodiscard]] std::size_t bytes_left() const noexcept {
        const std::size_t taken = std::size_t{size()} + reserved_;
        return taken < limit_ ? limit_ - taken : 0;
    }
    bool no_room() noexcept;
    [[nodiscard]] bool has_time() noexcept { return --until_clock_ > 0 ? true : look_at_clock(); }
    bool look_at_clock() noexcept;

    // What most values are, at once: below so many bytes no budget but the event's can matter.
    static constexpr std::uint32_t kSmallBytes = 32;
    /// Writes a small int, float, short ASCII str, bool or None at `to`, which has kSmallBytes of
    /// room; null for anything else.
    [[nodiscard]] std::uint8_t* put_small(std::uint8_t* to, PyObject* value) const noexcept;
    [[nodiscard]] bool small_element(PyObject* value) noexcept;
    void any_element(PyObject* value) noexcept;

    // Elements of the event (encoder.cpp).
    [[nodiscard]] bool begin_element() noexcept;
    void end_element() noexcept;
    template <typename Encode>
    void element(Encode encode) noexcept;

    // Values (encoder.cpp).
    bool encode(PyObject* value) noexcept;
    bool encode_builtin(PyObject* value, PyTypeObject* type) noexcept;
    bool encode_other(PyObject* value, PyTypeObject* type) noexcept;
    bool named(PyObject* value, bool& is_named) noexcept;
    bool other(PyObject* value) noexcept;
    bool repr(PyObject* value, const ReprTexts::Told& told) noexcept;
    bool nothing() noexcept;
    bool integer(PyObject* value) noexcept;
    bool number(double value) noexcept;
    bool complex(PyObject* value) noexcept;
    bool marker(proto::Omitted reason) noexcept;

    // Text (encoder_text.cpp).
    bool text(PyObject* value) noexcept;
    bool any_text(const Characters& characters) noexcept;
    bool cut_text(const Characters& characters) noexcept;
    bool bytes(const char* data, std::size_t length, bool is_array) noexcept;
    bool body(msgpack::Body kind, const void* data, std::size_t length, bool is_cut) noexcept;
    bool finish_body(msgpack::Body kind, std::size_t length, bool is_cut) noexcept;
    bool take_secrets_out(msgpack::Body kind, std::uint32_t width, std::size_t length,
                          bool is_cut) noexcept;
    bool tagged_name(proto::Tag tag, const std::uint8_t* name, std::size_t length) noexcept;
    bool name(std::string_view name) noexcept;
    bool type_name(PyTypeObject* type) noexcept;
    bool any_type_name(PyTypeObject* type) noexcept;
    bool known_type_name(const TypeFacts& facts) noexcept;
    [[nodiscard]] bool is_secret_name(PyObject* name) const noexcept;
    [[nodiscard]] bool is_secret_option(PyObject* argument) const noexcept;

    // Containers and objects (encoder_containers.cpp).
    static constexpr proto::Tag kUntagged{};
    template <typename Next, typename IsSecret>
    bool items(PyObject* owner, std::size_t count, proto::Tag tag, Next next,
               IsSecret is_secret) noexcept;
    bool list(PyObject* value) noexcept;
    /// `names`: those of a namedtuple's items, or null.
    bool tuple(PyObject* value, proto::Tag tag, PyObject* names) noexcept;
    bool set(PyObject* value, proto::Tag tag) noexcept;
    bool dict(PyObject* value) noexcept;
    bool entry(PyObject* key, PyObject* value) noexcept;
    bool object(PyObject* value, const TypeFacts* facts) noexcept;
    bool attributes(PyObject* value, std::uint8_t* array, const ObjectSlots* slots) noexcept;
    bool attribute_map(PyObject* value, std::size_t count, PyObject* file,
                       const ObjectSlots* slots) noexcept;
    bool subclass(PyObject* value, PyTypeObject* base) noexcept;
    bool subclass_content(PyObject* value, PyTypeObject* base) noexcept;
    bool deque_content(PyObject* value) noexcept;

    // The standard library's values (encoder_stdlib.cpp).
    bool standard(PyObject* value, StdlibKind kind) noexcept;
    bool time(PyObject* value, StdlibKind kind) noexcept;
    bool decimal(PyObject* value) noexcept;
    bool uuid(PyObject* value) noexcept;
    bool enumerated(PyObject* value) noexcept;
    bool path(PyObject* value) noexcept;
    bool path_content(PyObject* value) noexcept;
    bool deque(PyObject* value) noexcept;
    bool mapping_proxy(PyObject* value) noexcept;

    // Exceptions (encoder_exceptions.cpp).
    bool raised(PyObject* type, PyObject* value, int line) noexcept;
    bool exception_chain(PyObject* value, int line) noexcept;
    bool exception_alone(PyTypeObject* type, PyObject* value, int line,
                         std::uint32_t elements) noexcept;
    bool exception_arguments(PyObject* value) noexcept;
    bool exception_attributes(PyObject* value, bool has_any, std::size_t count,
                              PyObject* file) noexcept;

    /// A container or object that is being written: holds its place in the path and the room for
    /// the marker that may have to end it.
    struct Open {
        std::uint8_t* header;
        std::uint32_t width;
        std::uint32_t closing;
        msgpack::Shape shape;
    };
    [[nodiscard]] bool is_on_path(const PyObject* owner) const noexcept;
    Open open(PyObject* owner, msgpack::Shape shape, std::uint32_t count) noexcept;
    /// `count`: elements that were written (in a map, pairs); `left`: what is missing, if anything.
    bool close(const Open& open, std::uint32_t count, proto::Omitted reason,
               std::size_t left) noexcept;

    std::uint8_t* const to_;
    std::uint8_t* at_;
    std::size_t limit_;         // of the value being written; size() + reserved_ stays within
    std::size_t reserved_ = 0;  // for the markers that everything begun may still need
    const std::size_t cap_;     // of the event
    std::int64_t until_clock_;  // pieces of work until the clock is looked at
    const EncodeLimits& limits_;
    const Redaction& redaction_;
    ReprTexts* reprs_ = nullptr;
    std::int64_t deadline_ns_ = 0;  // 0: the clock has not been looked at
    std::uint32_t elements_left_ = 0;
    std::uint32_t elements_cut_ = 0;  // that get no marker of their own
    std::uint32_t depth_ = 0;
    proto::Omitted reason_ = proto::Omitted::kBytes;
    const bool is_room_short_;
    bool is_value_limit_ = false;  // limit_ is that of value_bytes, not of the room
    bool in_array_ = false;
    bool out_of_room_ = false;
    const PyObject* path_[kMostDepth];  // NOLINT: only path_[0 … depth_) is ever read
};

inline std::uint8_t* Encoder::put_small(std::uint8_t* to, PyObject* value) const noexcept {
    const PyTypeObject* const type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        const auto number = small_int(value);
        return number ? msgpack::put_int(to, *number) : nullptr;
    }
    if (type == &PyUnicode_Type) {
        if (!is_plain_ascii(value)) {
            return nullptr;
        }
        const std::string_view text = plain_ascii(value);
        if (text.size() >= kSmallBytes || text.size() > limits_.text) {
            return nullptr;
        }
        to = msgpack::put_length(to, msgpack::Body::kText, text.size(), 1);
        return copy_without_marks(to, text) ? to + text.size() : nullptr;
    }
    if (value == Py_None) {
        return msgpack::put_byte(to, msgpack::kNone);
    }
    if (type == &PyFloat_Type) {
        return msgpack::put_double(to, PyFloat_AS_DOUBLE(value));
    }
    return type == &PyBool_Type ? msgpack::put_byte(to, value == Py_True ? 0xC3 : 0xC2) : nullptr;
}

inline bool Encoder::small_element(PyObject* value) noexcept {
    // Outside the array nothing is set aside for the element: as for its marker, see element().
    const std::size_t most = kSmallBytes + (in_array_ ? 0 : msgpack::kOmissionBytes);
    if (out_of_room_ || until_clock_ <= 0 || (in_array_ && elements_left_ == 0) ||
        limits_.value_bytes < kSmallBytes || size() + reserved_ + most > cap_) {
        return false;
    }
    std::uint8_t* const end = put_small(at_, value);
    if (end == nullptr) {
        return false;
    }
    --until_clock_;
    at_ = end;
    if (in_array_) {
        reserved_ -= msgpack::kOmissionBytes;
        if (--elements_left_ == 0) {
            end_element();
        }
    }
    return true;
}

}  // namespace kolo::probe
