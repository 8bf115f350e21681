#include "store/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace kolo::store {

std::string error_text(int error) { return std::generic_category().message(error); }

std::optional<FileIdentity> identify_file(const std::filesystem::path& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        return std::nullopt;
    }
    return FileIdentity{found.st_dev, found.st_ino};
}

std::optional<std::string> make_private_folder(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) {
        return std::nullopt;
    }
    if (folder.has_parent_path()) {
        std::filesystem::create_directories(folder.parent_path(), error);
        if (error) {
            return error.message();
        }
    }
    if (::mkdir(folder.c_str(), 0700) == 0) {
        return std::nullopt;
    }
    const int reason = errno;
    // EEXIST: another process made it at the same time, or a file is in the way.
    if (reason == EEXIST && std::filesystem::is_directory(folder, error)) {
        return std::nullopt;
    }
    return error_text(reason == EEXIST ? ENOTDIR : reason);
}

std::optional<std::string> make_private_file(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
    if (!file) {
        return error_text(errno);
    }
    struct stat found {};
    if (::fstat(file.get(), &found) == 0 && found.st_uid == ::geteuid() &&
        (found.st_mode & 0077U) != 0) {
        static_cast<void>(::fchmod(file.get(), 0600));
    }
    return std::nullopt;
}

}  // namespace kolo::store
