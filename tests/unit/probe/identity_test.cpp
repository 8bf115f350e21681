#include "probe/identity.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace kolo::probe {
namespace {

TEST(Identity, NamesThisProcess) {
    const Identity identity = read_identity();
    EXPECT_EQ(identity.pid, static_cast<std::uint64_t>(getpid()));
    EXPECT_GT(identity.start_time, 0U);
    EXPECT_EQ(identity.boot_id.size(), 36U);
    EXPECT_FALSE(identity.host.empty());
}

TEST(Identity, FindsTheStartTimeBehindAnyProgramName) {
    const std::string fields = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 424242 20 21 22";
    EXPECT_EQ(start_time_in("77 (python3)" + fields), 424242U);
    EXPECT_EQ(start_time_in("77 (a ) S 1 b)" + fields), 424242U);
    EXPECT_EQ(start_time_in(""), 0U);
    EXPECT_EQ(start_time_in("77 (python3) S 1"), 0U);
}

TEST(Identity, DrawsANewProcessIdEachTime) {
    const auto first = draw_process_id();
    const auto second = draw_process_id();
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
}

}  // namespace
}  // namespace kolo::probe
