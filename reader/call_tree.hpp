// Rebuilds a trace's activations from its records: here and nowhere else.
//
// An activation's events are joined by its id, whatever ring and chunk they lie in. The result is
// flat: plain structs that name each other by index, and values that stay where they lie in the
// decoded bytes, so that a trace of millions of calls, or one 100 000 calls deep, costs neither
// gigabytes nor recursion. No thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "proto/decoder.hpp"
#include "proto/ids.hpp"
#include "store/reading.hpp"

namespace kolo::reader {

/// Index of an activation in CallTree::activations.
using ActivationIndex = std::uint32_t;
inline constexpr ActivationIndex kNoActivation = 0xFFFFFFFF;

/// Where a record lies in StoredTrace::bytes, in words and from 1, so that 32 bits reach over 32
/// GB.
enum class RecordPlace : std::uint32_t { kNone = 0 };

enum class Ending : std::uint8_t { kNone, kReturned, kRaised };

struct Activation {
    proto::Ordinal ordinal = 0;
    proto::Ticks start_ticks = 0;  // of the first event that is stored, where the start is not
    proto::Ticks end_ticks = 0;    // means nothing while `ending` is kNone
    std::uint32_t ring = 0;
    std::uint32_t code = 0;
    RecordPlace start_record = RecordPlace::kNone;
    RecordPlace end_record = RecordPlace::kNone;
    ActivationIndex parent = kNoActivation;
    ActivationIndex first_child = kNoActivation;
    ActivationIndex next_sibling = kNoActivation;
    Ending ending = Ending::kNone;
    bool has_start = false;  // false: its start is not in the store
    bool has_steps = false;

    [[nodiscard]] proto::ActivationId id() const noexcept {
        return {proto::RingNumber{ring}, ordinal};
    }
};
static_assert(sizeof(Activation) <= 64, "millions of them are in memory at once");

/// A yield, resume or throw.
struct Step {
    proto::Ticks ticks = 0;
    ActivationIndex activation = kNoActivation;
    std::uint32_t ring = 0;  // whose thread it happened on
    RecordPlace record = RecordPlace::kNone;
    proto::EventKind kind = proto::EventKind::kYield;
};

/// What could not be used, told to the user.
struct TreeNotes {
    std::size_t unreadable_chunks = 0;  // of an unknown format, or not to be decompressed
    std::size_t broken_chunks = 0;      // end in bytes that are no slice
    std::size_t broken_slices = 0;      // end in bytes that are no records
    std::size_t contradictions = 0;   // events that contradict others: a second end, a second start
    std::size_t unknown_records = 0;  // of a later version
    std::size_t missing_starts = 0;   // activations whose start is not in the store
};

/// The activations without a (known) caller that started on one thread.
struct ThreadRoots {
    std::uint32_t ring = 0;
    ActivationIndex first = kNoActivation;  // the others follow as its siblings
};

/// A time in which what the process ran could not be seen.
struct BlindInterval {
    proto::Ticks begin = 0;
    proto::Ticks end = 0;  // 0: to the end of what is known
};

struct CallTree {
    std::vector<Activation> activations;
    std::vector<BlindInterval> blind;  // in order of their beginning
    std::vector<Step> steps;           // by activation, then in the order in which they happened
    std::vector<ThreadRoots> threads;
    /// Callers that are recorded, but not in the store.
    std::unordered_map<ActivationIndex, proto::ActivationId> missing_parents;
    TreeNotes notes;
};

[[nodiscard]] CallTree build_call_tree(const store::StoredTrace& stored);

/// The activation called `id`.
[[nodiscard]] std::optional<ActivationIndex> find_activation(const CallTree& tree,
                                                             proto::ActivationId id);

/// The steps of one activation, in order.
[[nodiscard]] std::span<const Step> steps_of(const CallTree& tree, ActivationIndex activation);

/// How many activations it called itself.
[[nodiscard]] std::size_t count_children(const CallTree& tree, ActivationIndex activation);

/// How many activations lie below it, called by it or by what it called.
[[nodiscard]] std::size_t count_callees(const CallTree& tree, ActivationIndex activation);

/// Walks a tree depth first, callers before what they called, thread after thread.
class DepthFirst {
  public:
    explicit DepthFirst(const CallTree& tree) : tree_(&tree) { enter_thread(0); }

    [[nodiscard]] bool done() const noexcept { return current_ == kNoActivation; }
    [[nodiscard]] ActivationIndex current() const noexcept { return current_; }
    /// How many of its callers are above it.
    [[nodiscard]] std::uint32_t depth() const noexcept { return depth_; }
    /// Index in CallTree::threads of the thread that the walk is in.
    [[nodiscard]] std::size_t thread() const noexcept { return thread_; }
    void advance();
    /// Goes on behind everything that the current activation called.
    void skip_callees();

  private:
    void enter_thread(std::size_t thread);

    const CallTree* tree_;
    ActivationIndex current_ = kNoActivation;
    std::uint32_t depth_ = 0;
    std::size_t thread_ = 0;
};

}  // namespace kolo::reader
