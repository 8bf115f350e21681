// The filter's verdict and everything else that is known of a code object, decided once and kept
// with it.
//
// Kept in the code object's extra slot (PEP 523), so that looking it up is one call and freeing the
// code retires it. Under the GIL. A forked child gives every code a new number in its own arena.
#pragma once

#include <Python.h>

#include <cstdint>
#include <vector>

#include "probe/arena.hpp"
#include "probe/filters.hpp"
#include "probe/matching_processors.hpp"
#include "probe/python/code_extra.hpp"
#include "probe/python/qualname.hpp"
#include "probe/python/traceback.hpp"
#include "probe/python/version.hpp"
#include "probe/redaction.hpp"
#include "proto/ids.hpp"

namespace kolo::probe {

struct CodeInfo {
    proto::CodeNumber number = proto::CodeNumber::kUnknown;
    std::uint32_t process =
        0;  // which process (counted over forks) the number belongs to; 0: none yet
    bool can_suspend = false;  // a generator, coroutine or asynchronous generator
    bool result_is_secret = false;
    bool is_recorded = true;  // the filters accept it; otherwise it is here for its processors
    MatchingProcessors processors;
    CodeVariables variables;
    struct Variable {
        bool is_secret = false;
        bool is_fixed = false;  // an argument that the code never assigns
    };
    std::vector<Variable> traits;  // by variable
    bool is_all_fixed = false;     // it has variables, and no others
    CodeExits exits;
    KnownLine raised;
};

/// Gets the slot in code objects; once per process, before the first lookup. False: the interpreter
/// has none left.
[[nodiscard]] bool claim_code_slot() noexcept;

extern Py_ssize_t g_code_slot;
/// Its address stands in the slot of rejected code; never dereferenced.
extern char g_rejected_mark;
inline void* const kRejectedCode = &g_rejected_mark;

/// What find_code() does for a code that it has not seen: asks filters and processors, and keeps
/// the answer.
[[nodiscard]] CodeInfo* decide_code(PyCodeObject* code, const Filters& filters,
                                    const Redaction& redaction) noexcept;

/// What is known of `code`, or null when the filters reject it and no processor matches it. The
/// first call for a code decides.
[[nodiscard]] inline CodeInfo* find_code(PyCodeObject* code, const Filters& filters,
                                         const Redaction& redaction) noexcept {
    void* const extra = code_extra(code, g_code_slot);
    if (extra == nullptr) {
        return decide_code(code, filters, redaction);
    }
    return extra == kRejectedCode ? nullptr : static_cast<CodeInfo*>(extra);
}

/// Gives `info` a number in this process and writes the code's definition into the arena. Slow
/// path: once per code. When there is no room the number is kUnknown, and the arena counts it.
void define_code(CodeInfo& info, PyCodeObject* code, PyObject* globals, Arena& arena,
                 std::uint32_t process, std::uint32_t& next_number) noexcept;

}  // namespace kolo::probe
