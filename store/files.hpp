// Files and folders: an owned descriptor, what stands at a path, folders and files that nobody else
// can read. Used by the collector (any thread) and by the reader. Nothing at fork: neither program
// forks.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace kolo::store {

/// A file descriptor with an owner.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    void reset() noexcept {
        if (number_ >= 0) {
            ::close(number_);
            number_ = -1;
        }
    }

  private:
    int number_ = -1;
};

/// Names a file whatever path leads to it.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// The file at `path` (symbolic links followed); nothing when there is none.
[[nodiscard]] std::optional<FileIdentity> identify_file(const std::filesystem::path& path);

/// Makes `folder` with mode 0700 (parents too, as the umask says) when it does not exist. Returns
/// what went wrong.
[[nodiscard]] std::optional<std::string> make_private_folder(const std::filesystem::path& folder);

/// Makes an empty file with mode 0600 when there is none; one that is ours and open to others is
/// closed to them. Returns what went wrong.
[[nodiscard]] std::optional<std::string> make_private_file(const std::filesystem::path& path);

/// The text of errno value `error`.
[[nodiscard]] std::string error_text(int error);

}  // namespace kolo::store
