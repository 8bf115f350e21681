#include "reader/call_tree.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>

#include "proto/slice.hpp"

namespace kolo::reader {

namespace {

using proto::ActivationId;
using proto::Decoder;
using proto::DecodeStatus;
using proto::Event;
using proto::EventKind;

/// Where a slice lies, and where its records belong. The slice itself is read again when it is its
/// turn: a deep trace's slices carry long lists of what was open, which need not all be in memory
/// at once.
struct SlicePlace {
    std::uint32_t ring = 0;
    std::uint32_t offset = 0;
    proto::BlockSequence sequence = 0;
    proto::Bytes bytes;
};

/// The activations of `ring` whose starts are stored: a run of CallTree::activations, by ordinal.
struct RingRun {
    ActivationIndex begin = 0;
    ActivationIndex end = 0;
};

/// An event of an activation that started in another ring, or whose start has not been found yet.
struct ForeignEvent {
    ActivationId id;
    ActivationId parent;
    proto::Ticks ticks = 0;
    std::uint32_t code = 0;
    std::uint32_t ring = 0;
    RecordPlace record = RecordPlace::kNone;
    EventKind kind = EventKind::kReturn;
    bool complete = false;
};

[[nodiscard]] std::vector<SlicePlace> find_slices(const store::StoredTrace& stored,
                                                  TreeNotes& notes) {
    std::vector<SlicePlace> places;
    for (std::size_t i = 0; i < stored.chunks.size(); ++i) {
        const proto::Bytes chunk = stored.chunk(i);
        proto::SliceReader reader(chunk);
        std::size_t offset = 0;
        while (const auto slice = reader.next()) {
            const std::size_t size = sizeof(proto::SliceHeader) +
                                     slice->open.size() * sizeof(proto::OpenStart) +
                                     slice->records.size();
            places.push_back({slice->header.ring, slice->header.offset, slice->header.sequence,
                              chunk.subspan(offset, size)});
            offset += size;
            if (size % proto::kWordBytes != 0) {
                break;  // what follows would not lie at a word, so this is no chunk of ours
            }
        }
        notes.broken_chunks += offset != chunk.size() ? 1 : 0;
    }
    // Records of one ring are in order of position, whichever chunk came first.
    std::sort(places.begin(), places.end(), [](const SlicePlace& a, const SlicePlace& b) {
        return std::tie(a.ring, a.sequence, a.offset) < std::tie(b.ring, b.sequence, b.offset);
    });
    return places;
}

class Builder {
  public:
    explicit Builder(const store::StoredTrace& stored) : stored_(&stored) {}

    [[nodiscard]] CallTree build();

  private:
    void take_slice(const SlicePlace& place);
    void take_start(const Event& event, RecordPlace record);
    void take_other(const Event& event, RecordPlace record);
    void apply(ActivationIndex index, const ForeignEvent& event);
    void apply_foreign_events();
    void resolve_parents();
    void order_steps();
    void order_blind();

    [[nodiscard]] ActivationIndex find_running(proto::Ordinal ordinal) const;
    [[nodiscard]] ActivationIndex find_in_run(RingRun run, proto::Ordinal ordinal) const;
    [[nodiscard]] ActivationIndex find(ActivationId id) const;
    [[nodiscard]] ActivationIndex add_without_start(const ForeignEvent& event);

    const store::StoredTrace* stored_;
    CallTree tree_;
    std::unordered_map<std::uint32_t, RingRun> runs_;
    std::unordered_map<ActivationId, ActivationIndex> without_start_;
    std::vector<ForeignEvent> foreign_events_;
    std::vector<std::pair<ActivationIndex, ActivationId>> foreign_parents_;

