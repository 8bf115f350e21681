#include "probe/known_names.hpp"

#include "probe/msgpack_writing.hpp"

namespace kolo::probe {

std::array<KnownName, kKnownNames> g_known_names;

const KnownName* learn_name(PyObject* name, Py_hash_t hash, const Redaction& redaction) noexcept {
    if (!is_plain_ascii(name)) {
        return nullptr;
    }
    const std::string_view text = plain_ascii(name);
    if (text.size() >= KnownName::kMostBytes || Redaction::may_hold_secret(text)) {
        return nullptr;
    }
    KnownName& known = g_known_names[static_cast<std::size_t>(hash) % kKnownNames];
    known.redaction = &redaction;
    known.hash = hash;
    known.is_secret = redaction.matches(text);
    std::uint8_t* const begin = known.written.data();
    std::uint8_t* const body = msgpack::put_length(begin, msgpack::Body::kText, text.size(), 1);
    known.bytes = static_cast<std::uint8_t>(1 + text.size());
    text.copy(reinterpret_cast<char*>(body), text.size());
    return &known;
}

}  // namespace kolo::probe
