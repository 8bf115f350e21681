// One commit: the changed part of the model into the store in one transaction, and afterwards what
// may be said about it.
//
// Runs on the writer thread. write_model() throws SQLite::Exception after rolling back and changes
// nothing in the model that a second call would do differently; only after it has returned may
// take_committed() be called.
#pragma once

#include <vector>

#include "collectord/model.hpp"
#include "proto/messages.hpp"
#include "store/packing.hpp"
#include "store/writing.hpp"

namespace kolo::collectord {

/// Plain chunks of an open trace are packed when there are this many bytes of them.
inline constexpr std::size_t kGroupBytes = store::kPieceBytes;

/// What a commit lets us say to one connection.
struct CommittedAck {
    SessionId session = SessionId::kNone;
    proto::Ack ack;
};

void write_model(Model& model, store::StoreWriter& writer, store::Packer& packer);

/// Marks everything as committed, forgets what is over, and returns the acknowledgements that are
/// due.
[[nodiscard]] std::vector<CommittedAck> take_committed(Model& model);

}  // namespace kolo::collectord
