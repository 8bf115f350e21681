// Contract: a recorded value reads the same as JSON for programs and as Python-like text for
// people; what was left out is marked in both, and bytes that are no values are malformed, never a
// crash.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "reader/value_json.hpp"
#include "reader/value_parts.hpp"
#include "reader/value_text.hpp"
#include "tests/unit/reader/fake_trace.hpp"

namespace kolo::reader::testing {
namespace {

using proto::Omitted;
using proto::Tag;

struct Case {
    const char* name;
    V value;
    const char* json;
    const char* text;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

[[nodiscard]] std::string text_of(const V& value, std::size_t columns = ColumnWriter::kUnlimited,
                                  ClassNames names = ClassNames::kShort) {
    ValueTree tree;
    parse_values(value.payload(), tree);
    std::string text;
    ColumnWriter writer(text, columns);
    write_value(writer, tree, 0, names);
    return text;
}

[[nodiscard]] Json json_value(const V& value) {
    ValueTree tree;
    parse_values(value.payload(), tree);
    return json_of(tree, 0);
}

class Values : public ::testing::TestWithParam<Case> {};

TEST_P(Values, ReadAsJsonAndAsText) {
    EXPECT_EQ(Json::parse(dump(json_value(GetParam().value))), Json::parse(GetParam().json));
    EXPECT_EQ(text_of(GetParam().value), GetParam().text);
}

const V kUuidBytes = V().bytes(
    std::string_view("\x01\x23\x45\x67\x89\xab\xcd\xef\x00\x11\x22\x33\x44\x55\x66\x77", 16));

const std::vector<Case> kCases = {
    {"None", V().null(), "null", "None"},
    {"True", V().boolean(true), "true", "True"},
    {"Int", V().integer(-3), "-3", "-3"},
    {"GreatestSigned", V().integer(INT64_MAX), "9223372036854775807", "9223372036854775807"},
    {"GreatestUnsigned", V().unsigned_integer(UINT64_MAX), "18446744073709551615",
     "18446744073709551615"},
    {"WholeFloat", V().number(3.0), "3.0", "3.0"},
    {"Float", V().number(0.1), "0.1", "0.1"},
    {"NotANumber", V().number(std::numeric_limits<double>::quiet_NaN()),
     R"({"$type":"float","value":"nan"})", "nan"},
    {"Infinite", V().number(-std::numeric_limits<double>::infinity()),
     R"({"$type":"float","value":"-inf"})", "-inf"},
    {"Text", V().text("it's"), R"("it's")", "\"it's\""},
    {"TextWithBothMarks", V().text("'\""), R"("'\"")", R"('\'"')"},
    {"TextWithControls", V().text("a\n\x1b[31m\xC2\x9B"), R"("a\n\u001b[31m\u009b")",
     R"('a\n\x1b[31m\x9b')"},
    {"TextThatTurnsAround", V().text("\u202Eabc"), R"("\u202eabc")", R"('\u202eabc')"},
    {"TextThatIsNoUtf8", V().text("a\xFFz"), R"("a\ufffdz")", R"('a\xffz')"},
    {"Bytes", V().bytes(std::string_view("a\0\xFF'", 4)),
     R"({"$type":"bytes","base64":"YQD/Jw=="})", R"(b'a\x00\xff\'')"},
    {"EmptyBytes", V().bytes(""), R"({"$type":"bytes","base64":""})", "b''"},
    {"List", V().array(2).integer(1).text("x"), R"([1,"x"])", "[1, 'x']"},
    {"EmptyList", V().array(0), "[]", "[]"},
    {"CutList", V().array(2).integer(1).omitted(Omitted::kItems, 4983),
     R"({"$type":"list","items":[1],"$omitted":{"reason":"items","count":4983}})",
     "[1, … + 4 983 items]"},
    {"ListWhoseLastItemIsTooDeep", V().array(2).integer(1).omitted(Omitted::kDepth),
     R"([1,{"$type":"omitted","$omitted":{"reason":"depth"}}])", "[1, ‹too deep›]"},
    {"Dict", V().map(1).text("a").integer(1), R"({"a":1})", "{'a': 1}"},
    {"DictWithOtherKeys", V().map(2).integer(1).text("x").null().text("y"),
     R"({"$type":"dict","items":[[1,"x"],[null,"y"]]})", "{1: 'x', None: 'y'}"},
    {"DictWithOurKeys", V().map(1).text("$type").text("x"),
     R"({"$type":"dict","items":[["$type","x"]]})", "{'$type': 'x'}"},
    {"DictWithAKeyTwice", V().map(2).text("a").integer(1).text("a").integer(2),
     R"({"$type":"dict","items":[["a",1],["a",2]]})", "{'a': 1, 'a': 2}"},
    {"CutDict", V().map(2).text("a").integer(1).omitted(Omitted::kItems, 7).null(),
     R"({"$type":"dict","items":[["a",1]],"$omitted":{"reason":"items","count":7}})",
     "{'a': 1, … + 7 items}"},
    {"RedactedValue", V().map(1).text("password").omitted(Omitted::kRedacted),
     R"({"password":{"$type":"omitted","$omitted":{"reason":"redacted"}}})",
     "{'password': ‹redacted›}"},
    {"Tuple", V().tagged(Tag::kTuple, 2).integer(1).integer(2),
     R"({"$type":"tuple","items":[1,2]})", "(1, 2)"},
    {"TupleOfOne", V().tagged(Tag::kTuple, 1).integer(1), R"({"$type":"tuple","items":[1]})",
     "(1,)"},
    {"EmptyTuple", V().tagged(Tag::kTuple, 0), R"({"$type":"tuple","items":[]})", "()"},
    {"Set", V().tagged(Tag::kSet, 1).integer(1), R"({"$type":"set","items":[1]})", "{1}"},
    {"EmptySet", V().tagged(Tag::kSet, 0), R"({"$type":"set","items":[]})", "set()"},
    {"FrozenSet", V().tagged(Tag::kFrozenSet, 1).integer(1), R"({"$type":"frozenset","items":[1]})",
     "frozenset({1})"},
    {"EmptyFrozenSet", V().tagged(Tag::kFrozenSet, 0), R"({"$type":"frozenset","items":[]})",
     "frozenset()"},
    {"CutTuple", V().tagged(Tag::kTuple, 2).integer(1).omitted(Omitted::kItems, 2),
     R"({"$type":"tuple","items":[1],"$omitted":{"reason":"items","count":2}})",
     "(1, … + 2 items)"},
    {"Object",
     V().tagged(Tag::kObject, 2)
         .text("catalog.models.Product")
         .map(2)
         .text("id")
         .integer(3)
         .omitted(Omitted::kAttributes, 4)
         .null(),
     R"({"$type":"object","class":"catalog.models.Product","attributes":{"id":3},"$omitted":{"reason":"attributes","count":4}})",
     "Product(id=3, … + 4 attributes)"},
    {"ObjectWithoutAttributes", V().tagged(Tag::kObject, 1).text("socket.socket"),
     R"({"$type":"object","class":"socket.socket"})", "<socket>"},
    {"ObjectThatIsEmpty", V().tagged(Tag::kObject, 2).text("app.Empty").map(0),
     R"({"$type":"object","class":"app.Empty","attributes":{}})", "Empty()"},
    {"BigInt", V().tagged(Tag::kBigInt, 1).bytes(std::string_view("\x01\0\0\0\0\0\0\0\0", 9)),
     R"({"$type":"int","digits":"18446744073709551616"})", "18446744073709551616"},
    {"NegativeBigInt",
     V().tagged(Tag::kBigInt, 1).bytes(std::string_view("\xFF\0\0\0\0\0\0\0\0", 9)),
     R"({"$type":"int","digits":"-18446744073709551616"})", "-18446744073709551616"},
    {"Complex", V().tagged(Tag::kComplex, 2).number(1).number(-2.5),
     R"({"$type":"complex","real":1.0,"imag":-2.5})", "(1.0-2.5j)"},
    {"ByteArray", V().tagged(Tag::kByteArray, 1).bytes("ab"),
     R"({"$type":"bytearray","base64":"YWI="})", "bytearray(b'ab')"},
    {"CutText", V().tagged(Tag::kText, 2).text("äb").integer(4000),
     R"({"$type":"str","value":"äb","length":4000,"$omitted":{"reason":"length","count":3998}})",
     "'äb'…(4 000 characters)"},
    {"CutBytes", V().tagged(Tag::kBytes, 2).bytes("ab").integer(10),
     R"({"$type":"bytes","base64":"YWI=","length":10,"$omitted":{"reason":"length","count":8}})",
     "b'ab'…(10 bytes)"},
    {"Surrogates", V().tagged(Tag::kSurrogates, 1).bytes("a\xED\xB2\x80"),
     R"({"$type":"str","surrogatepass":"Ye2ygA=="})", R"('a\udc80')"},
    {"Type", V().tagged(Tag::kType, 1).text("app.Product"),
     R"({"$type":"type","name":"app.Product"})", "<class Product>"},
    {"Function", V().tagged(Tag::kFunction, 1).text("app.Product.save"),
     R"({"$type":"function","name":"app.Product.save"})", "<function save>"},
    {"Module", V().tagged(Tag::kModule, 1).text("os.path"),
     R"({"$type":"module","name":"os.path"})", "<module os.path>"},
    {"DateTime",
     V().tagged(Tag::kDateTime, 9)
         .integer(2026)
         .integer(1)
         .integer(2)
         .integer(3)
         .integer(4)
         .integer(5)
         .integer(6)
         .integer(1)
         .text("datetime.timezone"),
     R"({"$type":"datetime","value":"2026-01-02T03:04:05.000006","fold":1,"zone":"datetime.timezone"})",
     "datetime(2026-01-02T03:04:05.000006 datetime.timezone, fold=1)"},
    {"Date", V().tagged(Tag::kDate, 3).integer(2026).integer(1).integer(2),
     R"({"$type":"date","value":"2026-01-02"})", "date(2026-01-02)"},
    {"Time",
     V().tagged(Tag::kTime, 6).integer(3).integer(4).integer(5).integer(0).integer(0).null(),
     R"({"$type":"time","value":"03:04:05"})", "time(03:04:05)"},
    {"TimeDelta", V().tagged(Tag::kTimeDelta, 3).integer(-1).integer(5).integer(0),
     R"({"$type":"timedelta","days":-1,"seconds":5,"microseconds":0})",
     "timedelta(days=-1, seconds=5, microseconds=0)"},
    {"Decimal", V().tagged(Tag::kDecimal, 1).text("1.10"), R"({"$type":"Decimal","value":"1.10"})",
     "Decimal('1.10')"},
    {"Uuid", V().tagged(Tag::kUuid, 1).add(kUuidBytes),
     R"({"$type":"UUID","value":"01234567-89ab-cdef-0011-223344556677"})",
     "UUID('01234567-89ab-cdef-0011-223344556677')"},
    {"Subclass",
     V().tagged(Tag::kSubclass, 2).text("collections.OrderedDict").map(1).text("a").integer(1),
     R"({"$type":"subclass","class":"collections.OrderedDict","value":{"a":1}})",
     "OrderedDict({'a': 1})"},
    {"Exception", V().tagged(Tag::kException, 2).text("builtins.ValueError").array(1).text("no"),
     R"({"$type":"exception","class":"builtins.ValueError","args":["no"],"message":"no","line":null,
         "cause":null,"context":null})",
     "ValueError('no')"},
    {"ExceptionThatLeftAnActivation",
     V().tagged(Tag::kException, 6)
         .text("shop.SoldOut")
         .array(2)
         .text("tea")
         .integer(7)
         .integer(12)
         .map(1)
         .text("code")
         .integer(3)
         .null()
         .tagged(Tag::kException, 5)
         .text("KeyError")
         .array(1)
         .text("k")
         .null()
         .null()
         .omitted(Omitted::kCycle),
     R"({"$type":"exception","class":"shop.SoldOut","args":["tea",7],"message":"tea","line":12,
         "cause":null,"context":
         {"$type":"exception","class":"KeyError","args":["k"],"message":"k","line":null,
          "cause":{"$type":"omitted","$omitted":{"reason":"cycle"}},"context":null},
         "attributes":{"code":3}})",
     "SoldOut('tea', 7, code=3) at line 12, while handling KeyError('k'), from ‹cycle›"},
    {"ExceptionWithTwoTexts", V().tagged(Tag::kException, 2).text("E").array(2).text("a").text("b"),
     R"({"$type":"exception","class":"E","args":["a","b"],"message":null,"line":null,"cause":null,
         "context":null})",
     "E('a', 'b')"},
    {"ExceptionWhoseMessageWasCut",
     V().tagged(Tag::kException, 2).text("E").array(1).tagged(Tag::kText, 2).text("no").integer(9),
     R"({"$type":"exception","class":"E",
         "args":[{"$type":"str","value":"no","length":9,"$omitted":{"reason":"length","count":7}}],
         "message":{"$type":"str","value":"no","length":9,"$omitted":{"reason":"length","count":7}},
         "line":null,"cause":null,"context":null})",
     "E('no'…(9 characters))"},
    {"EnumMember", V().tagged(Tag::kEnum, 3).text("shop.Size").text("LARGE").integer(3),
     R"({"$type":"enum","class":"shop.Size","name":"LARGE","value":3})", "<Size.LARGE: 3>"},
    {"EnumMemberWithoutAName", V().tagged(Tag::kEnum, 3).text("shop.Flags").null().integer(3),
     R"({"$type":"enum","class":"shop.Flags","name":null,"value":3})", "<Flags: 3>"},
    {"Path", V().tagged(Tag::kPath, 2).text("pathlib.PosixPath").text("/srv/tea"),
     R"({"$type":"path","class":"pathlib.PosixPath","value":"/srv/tea"})", "PosixPath('/srv/tea')"},
    {"Repr", V().tagged(Tag::kRepr, 2).text("shop.Tea").text("<Tea: 'Assam'\x1b[2J>"),
     R"({"$type":"repr","class":"shop.Tea","text":"<Tea: 'Assam'\u001b[2J>"})",
     "<Tea: 'Assam'\\x1b[2J>"},
    {"ReprThatWasCut",
     V().tagged(Tag::kRepr, 2).text("shop.Tea").tagged(Tag::kText, 2).text("<Te").integer(9),
     R"({"$type":"repr","class":"shop.Tea","text":
         {"$type":"str","value":"<Te","length":9,"$omitted":{"reason":"length","count":6}}})",
     "<Te…(9 characters)"},
    {"ReprThatWasTooSlow", V().tagged(Tag::kRepr, 2).text("shop.Tea").omitted(Omitted::kReprSlow),
     R"({"$type":"repr","class":"shop.Tea","text":
         {"$type":"omitted","$omitted":{"reason":"repr_slow"}}})",
     "<Tea ‹its repr was too slow›>"},
    {"Omission", V().omitted(Omitted::kCycle),
     R"({"$type":"omitted","$omitted":{"reason":"cycle"}})", "‹cycle›"},
    {"OmissionOfALaterVersion", V().extension(proto::kOmittedType, "\x63"),
     R"({"$type":"omitted","$omitted":{"reason":"reason#99"}})", "‹reason#99›"},
    {"TagOfALaterVersion", V().tagged(Tag{99}, 1).integer(1), R"({"$type":"tag#99","items":[1]})",
     "tag#99(1)"},
    {"ExtensionOfALaterVersion", V().extension(42, "ab"),
     R"({"$type":"extension#42","base64":"YWI="})", "‹extension#42›"},
    {"TagThatIsNotFirst", V().array(2).integer(1).extension(proto::kTagType, "\x01"),
     R"([1,{"$type":"extension#1","base64":"AQ=="}])", "[1, ‹extension#1›]"},
    {"TagWithoutItsParts", V().tagged(Tag::kDate, 1).text("x"),
     R"({"$type":"malformed","items":["x"],"tag":"date"})", "‹malformed date›('x')"},
    {"UuidOfOtherLength", V().tagged(Tag::kUuid, 1).bytes("ab"),
     R"({"$type":"malformed","items":[{"$type":"bytes","base64":"YWI="}],"tag":"UUID"})",
     "‹malformed UUID›(b'ab')"},
    {"CutOff", V().array(3).integer(1), R"({"$type":"malformed"})", "‹malformed›"},
    {"AnnouncesFourBillionItems", V().raw({0xDD, 0xFF, 0xFF, 0xFF, 0xFF}),
     R"({"$type":"malformed"})", "‹malformed›"},
    {"NoMessagePack", V().raw({0xC1}), R"({"$type":"malformed"})", "‹malformed›"},
};

INSTANTIATE_TEST_SUITE_P(All, Values, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

/// A parsed value, told as proto/vectors/values.json tells it.
[[nodiscard]] Json told(const ValueTree& tree, std::uint32_t node) {
    const ValueNode& value = tree[node];
    Json parts = Json::array();
    for (const std::uint32_t part : parts_of(tree, node)) {
        parts.push_back(told(tree, part));
    }
    if (value.kind == ValueKind::kList) {
        return parts;
    }
    if (value.kind == ValueKind::kMap) {
        Json pairs = Json::array();
        for (std::size_t i = 0; i < parts.size(); i += 2) {
            pairs.push_back({parts[i], parts[i + 1]});
        }
        return {{"map", pairs}};
    }
    if (value.kind == ValueKind::kTagged) {
        const bool is_known = value.detail < proto::kTagNames.size();
        return {{"tag", is_known ? Json(tag_name(value.detail)) : Json(value.detail)},
                {"content", parts}};
    }
    if (value.kind == ValueKind::kOmission) {
        const bool is_known = value.detail < proto::kOmittedNames.size();
        Json json = {{"omitted", is_known ? Json(omission_reason(value)) : Json(value.detail)}};
        if (value.is_counted) {
            json["count"] = value.magnitude;
        }
        return json;
    }
    if (value.kind == ValueKind::kBytes) {
        std::string hex;
        for (const char c : value.text) {
            hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
        }
        return {{"bytes", hex}};
    }
    return json_of(tree, node);
}

TEST(ValueTree, ReadsTheTestVectors) {
    std::ifstream file(KOLO_VECTORS "/values.json");
    const Json vectors = Json::parse(file);
    ASSERT_FALSE(vectors["cases"].empty());
    for (const Json& vector : vectors["cases"]) {
        const auto hex = vector["hex"].get<std::string>();
        Payload payload;
        for (std::size_t i = 0; i < hex.size(); i += 2) {
            payload.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
        }
        ValueTree tree;
        parse_values(payload, tree);
        EXPECT_EQ(nlohmann::json(told(tree, 0)), nlohmann::json(vector["value"])) << vector["name"];
        EXPECT_EQ(dump(json_of(tree, 0)).find("malformed"), std::string::npos) << vector["name"];
    }
}

TEST(ValueTree, DeeperThanAnyProbeWritesIsMalformedAndNotAStackOverflow) {
    V deep;
    for (int i = 0; i < 60'000; ++i) {
        deep.array(1);
    }
    deep.null();
    EXPECT_EQ(text_of(deep), "‹malformed›");
    EXPECT_EQ(json_value(deep), Json::parse(R"({"$type":"malformed"})"));

    V fair;
    for (std::uint32_t i = 0; i < kMaxValueDepth; ++i) {
        fair.array(1);
    }
    fair.null();
    EXPECT_THAT(text_of(fair), ::testing::StartsWith("[[[["));
}

TEST(ValueTree, EveryCutAndFlippedByteIsSurvived) {
    V all;
    all.array(static_cast<std::uint32_t>(kCases.size()));
    for (const Case& one : kCases) {
        ValueTree tree;
        parse_values(one.value.payload(), tree);
        all.add(tree.nodes.back().kind == ValueKind::kMalformed ? V().null() : one.value);
    }
    const Payload whole = all.payload();
    ValueTree tree;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const unsigned flip : {0x01U, 0x10U, 0x80U, 0xFFU}) {
            Payload damaged = whole;
            damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
            parse_values(damaged, tree);
            for (const std::uint32_t root : tree.roots) {
                std::string text;
                ColumnWriter writer(text, ColumnWriter::kUnlimited);
                write_value(writer, tree, root, ClassNames::kFull);
                EXPECT_FALSE(dump(json_of(tree, root)).empty());
            }
        }
        parse_values(proto::Bytes(whole).first(i), tree);
    }
}

TEST(ValueText, IsCutToItsColumns) {
    V list;
    list.array(100);
    for (int i = 0; i < 100; ++i) {
        list.text("word");
    }
    for (std::size_t columns = 1; columns < 60; ++columns) {
        const std::string text = text_of(list, columns);
        EXPECT_EQ(columns_of(text), columns) << text;
        EXPECT_TRUE(text.ends_with("…")) << text;
    }
    EXPECT_EQ(text_of(V().text("日本語"), 6), "'日本…");
}

TEST(ValueText, GivesClassNamesInFullWhereAsked) {
    const V product = V().tagged(Tag::kObject, 2).text("catalog.models.Product").map(0);
    EXPECT_EQ(text_of(product, ColumnWriter::kUnlimited, ClassNames::kFull),
              "catalog.models.Product()");
}

TEST(ValueText, AWholeValueTakesALineAPartWhereOneLineIsTooShort) {
    ValueTree tree;
    const V value = V().map(2)
                        .text("short")
                        .integer(1)
                        .text("long")
                        .array(3)
                        .text("aaaaaaaaaa")
                        .text("bbbbbbbbbb")
                        .text("cccccccccc");
    parse_values(value.payload(), tree);
    std::string text = "    v = ";
    append_whole_value(text, {&tree, 0}, 40, 4, 8);
    EXPECT_EQ(text,
              "    v = {\n"
              "        'short': 1,\n"
              "        'long': [\n"
              "            'aaaaaaaaaa',\n"
              "            'bbbbbbbbbb',\n"
              "            'cccccccccc',\n"
              "        ],\n"
              "    }");
}

TEST(ValueParts, DigitsOfIntegersOfAnySize) {
    EXPECT_EQ(decimal_digits(std::string_view("\x00", 1)), "0");
    EXPECT_EQ(decimal_digits(""), "0");
    EXPECT_EQ(decimal_digits("\x7F"), "127");
    EXPECT_EQ(decimal_digits("\xFF"), "-1");
    EXPECT_EQ(decimal_digits("\x80"), "-128");
    EXPECT_EQ(decimal_digits(std::string_view("\x0D\xE0\xB6\xB3\xA7\x64\x00\x00", 8)),
              "1000000000000000000");
    EXPECT_TRUE(decimal_digits(std::string(5000, '\x01')).starts_with("0x0101"));
}

}  // namespace
}  // namespace kolo::reader::testing
