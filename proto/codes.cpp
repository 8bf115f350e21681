#include "proto/codes.hpp"

#include <msgpack.hpp>

#include "proto/msgpack_reading.hpp"

namespace kolo::proto {

namespace {

constexpr std::uint32_t kFields = 7;

void pack_fields(msgpack::packer<msgpack::sbuffer>& packer, const CodeDefinition& code,
                 std::size_t variables) {
    packer.pack_array(kFields);
    packer.pack(code.name);
    if (code.qualname) {
        packer.pack(*code.qualname);
    } else {
        packer.pack_nil();
    }
    packer.pack(code.path);
    packer.pack(code.first_line);
    packer.pack(code.flags);
    packer.pack(code.argument_count);
    packer.pack_array(static_cast<std::uint32_t>(variables));
    for (std::size_t i = 0; i < variables; ++i) {
        packer.pack(code.variables[i]);
    }
}

[[nodiscard]] std::optional<CodeDefinition> decode_fields(Bytes bytes) {
    const auto handle = unpack_bounded(bytes);
    if (!handle || !is_array(&handle->get()) || handle->get().via.array.size < kFields) {
        return std::nullopt;
    }
    const msgpack::object* field = handle->get().via.array.ptr;
    CodeDefinition code;
    if (!read(&field[0], code.name) || !read(&field[1], code.qualname) ||
        !read(&field[2], code.path) || !read(&field[3], code.first_line) ||
        !read(&field[4], code.flags) || !read(&field[5], code.argument_count) ||
        !is_array(&field[6])) {
        return std::nullopt;
    }
    code.variables.resize(field[6].via.array.size);
    for (std::uint32_t i = 0; i < field[6].via.array.size; ++i) {
        if (!read(&field[6].via.array.ptr[i], code.variables[i])) {
            return std::nullopt;
        }
    }
    return code;
}

}  // namespace

std::vector<std::uint8_t> encode_code(const CodeDefinition& definition) {
    msgpack::sbuffer body;
    for (std::size_t variables = definition.variables.size();; variables /= 2) {
        body.clear();
        msgpack::packer<msgpack::sbuffer> packer(body);
        pack_fields(packer, definition, variables);
        if (variables == 0 || body.size() + sizeof(CodeEntryHead) + 7 <= kMaxCodeEntryBytes) {
            break;
        }
    }
    const CodeEntryHead head{
        align8(static_cast<std::uint32_t>(sizeof(CodeEntryHead) + body.size())),
        to_integer(definition.number)};
    std::vector<std::uint8_t> entry(head.bytes, 0);
    store(entry.data(), head);
    std::memcpy(entry.data() + sizeof head, body.data(), body.size());
    return entry;
}

DecodedCodes decode_codes(Bytes bytes) {
    DecodedCodes result;
    while (bytes.size() - result.bytes >= sizeof(CodeEntryHead)) {
        const Bytes left = bytes.subspan(result.bytes);
        const auto head = load<CodeEntryHead>(left, 0);
        if (head.bytes < sizeof(CodeEntryHead) || head.bytes % 8 != 0 ||
            head.bytes > kMaxCodeEntryBytes || head.number == to_integer(CodeNumber::kUnknown)) {
            result.broken = true;
            return result;
        }
        if (head.bytes > left.size()) {
            return result;
        }
        auto code = decode_fields(left.subspan(sizeof head, head.bytes - sizeof head));
        if (!code) {
            result.broken = true;
            return result;
        }
        code->number = CodeNumber{head.number};
        result.definitions.push_back(std::move(*code));
        result.bytes += head.bytes;
    }
    return result;
}

}  // namespace kolo::proto
