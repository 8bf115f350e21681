// Which code is recorded: Kolo's substring filters over co_filename, decided once per code object.
//
// Precedence as in Kolo: include_frames, then the default ignores, then ignore_frames, then
// include. Immutable after configure(); any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kolo::probe {

class Filters {
  public:
    /// `package` is the folder of kolo_probe itself, which is never recorded.
    Filters(std::vector<std::string> include, std::vector<std::string> ignore, std::string package)
        : include_(std::move(include)), ignore_(std::move(ignore)), package_(std::move(package)) {}

    /// Whether code of this file name is recorded.
    [[nodiscard]] bool accepts(std::string_view path) const noexcept;

  private:
    std::vector<std::string> include_;
    std::vector<std::string> ignore_;
    std::string package_;
};

}  // namespace kolo::probe
