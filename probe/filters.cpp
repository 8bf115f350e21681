#include "probe/filters.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>

namespace kolo::probe {

namespace {

constexpr std::string_view kModule = "module:";

[[nodiscard]] bool contains(std::string_view path, std::string_view part) noexcept {
    return path.find(part) != std::string_view::npos;
}

[[nodiscard]] bool contains_folder(std::string_view path, std::string_view folder) noexcept {
    return contains(path, folder) || path.starts_with(folder.substr(1));
}

/// False where a "[" has no "]": such a pattern is no glob. (What fnmatch() makes of one differs
/// from one C library to the next.)
[[nodiscard]] bool has_closed_sets(std::string_view pattern) noexcept {
    std::size_t at = pattern.find('[');
    while (at != std::string_view::npos) {
        std::size_t first = at + 1;
        if (first < pattern.size() && (pattern[first] == '!' || pattern[first] == '^')) {
            ++first;
        }
        at = pattern.find(']', first + 1);  // a "]" that comes first is a member of the set
        if (at == std::string_view::npos) {
            return false;
        }
        at = pattern.find('[', at);
    }
    return true;
}

[[nodiscard]] bool is_glob(std::string_view pattern) noexcept {
    return pattern.find_first_of("*?[") != std::string_view::npos && has_closed_sets(pattern);
}

/// A glob that does not say where it begins may begin at any folder.
void append_glob(std::vector<std::string>& to, const std::string& glob) {
    to.push_back(glob);
    if (glob.find_first_of("/*<") != 0) {
        to.push_back("*/" + glob);
    }
}

[[nodiscard]] bool is_generated(std::string_view path) noexcept {
    return path == "<string>" || path == "<pytest match expression>" ||
           path.starts_with("<attrs generated") || contains(path, "<frozen ") ||
           contains(path, "<builtin>/");  // PyPy
}

[[nodiscard]] bool is_installed(std::string_view path) noexcept {
    return contains_folder(path, "/site-packages/") || contains_folder(path, "/dist-packages/") ||
           // a .pex file keeps what it depends on in folders named like wheels
           contains(path, ".whl/");
}

[[nodiscard]] bool matches_any(const std::vector<PathPattern>& patterns,
                               const std::string& path) noexcept {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&path](const PathPattern& pattern) { return pattern.matches(path); });
}

}  // namespace

PathPattern::PathPattern(const std::string& text) : part_(text) {
    if (text.starts_with(kModule)) {
        std::string place = text.substr(kModule.size());
        std::replace(place.begin(), place.end(), '.', '/');
        append_glob(globs_, place + "/*");
        append_glob(globs_, place + ".py");
    } else if (is_glob(text)) {
        append_glob(globs_, text);
    }
}

bool PathPattern::matches(const std::string& path) const noexcept {
    return contains(path, part_) ||
           std::any_of(globs_.begin(), globs_.end(), [&path](const std::string& glob) {
               return fnmatch(glob.c_str(), path.c_str(), FNM_NOESCAPE) == 0;
           });
}

Filters::Filters(const FilterSettings& settings)
    : include_(settings.include_frames.begin(), settings.include_frames.end()),
      ignore_(settings.ignore_frames.begin(), settings.ignore_frames.end()),
      folders_(settings.library_folders) {
    folders_.insert(folders_.end(), settings.own_folders.begin(), settings.own_folders.end());
}

bool Filters::accepts(const std::string& path) const {
    if (matches_any(include_, path)) {
        return true;
    }
    const bool is_normal =
        !contains(path, "/./") && !contains(path, "/../") && !contains(path, "//");
    const std::string normal =
        is_normal ? path : std::filesystem::path(path).lexically_normal().string();
    const bool is_ignored =
        is_generated(path) || is_installed(normal) ||
        std::any_of(folders_.begin(), folders_.end(),
                    [&normal](const std::string& folder) { return normal.starts_with(folder); });
    return !is_ignored && !matches_any(ignore_, path);
}

}  // namespace kolo::probe
