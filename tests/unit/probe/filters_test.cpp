// The filters against tests/filters/cases.json, which the Python ones are tested with too.
#include "probe/filters.hpp"

#include <gtest/gtest.h>

#include <clocale>
#include <fstream>

#include <nlohmann/json.hpp>

namespace kolo::probe {
namespace {

using Json = nlohmann::json;

[[nodiscard]] const Json& table() {
    static const Json found = Json::parse(std::ifstream(KOLO_FILTER_CASES));
    return found;
}

[[nodiscard]] Filters filters_of(const Json& configuration) {
    const Json& folders = table().at("folders");
    return Filters({configuration.at("include_frames"), configuration.at("ignore_frames"),
                    folders.at("library_folders"), folders.at("own_folders")});
}

class Filtering : public testing::Test {
  protected:
    // As Python does when it starts: "?" in a glob is a character, and says so by the locale.
    Filtering() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    ~Filtering() override { std::setlocale(LC_CTYPE, "C"); }
};

TEST_F(Filtering, GivesEachPathItsVerdict) {
    ASSERT_GT(table().at("cases").size(), 100U);
    for (const Json& example : table().at("cases")) {
        const std::string name = example.at("configuration");
        const Filters filters = filters_of(table().at("configurations").at(name));
        EXPECT_EQ(filters.accepts(example.at("path")), example.at("recorded").get<bool>())
            << name << ": " << example.at("path") << ": " << example.at("why");
    }
}

TEST_F(Filtering, JudgeAVeryLongPathAsAnyOther) {
    std::string path = "/srv/";
    for (int i = 0; i < 20'000; ++i) {
        path += "folder/";
    }
    const Filters filters({{}, {"*/folder/*/x?y.py"}, {}, {}});
    EXPECT_TRUE(filters.accepts(path + "views.py"));
    EXPECT_FALSE(filters.accepts(path + "x1y.py"));
    EXPECT_FALSE(filters.accepts(path + "site-packages/views.py"));
}

TEST_F(Filtering, JudgeWhatIsNoTextWithoutFailing) {
    const Filters filters({{}, {"a?c.py"}, {}, {}});
    for (const char* path : {"\xff\xfe.py", "/srv/\xc3/views.py", "\xed\xa0\x80", "\x80"}) {
        EXPECT_TRUE(filters.accepts(path)) << path;
    }
}

TEST_F(Filtering, AreNotKeptLongByAPatternOfManyStars) {
    std::string pattern;
    for (int i = 0; i < 40; ++i) {
        pattern += "*a";
    }
    const Filters filters({{}, {pattern + "*b"}, {}, {}});
    EXPECT_TRUE(filters.accepts("/" + std::string(4000, 'a')));
}

}  // namespace
}  // namespace kolo::probe
