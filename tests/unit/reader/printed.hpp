// What a command or a printing function printed.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

#include "reader/output.hpp"

namespace kolo::reader::testing {

/// An Output that can be read back.
class Printed {
  public:
    Printed() : file_(::memfd_create("printed", MFD_CLOEXEC)), output_(file_) {}
    Printed(const Printed&) = delete;
    Printed& operator=(const Printed&) = delete;
    Printed(Printed&&) = delete;
    Printed& operator=(Printed&&) = delete;
    ~Printed() { ::close(file_); }

    [[nodiscard]] Output& out() noexcept { return output_; }
    [[nodiscard]] std::string text() {
        static_cast<void>(output_.flush());
        std::string text;
        std::array<char, 4096> piece{};
        ssize_t read = 0;
        off_t offset = 0;
        while ((read = ::pread(file_, piece.data(), piece.size(), offset)) > 0) {
            text.append(piece.data(), static_cast<std::size_t>(read));
            offset += read;
        }
        return text;
    }

  private:
    int file_;
    Output output_;
};

}  // namespace kolo::reader::testing
