// A store on disk for the reader's tests: made by the store's own schema, filled row by row.
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/reading.hpp"

namespace kolo::reader::testing {

/// A folder that is gone when the test is over.
class TestFolder {
  public:
    TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    TestFolder(TestFolder&&) = delete;
    TestFolder& operator=(TestFolder&&) = delete;
    ~TestFolder();

    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
        return path_ / name;
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// Makes an empty store.
[[nodiscard]] SQLite::Database make_store(const std::filesystem::path& path);

enum class Packing { kPlain, kCompressed };

/// Adds a trace in a process of its own. Returns its key.
std::int64_t add_trace(SQLite::Database& database, const store::StoredTrace& stored,
                       Packing packing = Packing::kPlain);

}  // namespace kolo::reader::testing
