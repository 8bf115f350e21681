// Which code is recorded, by its co_filename: decided once per code object.
//
// Precedence as in Kolo: include_frames, then the default ignores, then ignore_frames, then
// include. kolo_probe/pure/filters.py decides the same in Python; tests/filters/cases.json drives
// both. Immutable after configure(); any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kolo::probe {

/// What of the settings the filters are made of.
struct FilterSettings {
    std::vector<std::string> include_frames;
    std::vector<std::string> ignore_frames;
    std::vector<std::string> library_folders;  // the interpreter's, each with a "/" at its end
    std::vector<std::string> own_folders;      // those of kolo_probe itself, likewise
};

/// One entry of include_frames or ignore_frames: a part of the path, as in Kolo; or beyond that a
/// glob for the whole path ("*/migrations/*.py"), or a module and what is in it
/// ("module:shop.billing").
class PathPattern {
  public:
    explicit PathPattern(const std::string& text);

    [[nodiscard]] bool matches(const std::string& path) const noexcept;

  private:
    std::string part_;
    std::vector<std::string> globs_;
};

class Filters {
  public:
    explicit Filters(const FilterSettings& settings);

    /// Whether code of this file name is recorded. Throws std::bad_alloc only.
    [[nodiscard]] bool accepts(const std::string& path) const;

  private:
    std::vector<PathPattern> include_;
    std::vector<PathPattern> ignore_;
    std::vector<std::string> folders_;  // whose code is not recorded by default
};

}  // namespace kolo::probe
