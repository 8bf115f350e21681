#include "collectord/socket_place.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace kolo::collectord {

namespace {

constexpr std::size_t kMostCharacters = sizeof(sockaddr_un::sun_path) - 1;

/// The pid in a lock file: " (pid 123)", or nothing.
[[nodiscard]] std::string holder(int file) {
    std::array<char, 32> text{};
    const ssize_t length = ::pread(file, text.data(), text.size() - 1, 0);
    std::string pid;
    for (ssize_t i = 0; i < length && text[static_cast<std::size_t>(i)] >= '0' &&
                        text[static_cast<std::size_t>(i)] <= '9';
         ++i) {
        pid += text[static_cast<std::size_t>(i)];
    }
    return pid.empty() ? "" : " (pid " + pid + ")";
}

}  // namespace

SocketAddress::SocketAddress(const std::filesystem::path& path) : text_(path.string()) {
    if (text_.size() <= kMostCharacters) {
        return;
    }
    folder_ =
        store::Descriptor(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) {
        throw std::system_error(errno, std::generic_category(), path.parent_path().string());
    }
    text_ = "/proc/self/fd/" + std::to_string(folder_.get()) + "/" + path.filename().string();
    if (text_.size() > kMostCharacters) {
        throw std::length_error(path.filename().string() + " is too long for the name of a socket");
    }
}

PlaceLock::PlaceLock(const std::filesystem::path& path) {
    const std::string name = path.string() + ".lock";
    file_ =
        store::Descriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_) {
        throw std::runtime_error(name + " cannot be made: " + store::error_text(errno) +
                                 ". Mend the permissions of its folder, or choose another one.");
    }
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        if (reason == EWOULDBLOCK) {
            throw AlreadyRunning(
                "kolo-collectord is already running for " + path.string() + holder(file_.get()) +
                ". Use that one (kolo-collectord status shows it), or stop it first.");
        }
        throw std::runtime_error(
            name + " cannot be locked: " + store::error_text(reason) +
            ". The file system does not support locks; choose a local one with --db and --socket.");
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    static_cast<void>(::ftruncate(file_.get(), 0));
    static_cast<void>(::pwrite(file_.get(), pid.data(), pid.size(), 0));
}

void remove_stale_socket(const std::filesystem::path& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        return;
    }
    if (!S_ISSOCK(found.st_mode)) {
        throw std::runtime_error(
            path.string() +
            " exists and is not a socket. Move it away, or give another path with --socket.");
    }
    if (::unlink(path.c_str()) != 0) {
        throw std::runtime_error(path.string() + " is a stale socket and cannot be removed: " +
                                 store::error_text(errno));
    }
}

}  // namespace kolo::collectord
