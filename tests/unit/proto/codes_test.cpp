#include "proto/codes.hpp"

#include <gtest/gtest.h>

namespace kolo::proto {
namespace {

TEST(Codes, AreBoundedByLeavingVariablesAwayFromTheEnd) {
    CodeDefinition code;
    code.number = CodeNumber{1};
    code.name = "generated";
    code.path = "generated.py";
    for (int i = 0; i < 20'000; ++i) {
        code.variables.push_back("variable_" + std::to_string(i));
    }
    const auto entry = encode_code(code);
    EXPECT_LE(entry.size(), kMaxCodeEntryBytes);
    const DecodedCodes decoded = decode_codes(entry);
    ASSERT_EQ(decoded.definitions.size(), 1U);
    const auto& variables = decoded.definitions[0].variables;
    EXPECT_GT(variables.size(), 100U);
    EXPECT_LT(variables.size(), code.variables.size());
    EXPECT_TRUE(std::equal(variables.begin(), variables.end(), code.variables.begin()));
}

TEST(Codes, EveryEntryIsWholeWords) {
    for (std::size_t length = 0; length < 20; ++length) {
        CodeDefinition code;
        code.number = CodeNumber{7};
        code.name.assign(length, 'x');
        const auto entry = encode_code(code);
        EXPECT_EQ(entry.size() % 8, 0U);
        const DecodedCodes decoded = decode_codes(entry);
        ASSERT_EQ(decoded.definitions.size(), 1U);
        EXPECT_EQ(decoded.definitions[0], code);
    }
}

}  // namespace
}  // namespace kolo::proto
