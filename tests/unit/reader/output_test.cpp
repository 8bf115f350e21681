// Contract: what is printed arrives or is known not to; a reader that left is no error; colours are
// for terminals.
#include "reader/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "store/files.hpp"

namespace kolo::reader::testing {
namespace {

using store::Descriptor;

TEST(Output, AReaderThatLeftIsNoError) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    Descriptor read_end(ends[0]);
    const Descriptor write_end(ends[1]);
    Output out(write_end.get());
    read_end.reset();
    out.print("nobody reads this");
    EXPECT_TRUE(out.flush());
    EXPECT_TRUE(out.is_abandoned());
}

TEST(Output, AFullDiskIsAnError) {
    const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(full);
    Output out(full.get());
    out.print(std::string(1 << 20, 'x'));
    EXPECT_FALSE(out.flush());
    EXPECT_FALSE(out.is_abandoned());
}

class Terminal : public ::testing::Test {
  protected:
    void SetUp() override {
        int outer = -1;
        int inner = -1;
        winsize size{};
        size.ws_col = 132;
        if (::openpty(&outer, &inner, nullptr, nullptr, &size) != 0) {
            GTEST_SKIP() << "no pseudo-terminal is to be had here (a chroot without /dev/pts?)";
        }
        outer_ = Descriptor(outer);
        inner_ = Descriptor(inner);
        ::unsetenv("NO_COLOR");        // NOLINT(concurrency-mt-unsafe): the test has one thread
        ::unsetenv("COLUMNS");         // NOLINT(concurrency-mt-unsafe)
        ::setenv("TERM", "xterm", 1);  // NOLINT(concurrency-mt-unsafe)
    }
    void TearDown() override {
        ::unsetenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
    }

    Descriptor outer_;
    Descriptor inner_;
};

TEST_F(Terminal, HasColoursAndColumns) {
    const Look look = look_of(inner_.get());
    EXPECT_TRUE(look.colours);
    EXPECT_EQ(look.columns, 132U);
    EXPECT_EQ(paint(look, Style::kBad, "x"), "\x1b[31mx\x1b[0m");
    EXPECT_EQ(paint(look, Style::kBad, ""), "");
    EXPECT_EQ(paint(look, Style::kPlain, "x"), "x");
}

TEST_F(Terminal, MayForbidColours) {
    ::setenv("NO_COLOR", "1", 1);  // NOLINT(concurrency-mt-unsafe)
    EXPECT_FALSE(look_of(inner_.get()).colours);
    ::unsetenv("NO_COLOR");       // NOLINT(concurrency-mt-unsafe)
    ::setenv("TERM", "dumb", 1);  // NOLINT(concurrency-mt-unsafe)
    EXPECT_FALSE(look_of(inner_.get()).colours);
}

TEST_F(Terminal, AFileHasNoColours) {
    const Descriptor file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    EXPECT_FALSE(look_of(file.get()).colours);
    EXPECT_EQ(paint(look_of(file.get()), Style::kBad, "x"), "x");
}

}  // namespace
}  // namespace kolo::reader::testing
