// Where a command prints: buffered, and quiet about a reader that left (`| head`).
//
// One thread. At the end of its life an Output has been flushed by whoever needs to know the
// outcome.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kolo::reader {

enum class Style { kPlain, kDim, kBold, kName, kGood, kWarning, kBad };

class Output {
  public:
    /// What is printed goes to `descriptor`, which stays its owner's.
    explicit Output(int descriptor) : descriptor_(descriptor) {}

    void print(std::string_view text);
    /// Writes out what is buffered. False: it cannot be written (a full disk); see errno.
    [[nodiscard]] bool flush();

    /// Nobody reads any more: a long command may stop.
    [[nodiscard]] bool is_abandoned() const noexcept { return is_abandoned_; }

  private:
    int descriptor_;
    std::string buffer_;
    bool is_abandoned_ = false;
    int error_ = 0;
};

/// How the text may look there.
struct Look {
    bool colours = false;
    std::size_t columns = 160;
};

/// Colours only on a terminal that NO_COLOR does not forbid; columns of the terminal, or those of a
/// page.
[[nodiscard]] Look look_of(int descriptor);

/// `text` in `style`, where colours may be used.
[[nodiscard]] std::string paint(const Look& look, Style style, std::string_view text);

}  // namespace kolo::reader
