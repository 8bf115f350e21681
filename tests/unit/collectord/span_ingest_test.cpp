// What becomes of span records: rows, never part of a chunk, whatever their payload says.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>

#include "collectord/ingest.hpp"
#include "fake_probe.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

using proto::RecordKind;

constexpr SessionId kSession{1};
constexpr std::string_view kNone;

/// A msgpack array of short texts (kNone: nil) and an empty map.
[[nodiscard]] std::vector<std::uint8_t> told(std::initializer_list<std::string_view> texts) {
    std::vector<std::uint8_t> payload = {static_cast<std::uint8_t>(0x91 + texts.size())};
    for (const std::string_view text : texts) {
        payload.push_back(text.data() == nullptr ? 0xC0
                                                 : static_cast<std::uint8_t>(0xA0 + text.size()));
        payload.insert(payload.end(), text.begin(), text.end());
    }
    payload.push_back(0x80);
    return payload;
}

class SpanIngest : public testing::Test {
  protected:
    void SetUp() override {
        probe.traces = {image_of(1, "GET /")};
        static_cast<void>(ingest.hello(kSession, probe.hello(), 4711));
    }
    void send_and_commit() {
        probe.rings = {ring};
        for (const Frames& message : probe.messages({})) {
            const auto wrong = ingest.received(kSession, probe.id, message);
            ASSERT_FALSE(wrong) << *wrong;
        }
        static_cast<void>(ingest.commit());
    }
    [[nodiscard]] std::string text(const std::string& query) { return text_in(database, query); }

    SQLite::Database database = memory_store();
    Ingest ingest{database};
    FakeProbe probe;
    FakeRing ring{1, 1};
};

TEST_F(SpanIngest, ASpanIsARowInTheActivationItBeganIn) {
    const auto call = ring.start(1);
    const auto begin =
        ring.span(RecordKind::kSpanStart, 7, told({"sql", "start_sql_query", kNone, "SELECT"}));
    const auto end = ring.span(RecordKind::kSpanEnd, 7, told({"end_sql_query", "S 1", "returned"}));
    ring.finish(call);
    send_and_commit();
    EXPECT_EQ(text("SELECT format('%d %d.%d %s %s %s %s %s %s', number, ring, ordinal, kind, type, "
                   "end_type, name, outcome, hex(data || end_data)) FROM span"),
              "7 1.0 sql start_sql_query end_sql_query S 1 returned 8080");
    EXPECT_EQ(text("SELECT format('%d %d', start_ns, duration_ns) FROM span"),
              std::to_string(begin - 1'000'000) + " " + std::to_string(end - begin));
    EXPECT_EQ(text("SELECT format('%d %d', events, stored) FROM chunk JOIN trace ON trace_key = "
                   "trace.key"),
              "2 2")
        << "the call, and no event of the span";
}

TEST_F(SpanIngest, AnOpenSpanHasNoDurationAndAPointHasNone) {
    static_cast<void>(ring.span(RecordKind::kSpanStart, 1, told({"http", "a", "b", kNone})));
    static_cast<void>(ring.span(RecordKind::kSpanPoint, 2, told({"log", "a", kNone, "x"})));
    send_and_commit();
    EXPECT_EQ(text("SELECT group_concat(format('%s %s', kind, ifnull(duration_ns, 'open')), ', ') "
                   "FROM (SELECT * FROM span ORDER BY number)"),
              "http open, log 0");
}

TEST_F(SpanIngest, AnEndMayComeWithALaterCommit) {
    static_cast<void>(ring.span(RecordKind::kSpanStart, 1, told({"http", "a", "b", kNone})));
    send_and_commit();
    static_cast<void>(ring.span(RecordKind::kSpanEnd, 1, told({"b", kNone, "raised"})));
    ingest.disconnected(kSession, probe.id);
    static_cast<void>(ingest.hello(kSession, probe.hello(), 4711));
    send_and_commit();
    EXPECT_EQ(text("SELECT format('%s %d', outcome, count(*)) FROM span"), "raised 1")
        << "what was stored is sent again, and stored once";
}

TEST_F(SpanIngest, AnEndThatComesWithItsStartSentAgainCounts) {
    static_cast<void>(ring.span(RecordKind::kSpanStart, 1, told({"request", "a", kNone, "GET /"})));
    send_and_commit();
    static_cast<void>(ring.span(RecordKind::kSpanEnd, 1, told({"b", "200 GET /", "returned"})));
    probe.rings = {ring};
    database.exec("DELETE FROM ring");  // as if how far it had come was not stored
    Ingest successor{database};
    static_cast<void>(successor.hello(kSession, probe.hello(), 4711));
    for (const Frames& message : probe.messages({})) {
        static_cast<void>(successor.received(kSession, probe.id, message));
    }
    static_cast<void>(successor.commit());
    EXPECT_EQ(text("SELECT format('%s %s %d', name, outcome, count(*)) FROM span"),
              "200 GET / returned 1");
}

TEST_F(SpanIngest, HostilePayloadsAreNoSpans) {
    const auto call = ring.start(1);
    for (const std::vector<std::uint8_t>& payload : {std::vector<std::uint8_t>{},
                                                     {0x95},
                                                     {0x95, 0xA5, 'a'},
                                                     {0xDD, 0xFF, 0xFF, 0xFF, 0xFF},
                                                     {0x80},
                                                     std::vector<std::uint8_t>(200, 0x91),
                                                     {0x94, 0xC0, 0xC0, 0xC0, 0x80}}) {
        static_cast<void>(ring.span(RecordKind::kSpanStart, 1, payload));
        static_cast<void>(ring.span(RecordKind::kSpanEnd, 1, payload));
    }
    ring.finish(call);
    send_and_commit();
    EXPECT_EQ(text("SELECT count(*) FROM span"), "0");
    EXPECT_EQ(text("SELECT stored FROM trace"), "2") << "the calls around them are";
}

}  // namespace
}  // namespace kolo::collectord::test