    // The ring that is being decoded.
    std::uint32_t ring_ = 0;
    RingRun run_;
    proto::Ticks ticks_ = 0;
    std::vector<ActivationIndex> running_;
};

CallTree Builder::build() {
    tree_.notes.unreadable_chunks = stored_->unreadable_chunks;
    const auto expected =
        static_cast<std::size_t>(std::max<std::int64_t>(stored_->trace.activations, 0));
    tree_.activations.reserve(std::min(expected, stored_->bytes.size() / proto::kWordBytes));

    for (const SlicePlace& place : find_slices(*stored_, tree_.notes)) {
        if (place.ring != ring_) {
            runs_[ring_] = run_;
            ring_ = place.ring;
            const auto next = static_cast<ActivationIndex>(tree_.activations.size());
            run_ = {next, next};
            ticks_ = 0;
            running_.clear();
        }
        take_slice(place);
    }
    runs_[ring_] = run_;
    apply_foreign_events();
    resolve_parents();
    order_steps();
    order_blind();
    return std::move(tree_);
}

void Builder::take_slice(const SlicePlace& place) {
    const auto slice = proto::SliceReader(place.bytes).next();
    if (!slice) {
        return;
    }
    const proto::TraceNumber trace{stored_->trace.number};
    Decoder decoder(slice->records, proto::state_at(*slice, trace));
    while (true) {
        const DecodeStatus status = decoder.next();
        if (status == DecodeStatus::kEnd) {
            return;
        }
        if (status == DecodeStatus::kBroken) {
            ++tree_.notes.broken_slices;
            return;
        }
        if (status == DecodeStatus::kUnknown) {
            ++tree_.notes.unknown_records;
            continue;
        }
        if (decoder.record_kind() == proto::RecordKind::kBlind && decoder.state().trace == trace) {
            const auto blind = proto::load<proto::BlindRecord>(decoder.record(), 0);
            tree_.blind.push_back({blind.begin, blind.end});
        }
        if (status != DecodeStatus::kEvent || decoder.event().trace != trace) {
            continue;
        }
        // Order within a thread is by position: a counter that stepped back when the thread changed
        // its core must not turn it around.
        ticks_ = std::max(ticks_, decoder.event().ticks);
        const auto offset =
            static_cast<std::size_t>(decoder.record().data() - stored_->bytes.data());
        const RecordPlace record{static_cast<std::uint32_t>(offset / proto::kWordBytes + 1)};
        if (decoder.event().kind == EventKind::kStart) {
            take_start(decoder.event(), record);
        } else {
            take_other(decoder.event(), record);
        }
    }
}

void Builder::take_start(const Event& event, RecordPlace record) {
    if (run_.begin != run_.end && event.id.ordinal <= tree_.activations[run_.end - 1].ordinal) {
        ++tree_.notes.contradictions;
        return;
    }
    Activation activation;
    activation.ordinal = event.id.ordinal;
    activation.ring = ring_;
    activation.code = to_integer(event.code);
    activation.start_ticks = ticks_;
    activation.start_record = record;
    activation.has_start = true;
    const auto index = static_cast<ActivationIndex>(tree_.activations.size());
    if (event.parent) {
        const bool here = to_integer(event.parent.ring) == ring_;
        activation.parent = here ? find_running(event.parent.ordinal) : kNoActivation;
        if (activation.parent == kNoActivation) {
            foreign_parents_.emplace_back(index, event.parent);
        }
    }
    tree_.activations.push_back(activation);
    run_.end = index + 1;
    running_.push_back(index);
}

void Builder::take_other(const Event& event, RecordPlace record) {
    const ForeignEvent other{event.id, event.parent, ticks_,     to_integer(event.code),
                             ring_,    record,       event.kind, event.complete};
    const bool here = to_integer(event.id.ring) == ring_;
    const ActivationIndex index = here ? find_running(event.id.ordinal) : kNoActivation;
    if (index == kNoActivation) {
        foreign_events_.push_back(other);
        return;
    }
    apply(index, other);
    if (event.kind == EventKind::kYield && !running_.empty() && running_.back() == index) {
        running_.pop_back();  // suspended: what runs below it ends before it is resumed
    }
    while (!running_.empty() && tree_.activations[running_.back()].ending != Ending::kNone) {
        running_.pop_back();
    }
}

void Builder::apply(ActivationIndex index, const ForeignEvent& event) {
    Activation& activation = tree_.activations[index];
    if (event.kind == EventKind::kReturn || event.kind == EventKind::kUnwind) {
        if (activation.ending != Ending::kNone) {
            ++tree_.notes.contradictions;
            return;
        }
        activation.ending = event.kind == EventKind::kReturn ? Ending::kReturned : Ending::kRaised;
        activation.end_ticks = event.ticks;
        activation.end_record = event.record;
        return;
    }
    activation.has_steps = true;
    tree_.steps.push_back({event.ticks, index, event.ring, event.record, event.kind});
}

/// What has started in this ring, is most often at the top of those that run; a generator that was
/// suspended for long is found by its ordinal.
ActivationIndex Builder::find_running(proto::Ordinal ordinal) const {
    constexpr std::size_t kNear = 8;
    for (std::size_t i = 0; i < std::min(kNear, running_.size()); ++i) {
        const ActivationIndex index = running_[running_.size() - 1 - i];
        if (tree_.activations[index].ordinal == ordinal) {
            return index;
        }
    }
    return find_in_run(run_, ordinal);
}

ActivationIndex Builder::find_in_run(RingRun run, proto::Ordinal ordinal) const {
    const auto begin = tree_.activations.begin() + run.begin;
    const auto end = tree_.activations.begin() + run.end;
    const auto found = std::lower_bound(begin, end, ordinal,
                                        [](const Activation& activation, proto::Ordinal wanted) {
                                            return activation.ordinal < wanted;
                                        });
    if (found == end || found->ordinal != ordinal) {
        return kNoActivation;
    }
    return static_cast<ActivationIndex>(found - tree_.activations.begin());
}

ActivationIndex Builder::find(ActivationId id) const {
    if (const auto run = runs_.find(to_integer(id.ring)); run != runs_.end()) {
        if (const ActivationIndex index = find_in_run(run->second, id.ordinal);
            index != kNoActivation) {
            return index;
        }
    }
    const auto found = without_start_.find(id);
    return found == without_start_.end() ? kNoActivation : found->second;
}

ActivationIndex Builder::add_without_start(const ForeignEvent& event) {
    Activation activation;
    activation.ordinal = event.id.ordinal;
    activation.ring = to_integer(event.id.ring);
    activation.code = event.code;
    activation.start_ticks = event.ticks;
    const auto index = static_cast<ActivationIndex>(tree_.activations.size());
    if (event.complete && event.parent) {
        foreign_parents_.emplace_back(index, event.parent);
    }
    tree_.activations.push_back(activation);
    without_start_.emplace(event.id, index);
    ++tree_.notes.missing_starts;
    return index;
}

void Builder::apply_foreign_events() {
    // In order of time, so that an activation's end comes behind its steps in other rings. The
    // rings were decoded one after the other, so events of one ring keep their order.
    std::stable_sort(
        foreign_events_.begin(), foreign_events_.end(),
        [](const ForeignEvent& a, const ForeignEvent& b) { return a.ticks < b.ticks; });
    for (const ForeignEvent& event : foreign_events_) {
        ActivationIndex index = find(event.id);
        if (index == kNoActivation) {
            index = add_without_start(event);
        }
        apply(index, event);
    }
    foreign_events_ = {};
}

void Builder::resolve_parents() {
    for (const auto& [child, parent] : foreign_parents_) {
        const ActivationIndex index = find(parent);
        tree_.activations[child].parent = index;
        if (index == kNoActivation) {
            tree_.missing_parents.emplace(child, parent);
        }
    }
    foreign_parents_ = {};
}

/// An interval that was open when it was written is told again with its end.
void Builder::order_blind() {
    auto& blind = tree_.blind;
    std::sort(blind.begin(), blind.end(), [](const BlindInterval& a, const BlindInterval& b) {
        return std::tie(a.begin, b.end) < std::tie(b.begin, a.end);  // the ended one first
    });
    const auto same = std::unique(
        blind.begin(), blind.end(),
        [](const BlindInterval& a, const BlindInterval& b) { return a.begin == b.begin; });
    blind.erase(same, blind.end());
}

void Builder::order_steps() {
    std::stable_sort(tree_.steps.begin(), tree_.steps.end(), [](const Step& a, const Step& b) {
        return std::tie(a.activation, a.ticks) < std::tie(b.activation, b.ticks);
    });
}

/// All activations in order of their start: by position within a ring, by ticks between rings.
/// Ticks of a ring never decrease and its activations lie in order, so a stable sort gives both.
[[nodiscard]] std::vector<ActivationIndex> in_order_of_start(
    const std::vector<Activation>& activations) {
    std::vector<ActivationIndex> order(activations.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto earlier = [&](ActivationIndex a, ActivationIndex b) {
        return activations[a].start_ticks < activations[b].start_ticks;
    };
    if (!std::is_sorted(order.begin(), order.end(), earlier)) {
        std::stable_sort(order.begin(), order.end(), earlier);
    }
    return order;
}

/// Links callers to what they called, and lists the threads' roots.
void link(CallTree& tree) {
    auto& activations = tree.activations;
    for (Activation& activation : activations) {
        activation.first_child = activation.next_sibling = kNoActivation;
    }
    const auto order = in_order_of_start(activations);
    std::unordered_map<std::uint32_t, ActivationIndex> first_roots;
    for (std::size_t place = order.size(); place-- > 0;) {
        const ActivationIndex index = order[place];
        Activation& activation = activations[index];
        ActivationIndex& first =
            activation.parent == kNoActivation
                ? first_roots.try_emplace(activation.ring, kNoActivation).first->second
                : activations[activation.parent].first_child;
        activation.next_sibling = first;
        first = index;
    }
    tree.threads.clear();
    for (const auto& [ring, first] : first_roots) {
        tree.threads.push_back({ring, first});
    }
    std::sort(tree.threads.begin(), tree.threads.end(),
              [&](const ThreadRoots& a, const ThreadRoots& b) {
                  return std::tie(activations[a.first].start_ticks, a.ring) <
                         std::tie(activations[b.first].start_ticks, b.ring);
              });
}

/// Damaged records can make activations call each other in a circle, which no walk from a root
/// reaches: these become roots. Within a ring a caller's ordinal is lower, so only another ring's
/// can close one.
void break_circles(CallTree& tree) {
    auto& activations = tree.activations;
    const bool possible =
        std::any_of(activations.begin(), activations.end(), [&](const Activation& a) {
            return a.parent != kNoActivation && !(activations[a.parent].ring == a.ring &&
                                                  activations[a.parent].ordinal < a.ordinal);
        });
    if (!possible) {
        return;
    }
    std::vector<bool> reached(activations.size());
    for (DepthFirst walk(tree); !walk.done(); walk.advance()) {
        reached[walk.current()] = true;
    }
    bool found = false;
    for (ActivationIndex i = 0; i < activations.size(); ++i) {
        if (!reached[i]) {
            tree.missing_parents.emplace(i, activations[activations[i].parent].id());
            activations[i].parent = kNoActivation;
            ++tree.notes.contradictions;
            found = true;
        }
    }
    if (found) {
        link(tree);
    }
}

}  // namespace

CallTree build_call_tree(const store::StoredTrace& stored) {
    CallTree tree = Builder(stored).build();
    link(tree);
    break_circles(tree);
    return tree;
}

std::optional<ActivationIndex> find_activation(const CallTree& tree, proto::ActivationId id) {
    const auto found =
        std::find_if(tree.activations.begin(), tree.activations.end(),
                     [id](const Activation& activation) { return activation.id() == id; });
    if (found == tree.activations.end()) {
        return std::nullopt;
    }
    return static_cast<ActivationIndex>(found - tree.activations.begin());
}

std::span<const Step> steps_of(const CallTree& tree, ActivationIndex activation) {
    const auto [begin, end] =
        std::equal_range(tree.steps.begin(), tree.steps.end(), Step{0, activation},
                         [](const Step& a, const Step& b) { return a.activation < b.activation; });
    return {begin, end};
}

std::size_t count_children(const CallTree& tree, ActivationIndex activation) {
    std::size_t count = 0;
    for (ActivationIndex child = tree.activations[activation].first_child; child != kNoActivation;
         child = tree.activations[child].next_sibling) {
        ++count;
    }
    return count;
}

std::size_t count_callees(const CallTree& tree, ActivationIndex activation) {
    const auto& activations = tree.activations;
    std::size_t count = 0;
    ActivationIndex current = activations[activation].first_child;
    while (current != kNoActivation) {
        ++count;
        if (activations[current].first_child != kNoActivation) {
            current = activations[current].first_child;
            continue;
        }
        while (activations[current].next_sibling == kNoActivation &&
               activations[current].parent != activation) {
            current = activations[current].parent;
        }
        current = activations[current].next_sibling;
    }
    return count;
}

void DepthFirst::enter_thread(std::size_t thread) {
    thread_ = thread;
    depth_ = 0;
    current_ = thread < tree_->threads.size() ? tree_->threads[thread].first : kNoActivation;
}

void DepthFirst::advance() {
    const Activation& activation = tree_->activations[current_];
    if (activation.first_child != kNoActivation) {
        current_ = activation.first_child;
        ++depth_;
        return;
    }
    skip_callees();
}

void DepthFirst::skip_callees() {
    while (current_ != kNoActivation) {
        const Activation& activation = tree_->activations[current_];
        if (activation.next_sibling != kNoActivation) {
            current_ = activation.next_sibling;
            return;
        }
        current_ = activation.parent;
        --depth_;
    }
    enter_thread(thread_ + 1);
}

}  // namespace kolo::reader
