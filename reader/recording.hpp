// A trace as the reader works with it: what the store holds, the call tree, and what joins the two
// (codes by number, ticks as time, an activation's values). No thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proto/clock.hpp"
#include "reader/call_tree.hpp"
#include "reader/value_tree.hpp"
#include "store/reading.hpp"

namespace kolo::reader {

enum class Outcome : std::uint8_t { kReturned, kRaised, kOpen, kAbandoned };
[[nodiscard]] std::string_view outcome_name(Outcome outcome) noexcept;

struct Recording {
    explicit Recording(store::StoredTrace from_store);

    store::StoredTrace stored;
    CallTree tree;
    proto::TickScale scale;
    std::int64_t begin_ns = 0;  // the trace's, of the monotonic clock
    /// Variable names of the codes asked for so far: parsing those of all codes would cost more.
    mutable std::unordered_map<std::uint32_t, std::vector<std::string>> variables;
};

/// The code of that number; null when the store does not have it.
[[nodiscard]] const store::StoredCode* find_code(const Recording& recording, std::uint32_t number);

/// Names of the code's variables, arguments first; empty for an unknown code.
[[nodiscard]] const std::vector<std::string>& variables_of(const Recording& recording,
                                                           std::uint32_t code);

/// What to call a code: its qualname, its name, or `code#N` for one that the store does not have.
[[nodiscard]] std::string code_title(const Recording& recording, std::uint32_t number);

/// Nanoseconds from the trace's start.
[[nodiscard]] std::int64_t since_begin_ns(const Recording& recording, proto::Ticks ticks);

/// Nanoseconds from start to end; nothing where one of them is not in the store.
[[nodiscard]] std::optional<std::int64_t> duration_ns(const Recording& recording,
                                                      const Activation& activation);

/// How long it was suspended between its start and its last event.
[[nodiscard]] std::int64_t suspended_ns(const Recording& recording, ActivationIndex activation);

/// Whether it is a generator or coroutine that waits to be resumed.
[[nodiscard]] bool is_suspended(const Recording& recording, ActivationIndex activation);

[[nodiscard]] Outcome outcome_of(const Recording& recording, ActivationIndex activation);

/// The thread that `ring` belongs to; null when the store does not have it.
[[nodiscard]] const store::StoredThread* find_thread(const Recording& recording,
                                                     std::uint32_t ring);

/// The payload of a record that the call tree found whole.
struct RecordPayload {
    proto::Bytes bytes;
    bool result_is_none = false;
};
[[nodiscard]] RecordPayload payload_at(const Recording& recording, RecordPlace place);

/// One value, and where it lies.
struct ValuePlace {
    const ValueTree* tree = nullptr;  // null: not recorded
    std::uint32_t node = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return tree != nullptr; }
    [[nodiscard]] const ValueNode& operator*() const noexcept { return (*tree)[node]; }
};

struct NamedValue {
    std::string name;
    ValuePlace value;
};

/// What was recorded of an activation's values. Filled again and again while many are shown; what
/// it points to is its own and the recording's.
struct ActivationValues {
    ActivationValues() = default;
    ActivationValues(const ActivationValues&) = delete;
    ActivationValues& operator=(const ActivationValues&) = delete;
    ActivationValues(ActivationValues&&) = delete;
    ActivationValues& operator=(ActivationValues&&) = delete;
    ~ActivationValues() = default;

    bool has_arguments = false;
    std::vector<NamedValue> arguments;
    bool result_is_none = false;  // the result is known to be None, without a value of its own
    ValuePlace result;
    ValuePlace exception;
    bool has_locals = false;
    std::vector<NamedValue> locals;  // all variables at the end, arguments first

    ValueTree at_start;
    ValueTree at_end;
};
void read_values_of(const Recording& recording, ActivationIndex activation,
                    ActivationValues& values);

}  // namespace kolo::reader
