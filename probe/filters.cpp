#include "probe/filters.hpp"

#include <algorithm>
#include <array>

namespace kolo::probe {

namespace {

[[nodiscard]] bool contains(std::string_view path, std::string_view part) noexcept {
    return path.find(part) != std::string_view::npos;
}

[[nodiscard]] bool contains_any(std::string_view path,
                                const std::vector<std::string>& parts) noexcept {
    return std::any_of(parts.begin(), parts.end(),
                       [path](const std::string& part) { return contains(path, part); });
}

/// attrs compiles its methods from "<attrs generated init shop.models.Tea>" and from attr/_make.py.
[[nodiscard]] bool is_generated(std::string_view path) noexcept {
    return path == "<string>" || path == "<pytest match expression>" ||
           path.starts_with("<attrs generated") || contains(path, "<frozen ") ||
           contains(path, "<builtin>/");
}

[[nodiscard]] bool is_library(std::string_view path) noexcept {
    constexpr std::array<std::string_view, 4> kParts = {"lib/python", "lib64/python",
                                                        "/site-packages/", "/dist-packages/"};
    return std::any_of(kParts.begin(), kParts.end(),
                       [path](std::string_view part) { return contains(path, part); });
}

}  // namespace

bool Filters::accepts(std::string_view path) const noexcept {
    if (contains_any(path, include_)) {
        return true;
    }
    if (is_library(path) || is_generated(path) ||
        (!package_.empty() && path.starts_with(package_))) {
        return false;
    }
    return !contains_any(path, ignore_);
}

}  // namespace kolo::probe
