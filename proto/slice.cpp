#include "proto/slice.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace kolo::proto {

namespace {

void append_bytes(std::vector<std::uint8_t>& to, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    to.insert(to.end(), bytes, bytes + size);
}

/// Whether `later` goes on exactly where a run that ends at `end` stopped.
[[nodiscard]] bool adjoins(const SliceHeader& first, std::uint32_t end,
                           const SliceHeader& later) noexcept {
    return first.ring == later.ring && first.sequence == later.sequence && later.offset == end;
}

}  // namespace

void append_slice(std::vector<std::uint8_t>& chunk, const DecoderState& state, Position position,
                  Bytes records) {
    SliceHeader header{};
    header.ring = to_integer(state.ring);
    header.task = state.task;
    header.sequence = position.sequence;
    header.thread = state.thread;
    header.ticks = state.ticks;
    header.current_ordinal = state.current.ordinal;
    header.current_ring = to_integer(state.current.ring);
    header.open_count = static_cast<std::uint32_t>(state.open.size());
    header.next_ordinal = state.next_ordinal;
    header.offset = position.offset;
    header.bytes = static_cast<std::uint32_t>(records.size());
    append_bytes(chunk, &header, sizeof header);
    append_bytes(chunk, state.open.data(), state.open.size() * sizeof(OpenStart));
    append_bytes(chunk, records.data(), records.size());
}

std::optional<Slice> SliceReader::next() {
    if (left_.empty() || broken_) {
        return std::nullopt;
    }
    broken_ = true;
    if (left_.size() < sizeof(SliceHeader)) {
        return std::nullopt;
    }
    Slice slice;
    slice.header = load<SliceHeader>(left_, 0);
    const std::uint64_t open_bytes =
        static_cast<std::uint64_t>(slice.header.open_count) * sizeof(OpenStart);
    if (open_bytes + slice.header.bytes > left_.size() - sizeof(SliceHeader)) {
        return std::nullopt;
    }
    left_ = left_.subspan(sizeof(SliceHeader));
    slice.open.reserve(slice.header.open_count);
    for (std::uint32_t i = 0; i < slice.header.open_count; ++i) {
        slice.open.push_back(load<OpenStart>(left_, i * sizeof(OpenStart)));
    }
    slice.records = left_.subspan(open_bytes, slice.header.bytes);
    left_ = left_.subspan(open_bytes + slice.header.bytes);
    broken_ = false;
    return slice;
}

DecoderState state_at(const Slice& slice, TraceNumber trace) {
    DecoderState state;
    state.ring = RingNumber{slice.header.ring};
    state.thread = slice.header.thread;
    state.ticks = slice.header.ticks;
    state.trace = trace;
    state.current = {RingNumber{slice.header.current_ring}, slice.header.current_ordinal};
    state.next_ordinal = slice.header.next_ordinal;
    state.task = slice.header.task;
    state.open = slice.open;
    return state;
}

std::optional<std::vector<std::uint8_t>> merge_chunks(const std::vector<Bytes>& chunks) {
    std::vector<Slice> slices;
    std::size_t size = 0;
    for (const Bytes chunk : chunks) {
        SliceReader reader(chunk);
        while (auto slice = reader.next()) {
            slices.push_back(std::move(*slice));
        }
        if (reader.broken()) {
            return std::nullopt;
        }
        size += chunk.size();
    }
    std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
        return std::tie(a.header.ring, a.header.sequence, a.header.offset) <
               std::tie(b.header.ring, b.header.sequence, b.header.offset);
    });
    std::vector<std::uint8_t> merged;
    merged.reserve(size);
    for (std::size_t i = 0; i < slices.size();) {
        std::size_t last = i + 1;
        std::uint32_t end = slices[i].header.offset + slices[i].header.bytes;
        while (last < slices.size() && adjoins(slices[i].header, end, slices[last].header)) {
            end += slices[last++].header.bytes;
        }
        SliceHeader header = slices[i].header;
        header.bytes = end - header.offset;
        append_bytes(merged, &header, sizeof header);
        append_bytes(merged, slices[i].open.data(), slices[i].open.size() * sizeof(OpenStart));
        for (; i < last; ++i) {
            append_bytes(merged, slices[i].records.data(), slices[i].records.size());
        }
    }
    return merged;
}

}  // namespace kolo::proto
