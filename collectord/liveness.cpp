#include "collectord/liveness.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace kolo::collectord {

std::string this_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

std::optional<std::uint64_t> start_time_of(std::uint64_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string line((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    // The second field is the program's name in parentheses and may itself hold spaces and
    // parentheses (proc(5)).
    const std::size_t end_of_name = line.rfind(')');
    if (end_of_name == std::string::npos) {
        return std::nullopt;
    }
    std::istringstream fields(line.substr(end_of_name + 1));
    std::string state;
    fields >> state;
    if (state == "Z" || state == "X") {
        return std::nullopt;  // dead, and only not yet waited for
    }
    constexpr int kStartTimeField = 22;
    std::string field;
    for (int number = 4; number <= kStartTimeField; ++number) {
        fields >> field;
    }
    std::uint64_t value = 0;
    return std::istringstream(field) >> value ? std::optional(value) : std::nullopt;
}

bool is_alive(const std::string& boot_id, std::uint64_t pid, std::uint64_t start_time) {
    return boot_id == this_boot_id() && start_time_of(pid) == start_time;
}

}  // namespace kolo::collectord
