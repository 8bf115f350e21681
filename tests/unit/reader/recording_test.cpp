// Contract: an activation's values are told by the names of its variables, and what was left out,
// is the same or was never recorded is told apart.
#include "reader/recording.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reader/trace_json.hpp"
#include "tests/unit/reader/fake_trace.hpp"

namespace kolo::reader::testing {
namespace {

using proto::Omitted;

/// The first activation of a ring, as JSON.
[[nodiscard]] Json first_of(FakeRing& ring, const std::vector<std::string>& codes) {
    const Recording recording(stored_trace({ring.chunk()}, codes));
    ActivationValues values;
    return activation_json(recording, 0, values);
}

[[nodiscard]] Json parsed(const char* text) { return Json::parse(text); }

TEST(ActivationValues, AResultThatWasNotRecordedHasNoKeyAndNoneIsNull) {
    FakeRing unrecorded(1, kTrace);
    EXPECT_FALSE(first_of(unrecorded.start(1).returns(), {"f"}).contains("result"));
    FakeRing none(1, kTrace);
    const Json json = first_of(none.start(1).returns_none(), {"f"});
    ASSERT_TRUE(json.contains("result"));
    EXPECT_EQ(json["result"], nullptr);
    FakeRing raised(1, kTrace);
    EXPECT_FALSE(first_of(raised.start(1).raises(), {"f"}).contains("result"));
}

TEST(ActivationValues, ArgumentsThatWereNotRecordedAreNull) {
    FakeRing ring(1, kTrace);
    EXPECT_EQ(first_of(ring.start(1).returns(), {"f"})["arguments"], nullptr);
}

TEST(ActivationValues, ACallWithoutParametersHasNoArgumentsAndMissesNone) {
    FakeRing ring(1, kTrace);
    auto stored = stored_trace({ring.start(1).returns().chunk()}, {"f"});
    stored.codes[0].argument_count = 0;
    const Recording recording(std::move(stored));
    ActivationValues values;
    EXPECT_EQ(activation_json(recording, 0, values)["arguments"], Json::object());
}

TEST(ActivationValues, AMarkerAtTheEndStandsForEveryVariableThatIsMissing) {
    FakeRing ring(1, kTrace);
    ring.start(1, V().array(2).integer(1).integer(2));
    ring.returns(V().null().add(V().array(2).integer(5).omitted(Omitted::kBytes, 2)));
    EXPECT_EQ(first_of(ring, {"f"})["locals"], parsed(R"({
        "a": 5,
        "b": {"$type": "omitted", "$omitted": {"reason": "bytes"}},
        "c": {"$type": "omitted", "$omitted": {"reason": "bytes"}}})"));
}

TEST(ActivationValues, AMarkerInPlaceOfAllStandsForEach) {
    FakeRing ring(1, kTrace);
    ring.start(1, V().omitted(Omitted::kRingFull)).returns(V().omitted(Omitted::kRingFull));
    const Json json = first_of(ring, {"f"});
    const Json marker = parsed(R"({"$type": "omitted", "$omitted": {"reason": "ring_full"}})");
    EXPECT_EQ(json["arguments"], (Json{{"a", marker}, {"b", marker}}));
    EXPECT_EQ(json["result"], marker);
}

TEST(ActivationValues, AnUnchangedVariableIsItsArgument) {
    FakeRing ring(1, kTrace);
    ring.start(1, V().array(2).text("x").integer(2));
    ring.returns(V().null().add(
        V().array(3).omitted(Omitted::kUnchanged).integer(3).omitted(Omitted::kUnchanged)));
    EXPECT_EQ(first_of(ring, {"f"})["locals"], parsed(R"({
        "a": "x", "b": 3, "c": {"$type": "omitted", "$omitted": {"reason": "unchanged"}}})"))
        << "c is no argument";
}

TEST(ActivationValues, AnExceptionThatCouldNotBeSeenIsNullAndLocalsFollow) {
    FakeRing ring(1, kTrace);
    ring.start(1).raises(V().null().add(V().array(1).integer(1)));
    const Json json = first_of(ring, {"f"});
    EXPECT_EQ(json["outcome"], "raised");
    EXPECT_EQ(json["exception"], nullptr);
    EXPECT_EQ(json["locals"], parsed(R"({"a": 1})"));
}

TEST(ActivationValues, MoreValuesThanNamesAreKept) {
    FakeRing ring(1, kTrace);
    ring.start(99, V().array(2).integer(1).integer(2)).returns();
    EXPECT_EQ(first_of(ring, {"f"})["arguments"], parsed(R"({"variable#0": 1, "variable#1": 2})"));
}

TEST(ActivationValues, MalformedValuesAreSaid) {
    FakeRing ring(1, kTrace);
    ring.start(1, V().raw({0xC1})).returns(V().raw({0xDC, 0xFF}));
    const Json json = first_of(ring, {"f"});
    EXPECT_EQ(json["arguments"]["a"], parsed(R"({"$type": "malformed"})"));
    EXPECT_EQ(json["result"], parsed(R"({"$type": "malformed"})"));
    EXPECT_EQ(json["locals"], nullptr);
}

}  // namespace
}  // namespace kolo::reader::testing
