#include "store/location.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <vector>

#include "store/files.hpp"

namespace kolo::store {

namespace {

constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kHeaderBytes = 100;
constexpr std::size_t kApplicationIdOffset = 68;  // big-endian; sqlite.org/fileformat.html, 1.3

constexpr std::array<std::string_view, 4> kIgnored = {"db.sqlite3*", "probe.sqlite3*",
                                                      "collector.sock*", "collectord*.log"};

/// A file: URI; SQLite decodes %XX, so whatever has a meaning in a URI is encoded.
[[nodiscard]] std::string uri_of(const std::filesystem::path& path, std::string_view query) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string uri = "file:";
    for (const char c : path.string()) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '%' || c == '?' || c == '#' || byte < 0x20) {
            uri += '%';
            uri += kHex[byte >> 4U];
            uri += kHex[byte & 15U];
        } else {
            uri += c;
        }
    }
    uri += '?';
    uri += query;
    return uri;
}

[[nodiscard]] FileKind database_kind(const std::filesystem::path& path, std::string_view query) {
    try {
        const SQLite::Database database(uri_of(path, query),
                                        SQLite::OPEN_READONLY | SQLite::OPEN_URI);
        if (database.tableExists("traces")) {
            return FileKind::kKolo;
        }
        SQLite::Statement any(database, "SELECT count(*) FROM sqlite_schema");
        static_cast<void>(any.executeStep());
        return any.getColumn(0).getInt() == 0 ? FileKind::kEmpty : FileKind::kForeign;
    } catch (const SQLite::Exception&) {
        return FileKind::kNotDatabase;
    }
}

}  // namespace

FileKind file_kind(const std::filesystem::path& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        return errno == ENOENT ? FileKind::kMissing : FileKind::kUnreadable;
    }
    if (S_ISDIR(found.st_mode)) {
        return FileKind::kFolder;
    }
    if (!S_ISREG(found.st_mode)) {
        return FileKind::kNotDatabase;  // opening a FIFO would wait for its other end
    }
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file) {
        return FileKind::kUnreadable;
    }
    std::array<char, kHeaderBytes> header{};
    const ssize_t length = ::pread(file.get(), header.data(), header.size(), 0);
    if (length < 0) {
        return FileKind::kUnreadable;
    }
    if (length == 0) {
        return FileKind::kEmpty;
    }
    const std::string_view text(header.data(), static_cast<std::size_t>(length));
    if (text.size() < kHeaderBytes || !text.starts_with(kMagic)) {
        return FileKind::kNotDatabase;
    }
    std::uint32_t application = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        application =
            application << 8U | static_cast<unsigned char>(text[kApplicationIdOffset + i]);
    }
    if (application == static_cast<std::uint32_t>(kApplicationId)) {
        return FileKind::kStore;
    }
    // "immutable" takes no lock and makes no file, but does not see what is only in the WAL.
    const FileKind kind = database_kind(path, "immutable=1");
    std::error_code error;
    const auto wal_bytes = std::filesystem::file_size(path.string() + "-wal", error);
    if (kind == FileKind::kEmpty && !error && wal_bytes > 0) {
        return database_kind(path, "mode=ro");
    }
    return kind;
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(path, error);
    return (error ? path : whole).lexically_normal();
}

DefaultDatabase default_database(const std::filesystem::path& folder) {
    const std::filesystem::path usual = folder / "db.sqlite3";
    if (file_kind(usual) == FileKind::kKolo) {
        return {folder / "probe.sqlite3", true};
    }
    return {usual, false};
}

std::filesystem::path default_folder() {
    const char* place =
        std::getenv("KOLO_PATH");  // NOLINT(concurrency-mt-unsafe): read once, before any thread
    const std::filesystem::path base = place != nullptr && *place != '\0' ? place : ".";
    return absolute_path(base / ".kolo");
}

void ignore_our_files(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / ".gitignore";
    std::vector<std::string> lines;
    bool ends_with_newline = true;
    {
        std::ifstream in(path);
        std::string line;
        while (std::getline(in, line)) {
            ends_with_newline = !in.eof();
            lines.push_back(line);
        }
    }
    std::string missing;
    for (const std::string_view name : kIgnored) {
        bool found = false;
        for (const std::string& line : lines) {
            found = found || line == name || line == "*";
        }
        if (!found) {
            missing += std::string(name) + "\n";
        }
    }
    if (missing.empty()) {
        return;
    }
    std::ofstream out(path, std::ios::app);
    out << (ends_with_newline ? "" : "\n") << missing;
}

std::optional<std::string> refusal(FileKind kind, const std::filesystem::path& path) {
    const std::string what = path.string();
    switch (kind) {
        case FileKind::kMissing:
        case FileKind::kEmpty:
        case FileKind::kStore:
            return std::nullopt;
        case FileKind::kKolo:
            return what +
                   " is a database that Kolo made, and Kolo moves or locks it at will: kolo-probe "
                   "never writes "
                   "to it. Give another path with --db (for example " +
                   (path.parent_path() / "probe.sqlite3").string() +
                   "), or leave --db away to use that one.";
        case FileKind::kForeign:
            return what +
                   " is an SQLite database, but not a store of kolo-probe: it is left alone. Give "
                   "another path "
                   "with --db.";
        case FileKind::kNotDatabase:
            return what +
                   " is not an SQLite database: it is left alone. Give another path with --db, or "
                   "move it away.";
        case FileKind::kFolder:
            return what + " is a folder. Give the path of a file in it with --db (for example " +
                   (path / "db.sqlite3").string() + ").";
        case FileKind::kUnreadable:
            return what +
                   " cannot be read by this user. Mend its permissions (or those of its folder), "
                   "or give another "
                   "path with --db.";
    }
    return std::nullopt;
}

}  // namespace kolo::store
