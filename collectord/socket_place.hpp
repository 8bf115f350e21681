// The place of the socket: long paths, and who may have it.
//
// sockaddr_un holds 107 characters of path, and project folders are often deeper: such a path goes
// through the folder's descriptor, as /proc/self/fd/<n>/<name>. Used at start and at exit, on the
// main thread.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "store/files.hpp"

namespace kolo::collectord {

/// A path that fits a sockaddr_un and leads to `path` as long as this lives.
class SocketAddress {
  public:
    /// Throws std::system_error when the folder cannot be opened, std::length_error when the name
    /// alone is too long.
    explicit SocketAddress(const std::filesystem::path& path);
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    store::Descriptor folder_;
    std::string text_;
};

/// The collector is running already.
class AlreadyRunning : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A lock on `path`.lock that lasts as long as this does, and longer than a crash never.
class PlaceLock {
  public:
    /// Throws AlreadyRunning when somebody has it, std::runtime_error when there can be none.
    explicit PlaceLock(const std::filesystem::path& path);

  private:
    store::Descriptor file_;
};

/// Removes a socket that nobody listens on any more; the caller holds its lock. Throws
/// std::runtime_error when something else stands there.
void remove_stale_socket(const std::filesystem::path& path);

}  // namespace kolo::collectord
