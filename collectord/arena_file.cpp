#include "collectord/arena_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

namespace kolo::collectord {

namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

std::vector<std::uint8_t> read_arena(int descriptor, std::uint64_t offset, std::size_t bytes) {
    std::vector<std::uint8_t> read(bytes);
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t count = ::pread(descriptor, read.data() + done, bytes - done,
                                      static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return {};
        }
        done += static_cast<std::size_t>(count);
    }
    return read;
}

std::optional<proto::ArenaLayout> read_layout(int descriptor) {
    struct stat found {};
    if (::fstat(descriptor, &found) != 0 ||
        found.st_size < static_cast<off_t>(proto::kArenaHeaderBytes)) {
        return std::nullopt;
    }
    return proto::read_arena_layout(read_arena(descriptor, 0, proto::kArenaHeaderBytes),
                                    static_cast<std::uint64_t>(found.st_size));
}

std::optional<std::string> wrong_with_arena(int descriptor, const proto::Hello& hello) {
    struct stat found {};
    struct statfs system {};
    if (::fstat(descriptor, &found) != 0 || ::fstatfs(descriptor, &system) != 0 ||
        !S_ISREG(found.st_mode) || system.f_type != TMPFS_MAGIC) {
        return "its arena is not a memfd";
    }
    // A plain file on a tmpfs has F_SEAL_SEAL from the start and can never get the other two.
    const int seals = ::fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) {
        return "its arena is not sealed against changes of its size";
    }
    const auto size = static_cast<std::uint64_t>(found.st_size);
    if (size != hello.arena_bytes || size < proto::kMinArenaBytes || size > proto::kMaxArenaBytes) {
        return "its arena has " + std::to_string(size) + " bytes, announced were " +
               std::to_string(hello.arena_bytes);
    }
    const auto header = read_arena(descriptor, 0, proto::kArenaHeaderBytes);
    if (!proto::read_arena_layout(header, size)) {
        return "its arena has a header that cannot be (written by another version of kolo-probe?)";
    }
    if (proto::load<proto::ProcessId>(header, offsetof(proto::ArenaHeader, process)) !=
        hello.process) {
        return "its arena belongs to another process";
    }
    return std::nullopt;
}

std::uint64_t resident_bytes(int descriptor) {
    struct stat found {};
    constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks counts these
    return ::fstat(descriptor, &found) == 0 ? static_cast<std::uint64_t>(found.st_blocks) * kBlock
                                            : 0;
}

}  // namespace kolo::collectord
