#include "reader/labels.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "reader/text.hpp"

namespace kolo::reader {

std::string id_text(proto::ActivationId id) {
    return fmt::format("{}.{}", to_integer(id.ring), id.ordinal);
}

std::string argv_text(const std::string& argv) {
    const auto json = nlohmann::json::parse(argv, nullptr, false);
    if (!json.is_array()) {
        return argv;
    }
    std::string text;
    for (const auto& word : json) {
        text += text.empty() ? "" : " ";
        text += word.is_string() ? word.get<std::string>() : word.dump();
    }
    return text;
}

std::string thread_title(const Recording& recording, std::uint32_t ring) {
    const store::StoredThread* thread = find_thread(recording, ring);
    if (thread == nullptr) {
        return fmt::format("thread {}", ring);
    }
    return fmt::format("thread {} {} (native id {})", ring,
                       thread->name ? "\"" + printable(*thread->name) + "\"" : "without a name",
                       thread->native_id);
}

std::string location_of(const Recording& recording, std::uint32_t number) {
    const store::StoredCode* code = find_code(recording, number);
    if (code == nullptr) {
        return "";
    }
    std::string_view path = code->path;
    const std::string& folder = recording.stored.process.cwd;
    if (folder.size() > 1 && path.starts_with(folder) &&
        path.substr(folder.size()).starts_with('/')) {
        path.remove_prefix(folder.size() + 1);
    }
    return fmt::format("{}:{}", printable(path), code->first_line);
}

std::string cut_front(std::string path, std::size_t columns) {
    while (columns_of(path) > columns) {
        const std::size_t slash = path.find('/', 4);
        if (slash == std::string::npos) {
            return cut(path, columns);
        }
        path = "…" + path.substr(slash);
    }
    return path;
}

}  // namespace kolo::reader
