#include "probe/identity.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

namespace kolo::probe {

namespace {

[[nodiscard]] std::string first_line(const char* path) {
    std::string line;
    std::getline(std::ifstream(path), line);
    return line;
}

}  // namespace

std::uint64_t start_time_in(const std::string& stat_line) noexcept {
    // The second field is the program's name in parentheses, and may itself hold blanks and
    // parentheses: count from the last one on.
    std::size_t at = stat_line.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field) {
        at = stat_line.find(' ', at + 1);
    }
    std::uint64_t value = 0;
    if (at != std::string::npos) {
        std::from_chars(stat_line.data() + at + 1, stat_line.data() + stat_line.size(), value);
    }
    return value;
}

Identity read_identity() {
    Identity identity;
    identity.pid = static_cast<std::uint64_t>(getpid());
    identity.start_time = start_time_in(first_line("/proc/self/stat"));
    identity.boot_id = first_line("/proc/sys/kernel/random/boot_id");
    char host[256] = {};
    if (gethostname(host, sizeof host - 1) == 0) {
        identity.host = host;
    }
    return identity;
}

std::optional<proto::ProcessId> draw_process_id() noexcept {
    proto::ProcessId process;
    // Up to 256 bytes come whole and without interruption (getrandom(2)).
    if (getrandom(process.bytes.data(), process.bytes.size(), 0) !=
        static_cast<ssize_t>(process.bytes.size())) {
        return std::nullopt;
    }
    return process;
}

}  // namespace kolo::probe
