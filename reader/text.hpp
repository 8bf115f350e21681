// Text for a terminal: cut to a number of columns, and nothing in it that a terminal would obey.
//
// Recorded strings, names and paths come from anywhere; printed raw, an escape sequence in one
// could rewrite the screen or turn the order of its characters around. Plain functions, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace kolo::reader {

/// Appends text until its columns are used up; the last one is then "…".
class ColumnWriter {
  public:
    static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

    ColumnWriter(std::string& out, std::size_t columns)
        : out_(&out), left_(columns), cut_at_(out.size()) {}

    /// Whether text was cut off: whatever is appended from then on is dropped.
    [[nodiscard]] bool full() const noexcept { return full_; }
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

    /// Appends text that may hold anything; what a terminal would obey is escaped as Python's repr
    /// does.
    void add(std::string_view text);
    /// Appends `text` inside a Python string literal of `quote`s.
    void add_quoted(std::string_view text, char quote);

  private:
    void add_character(std::string_view character, std::uint32_t code_point);
    void put(std::string_view visible, std::size_t columns);

    std::string* out_;
    std::size_t left_;
    std::size_t cut_at_;  // where the character begins that gives way to the mark
    bool full_ = false;
};

/// `text` with what a terminal would obey escaped.
[[nodiscard]] std::string printable(std::string_view text);

/// `text`, printable and cut to `columns`.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

/// Columns that printable text takes on a terminal.
[[nodiscard]] std::size_t columns_of(std::string_view text);

}  // namespace kolo::reader
