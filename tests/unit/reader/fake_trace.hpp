// Traces for the reader's tests: records written as the probe writes them, cut into slices as the
// collector cuts them. One tick is one nanosecond.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/decoder.hpp"
#include "proto/records.hpp"
#include "proto/slice.hpp"
#include "proto/values.hpp"
#include "store/reading.hpp"

namespace kolo::reader::testing {

using Payload = std::vector<std::uint8_t>;

/// Builds msgpack values: `V().array(2).integer(1).text("x")`.
class V {
  public:
    V& null();
    V& boolean(bool value);
    V& integer(std::int64_t value);
    V& unsigned_integer(std::uint64_t value);
    V& number(double value);
    V& text(std::string_view value);
    V& bytes(std::string_view value);
    V& array(std::uint32_t size);
    V& map(std::uint32_t size);
    /// An array of a tag and `size` parts.
    V& tagged(proto::Tag tag, std::uint32_t size);
    V& omitted(proto::Omitted reason, std::optional<std::uint64_t> count = std::nullopt);
    V& extension(std::int8_t type, std::string_view content);
    V& raw(std::initializer_list<std::uint8_t> bytes);
    V& add(const V& other);

    [[nodiscard]] const Payload& payload() const noexcept { return bytes_; }

  private:
    Payload bytes_;
};

/// One thread's ring.
class FakeRing {
  public:
    FakeRing(std::uint32_t ring, proto::TraceNumber trace);

    /// Time passes.
    FakeRing& after(proto::Ticks ticks);
    /// A call, with its arguments where there are any.
    FakeRing& start(std::uint32_t code, const V& arguments = {});
    /// Ends what runs, and its caller runs again.
    FakeRing& returns(const V& result = {});
    FakeRing& returns_none();
    FakeRing& raises(const V& exception = {});
    /// A yield, resume or throw of `id`, or the end of what started elsewhere.
    FakeRing& long_event(proto::RecordKind kind, proto::ActivationId id, proto::ActivationId parent,
                         std::uint32_t code, const V& payload = {});
    /// A short end that points `distance` starts back, whatever is there.
    FakeRing& end_at_distance(std::uint32_t distance);
    /// A record of a later version.
    FakeRing& unknown_record();
    /// Nothing was seen from `begin` to `end`.
    FakeRing& blind(proto::Ticks begin, proto::Ticks end);
    FakeRing& raw_records(std::initializer_list<std::uint8_t> bytes);
    /// What runs belongs to `current` from here on.
    FakeRing& context(proto::ActivationId current);

    /// Ends the slice: what follows lies in the next one, of the same block or of a new one.
    FakeRing& cut();
    FakeRing& next_block();

    [[nodiscard]] proto::Ordinal last() const noexcept { return next_ordinal_ - 1; }
    /// The slices written so far.
    [[nodiscard]] std::vector<std::uint8_t> chunk();

  private:
    template <typename Fixed>
    void write(Fixed fixed, proto::RecordKind kind, const Payload& payload, std::uint32_t delta);
    void write_word(std::uint64_t word);
    void end(proto::RecordKind short_kind, proto::RecordKind kind, const V& payload);
    [[nodiscard]] std::uint32_t take_delta();

    std::uint32_t ring_;
    proto::TraceNumber trace_;
    proto::Ticks pending_ = 0;
    proto::Ticks ticks_ = 0;
    proto::Ordinal next_ordinal_ = 0;
    std::vector<proto::Ordinal> running_;
    proto::DecoderState state_;
    proto::Position position_;
    std::vector<std::uint8_t> records_;
    std::vector<std::uint8_t> slices_;
};

/// A stored trace of these chunks, with codes 1, 2, 3 … of these names, whose arguments are a, b
/// and whose other variable is c.
[[nodiscard]] store::StoredTrace stored_trace(const std::vector<std::vector<std::uint8_t>>& chunks,
                                              const std::vector<std::string>& codes,
                                              const std::string& status = "complete");

inline constexpr proto::TraceNumber kTrace{7};

}  // namespace kolo::reader::testing
