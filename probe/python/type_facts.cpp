#include "probe/python/type_facts.hpp"

#include <algorithm>

#include "probe/msgpack_writing.hpp"
#include "probe/python/names.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

struct Entry {
    PyTypeObject* type;
    PyObject* qualname;  // renaming a class does not change its version
    unsigned version;    // 0 for a static type, which never goes away
    TypeFacts facts;
};

constexpr std::size_t kEntries = 256;
Entry g_entries[kEntries];  // under the GIL

Entry& entry_of(const PyTypeObject* type) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(type);
    return g_entries[(address >> 4U ^ address >> 12U) % kEntries];
}

bool is_heap_type(const PyTypeObject* type) noexcept {
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
}

/// Never the same for two states of a class; 0 where the interpreter has not given it one.
unsigned version_of(const PyTypeObject* type) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    // A tag from before the last change may still stand there; 3.13 no longer has the flag.
    if ((type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) == 0) {
        return 0;
    }
#endif
    return type->tp_version_tag;
}

PyObject* qualname_of(PyTypeObject* type) noexcept {
    return is_heap_type(type) ? reinterpret_cast<PyHeapTypeObject*>(type)->ht_qualname : nullptr;
}

[[gnu::noinline]] const TypeFacts* learn(Entry& entry, PyTypeObject* type,
                                         unsigned version) noexcept {
    std::array<std::uint8_t, kMaxNameBytes> name;  // NOLINT: only what is written is read
    const std::size_t length = write_type_name(type, name);
    TypeFacts& facts = entry.facts;
    const std::uint32_t head = msgpack::length_bytes(msgpack::Body::kText, length);
    if (head + length > facts.name.size()) {
        return nullptr;
    }
    entry.type = type;
    entry.qualname = qualname_of(type);
    entry.version = version;
    facts.kind = stdlib_kind(type);
    facts.base = builtin_base(type);
    facts.is_plain =
        is_heap_type(type) && facts.kind == StdlibKind::kNone && facts.base == nullptr &&
        (type->tp_flags & (Py_TPFLAGS_TYPE_SUBCLASS | Py_TPFLAGS_BASE_EXC_SUBCLASS)) == 0;
    facts.has_slots_read = read_slots(type, facts.slots);
    facts.name_bytes = static_cast<std::uint8_t>(head + length);
    std::copy_n(name.begin(), length,
                msgpack::put_length(facts.name.data(), msgpack::Body::kText, length, head));
    return &facts;
}

}  // namespace

const TypeFacts* known_facts(PyTypeObject* type) noexcept {
    if (!KOLO_PYTHON_IS_KNOWN) {
        return nullptr;
    }
    const unsigned version = is_heap_type(type) ? version_of(type) : 0;
    if (is_heap_type(type) && version == 0) {
        return nullptr;
    }
    Entry& entry = entry_of(type);
    if (entry.type == type && entry.version == version && entry.qualname == qualname_of(type)) {
        return &entry.facts;
    }
    return learn(entry, type, version);
}

}  // namespace kolo::probe
