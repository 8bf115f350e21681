// What a span record says, from bytes that may be anybody's.
//
// Plain functions for block_ingest.cpp, on the writer thread. Nothing is returned for a payload
// that is none: that span is not shown, and nothing else suffers.
#pragma once

#include <optional>

#include "proto/decoder.hpp"
#include "store/rows.hpp"

namespace kolo::collectord {

/// Of a record of kind kSpanStart or kSpanPoint, which the decoder has taken last.
[[nodiscard]] std::optional<store::SpanRow> span_of(const proto::Decoder& decoder);
/// Of a record of kind kSpanEnd.
[[nodiscard]] std::optional<store::SpanEndRow> span_end_of(const proto::Decoder& decoder);

}  // namespace kolo::collectord
