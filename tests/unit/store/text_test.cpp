#include "store/text.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kolo::store {
namespace {

TEST(IsoTime, IsUtcWithMicroseconds) {
    EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(iso_time(1'795'411'800'123'456'789), "2026-11-23T05:30:00.123456Z");
}

TEST(IsoTime, GoesBackBeforeTheEpoch) { EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59.999999Z"); }

TEST(IsoTime, TakesAnyNumber) {
    EXPECT_FALSE(iso_time(INT64_MAX).empty());
    EXPECT_FALSE(iso_time(INT64_MIN).empty());
}

TEST(JsonArray, QuotesWhatMustBe) {
    EXPECT_EQ(json_array({}), "[]");
    EXPECT_EQ(json_array(std::vector<std::string>{"a b", "\"", "é"}), R"(["a b","\"","é"])");
}

TEST(JsonArray, ReplacesWhatIsNoText) {
    EXPECT_EQ(json_array(std::vector<std::string>{"a\xFF"}), "[\"a\xEF\xBF\xBD\"]");
}

TEST(CleanText, KeepsText) {
    for (const char* text : {"", "plain", "é", "€", "\xF0\x9F\x90\x8D", "a\nb"}) {
        EXPECT_EQ(clean_text(text), text);
    }
}

TEST(CleanText, ReplacesEachByteThatIsNone) {
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(clean_text("a\x80z"), "a" + bad + "z") << "a tail without a head";
    EXPECT_EQ(clean_text("\xC3"), bad) << "cut off";
    EXPECT_EQ(clean_text("\xC0\xAF"), bad + bad) << "overlong";
    EXPECT_EQ(clean_text("\xED\xA0\x80"), bad + bad + bad) << "a surrogate";
    EXPECT_EQ(clean_text("\xF4\x90\x80\x80"), bad + bad + bad + bad) << "beyond Unicode";
    EXPECT_EQ(clean_text(std::string_view("a\0b", 3)), "a" + bad + "b");
}

}  // namespace
}  // namespace kolo::store
