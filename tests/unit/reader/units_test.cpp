// Contract: numbers read easily, text never reaches a terminal with anything that it would obey,
// and lines stay inside their columns.
#include "reader/units.hpp"

#include <gtest/gtest.h>

#include <string>

#include "reader/labels.hpp"
#include "reader/text.hpp"

namespace kolo::reader::testing {
namespace {

TEST(Durations, HaveThreeDigitsAndTheUnitThatFits) {
    EXPECT_EQ(format_duration(0), "0 ns");
    EXPECT_EQ(format_duration(-5), "0 ns");
    EXPECT_EQ(format_duration(999), "999 ns");
    EXPECT_EQ(format_duration(1'000), "1.00 µs");
    EXPECT_EQ(format_duration(9'994), "9.99 µs");
    EXPECT_EQ(format_duration(9'996), "10.0 µs");
    EXPECT_EQ(format_duration(99'960), "100 µs");
    EXPECT_EQ(format_duration(999'499), "999 µs");
    EXPECT_EQ(format_duration(999'500), "1.00 ms");
    EXPECT_EQ(format_duration(12'345'678), "12.3 ms");
    EXPECT_EQ(format_duration(999'600'000), "1.00 s");
    EXPECT_EQ(format_duration(59'940'000'000), "59.9 s");
    EXPECT_EQ(format_duration(59'960'000'000), "1 min 00 s");
    EXPECT_EQ(format_duration(192'000'000'000), "3 min 12 s");
    EXPECT_EQ(format_duration(3'599'600'000'000), "1 h 00 min");
    EXPECT_EQ(format_duration(7'500'000'000'000), "2 h 05 min");
}

TEST(Durations, NeverSayAThousandOfAUnit) {
    for (std::int64_t ns = 1; ns < 2'000'000'000'000; ns += 1 + ns / 997) {
        const std::string text = format_duration(ns);
        EXPECT_FALSE(text.starts_with("1000")) << ns << " " << text;
        EXPECT_FALSE(text.starts_with("60.0 s")) << ns << " " << text;
    }
}

TEST(Counts, AreGroupedByThousands) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(4983), "4 983");
    EXPECT_EQ(format_count(2'500'000), "2 500 000");
    EXPECT_EQ(format_count(-1234), "-1 234");
}

TEST(Times, AreReadAsTheStoreWritesThem) {
    EXPECT_EQ(parse_time("1970-01-01T00:00:01.000002Z"), 1'000'002'000);
    EXPECT_EQ(parse_time("2026-11-23T05:00:00Z"), 1'795'410'000'000'000'000);
    EXPECT_EQ(parse_time(""), std::nullopt);
    EXPECT_EQ(parse_time("yesterday, about noon, in the old calendar"), std::nullopt);
    EXPECT_EQ(parse_time("2026-13-40T05:00:00.000000Z"), std::nullopt);
}

TEST(Times, AgesAreRoughAndNeverNegative) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    EXPECT_EQ(format_age(-5 * kSecond), "just now");
    EXPECT_EQ(format_age(5 * kSecond), "5 s ago");
    EXPECT_EQ(format_age(125 * kSecond), "2 min ago");
    EXPECT_EQ(format_age(7200 * kSecond), "2 h ago");
    EXPECT_EQ(format_age(3L * 86400 * kSecond), "3 days ago");
}

TEST(Text, EscapesWhatATerminalWouldObey) {
    EXPECT_EQ(printable("plain ä 日本"), "plain ä 日本");
    EXPECT_EQ(printable("\x1b[2J\x07\r\n\t"), R"(\x1b[2J\x07\r\n\t)");
    EXPECT_EQ(printable("\u009b31m"), R"(\x9b31m)");
    EXPECT_EQ(printable("\u202etxt\u2066\ufeff"), R"(\u202etxt\u2066\ufeff)");
    EXPECT_EQ(printable("\U000E0041"), R"(\U000e0041)");
    EXPECT_EQ(printable("a\xFF\xC3"), "a\uFFFD\uFFFD");
}

TEST(Text, IsCutAtACharacterAndMarked) {
    EXPECT_EQ(cut("abcdef", 6), "abcdef");
    EXPECT_EQ(cut("abcdefg", 6), "abcde…");
    EXPECT_EQ(cut("äöüß", 3), "äö…");
    EXPECT_EQ(cut("日本語", 5), "日本…");
    EXPECT_EQ(cut("日本語", 4), "日…") << "a wide character gives both its columns";
    EXPECT_EQ(cut("e\u0301e\u0301e\u0301", 2), "e\u0301…");
    EXPECT_EQ(cut("abc", 1), "…");
}

TEST(Text, CutsTheFrontOfAPath) {
    EXPECT_EQ(cut_front("catalog/views.py:12", 30), "catalog/views.py:12");
    EXPECT_EQ(cut_front("/usr/lib/python3/site-packages/django/views.py:12", 24),
              "…/django/views.py:12");
    EXPECT_EQ(columns_of(cut_front("averyveryverylongnameofafile.py:12", 10)), 10U);
}

}  // namespace
}  // namespace kolo::reader::testing
