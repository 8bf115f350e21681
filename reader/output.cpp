#include "reader/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace kolo::reader {

namespace {

constexpr std::size_t kBufferBytes = 64UL * 1024;
constexpr std::size_t kLeastColumns = 40;

[[nodiscard]] std::string_view environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): there is one thread
    return value == nullptr ? std::string_view() : value;
}

[[nodiscard]] std::string_view code_of(Style style) noexcept {
    switch (style) {
        case Style::kPlain:
            return "";
        case Style::kDim:
            return "\x1b[2m";
        case Style::kBold:
            return "\x1b[1m";
        case Style::kName:
            return "\x1b[36m";
        case Style::kGood:
            return "\x1b[32m";
        case Style::kWarning:
            return "\x1b[33m";
        case Style::kBad:
            return "\x1b[31m";
    }
    return "";
}

}  // namespace

void Output::print(std::string_view text) {
    if (is_abandoned_ || error_ != 0) {
        return;
    }
    buffer_ += text;
    if (buffer_.size() >= kBufferBytes) {
        static_cast<void>(flush());
    }
}

bool Output::flush() {
    std::string_view left = buffer_;
    while (!left.empty() && !is_abandoned_ && error_ == 0) {
        const ssize_t written = ::write(descriptor_, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            is_abandoned_ = true;
        } else if (errno != EINTR) {
            error_ = errno;
        }
    }
    buffer_.clear();
    errno = error_;
    return error_ == 0;
}

Look look_of(int descriptor) {
    Look look;
    if (::isatty(descriptor) == 0) {
        return look;
    }
    look.colours = environment("NO_COLOR").empty() && environment("TERM") != "dumb";
    look.columns = 80;
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        look.columns = size.ws_col;
    }
    const std::string_view wanted = environment("COLUMNS");
    static_cast<void>(std::from_chars(wanted.data(), wanted.data() + wanted.size(), look.columns));
    look.columns = look.columns < kLeastColumns ? kLeastColumns : look.columns;
    return look;
}

std::string paint(const Look& look, Style style, std::string_view text) {
    const std::string_view code = look.colours ? code_of(style) : std::string_view();
    std::string painted(code);
    painted += text;
    painted += code.empty() || text.empty() ? "" : "\x1b[0m";
    return text.empty() ? std::string() : painted;
}

}  // namespace kolo::reader
