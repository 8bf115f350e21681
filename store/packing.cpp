#include "store/packing.hpp"

#include <algorithm>

#include "proto/decoder.hpp"
#include "proto/slice.hpp"

namespace kolo::store {

namespace {

/// An arena of the largest size cannot define more codes; a higher number is invented.
constexpr std::uint32_t kMaxCodes = 1U << 22U;

[[nodiscard]] std::size_t slice_bytes(const proto::Slice& slice) noexcept {
    return sizeof(proto::SliceHeader) + slice.open.size() * sizeof(proto::OpenStart) +
           slice.records.size();
}

}  // namespace

std::optional<PackedTrace> Packer::pack(const std::vector<proto::Bytes>& chunks) {
    const auto merged = proto::merge_chunks(chunks);
    if (!merged) {
        return std::nullopt;
    }
    PackedTrace packed;
    const proto::Bytes all(*merged);
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint64_t events = 0;
    const auto finish_piece = [&] {
        if (end > begin) {
            const proto::Bytes piece = all.subspan(begin, end - begin);
            packed.pieces.push_back({compressor_.compress(piece), piece.size(), events});
        }
        begin = end;
        events = 0;
    };
    proto::SliceReader reader(all);
    while (const auto slice = reader.next()) {
        const std::size_t bytes = slice_bytes(*slice);
        if (end - begin + bytes > kPieceBytes) {
            finish_piece();
        }
        end += bytes;
        proto::Decoder decoder(slice->records, proto::state_at(*slice, proto::TraceNumber::kNone));
        for (auto status = decoder.next();
             status != proto::DecodeStatus::kEnd && status != proto::DecodeStatus::kBroken;
             status = decoder.next()) {
            if (status != proto::DecodeStatus::kEvent) {
                continue;
            }
            ++events;
            packed.last_ticks = std::max(packed.last_ticks, decoder.event().ticks);
            if (decoder.event().kind == proto::EventKind::kStart) {
                count_start(decoder.event().code);
            }
        }
    }
    finish_piece();
    packed.starts.reserve(counted_.size());
    for (const proto::CodeNumber code : counted_) {
        packed.starts.emplace_back(code, std::exchange(counts_[proto::to_integer(code)], 0));
    }
    counted_.clear();
    return packed;
}

void Packer::count_start(proto::CodeNumber code) {
    const std::uint32_t number = proto::to_integer(code);
    if (number == 0 || number >= kMaxCodes) {
        return;
    }
    if (number >= counts_.size()) {
        counts_.resize(std::max<std::size_t>(number + 1, counts_.size() * 2));
    }
    if (counts_[number]++ == 0) {
        counted_.push_back(code);
    }
}

}  // namespace kolo::store
