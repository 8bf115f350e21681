#include "probe/codes.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "probe/greenlet.hpp"
#include "probe/processors.hpp"
#include "probe/text.hpp"
#include "proto/codes.hpp"

namespace kolo::probe {

namespace {

void free_info(void* extra) noexcept {
    if (extra != kRejectedCode) {
        const std::unique_ptr<CodeInfo> info(static_cast<CodeInfo*>(extra));
    }
}

[[nodiscard]] std::unique_ptr<CodeInfo> examine(PyCodeObject* code, const Redaction& redaction) {
    auto info = std::make_unique<CodeInfo>();
    info->can_suspend = (code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0;
    info->result_is_secret = redaction.matches(text_of(code->co_name));
    info->variables = code_variables(code);
    const CodeVariables& variables = info->variables;
    for (std::size_t i = 0; i < variables.names.size(); ++i) {
        info->traits.push_back({redaction.matches(text_of(variables.names[i])),
                                i < variables.is_fixed.size() && variables.is_fixed[i]});
    }
    info->is_all_fixed = !info->traits.empty() &&
                         std::all_of(info->traits.begin(), info->traits.end(),
                                     [](const auto& variable) { return variable.is_fixed; });
    info->exits = CodeExits::read(code);
    return info;
}

/// "module.qualname", as far as it can be known without running code.
[[nodiscard]] std::optional<std::string> qualified_name(PyCodeObject* code, PyObject* globals) {
    PyObject* module = nullptr;
    if (globals != nullptr && PyDict_CheckExact(globals)) {
        module = PyDict_GetItemString(globals, "__name__");  // borrowed
    }
    if (module == nullptr || !PyUnicode_CheckExact(module)) {
        return std::nullopt;
    }
    const std::optional<std::string> name = code_qualname(code, globals);
    if (!name) {
        return std::nullopt;
    }
    return text_of(module) + "." + *name;
}

[[nodiscard]] proto::CodeDefinition describe(const CodeInfo& info, PyCodeObject* code,
                                             PyObject* globals) {
    proto::CodeDefinition definition;
    definition.name = text_of(code->co_name);
    definition.qualname = qualified_name(code, globals);
    definition.path = text_of(code->co_filename);
    definition.first_line = static_cast<std::uint32_t>(code->co_firstlineno);
    definition.flags = static_cast<std::uint32_t>(code->co_flags);
    definition.argument_count = info.variables.argument_count;
    for (PyObject* name : info.variables.names) {
        definition.variables.push_back(text_of(name));
    }
    return definition;
}

}  // namespace

char g_rejected_mark;
Py_ssize_t g_code_slot = -1;

bool claim_code_slot() noexcept {
    if (g_code_slot < 0) {
        g_code_slot = PyUnstable_Eval_RequestCodeExtraIndex(free_info);
    }
    return g_code_slot >= 0;
}

CodeInfo* decide_code(PyCodeObject* code, const Filters& filters,
                      const Redaction& redaction) noexcept {
    auto* object = reinterpret_cast<PyObject*>(code);
    try {
        const std::string path = text_of(code->co_filename);
        notice_greenlets(path);
        const bool is_accepted = filters.accepts(path);
        MatchingProcessors processors = matching_processors(text_of(code->co_name), path);
        if (!is_accepted && !processors) {
            static_cast<void>(PyUnstable_Code_SetExtra(object, g_code_slot, kRejectedCode));
            return nullptr;
        }
        std::unique_ptr<CodeInfo> info = examine(code, redaction);
        info->is_recorded = is_accepted;
        info->processors = std::move(processors);
        return PyUnstable_Code_SetExtra(object, g_code_slot, info.get()) == 0 ? info.release()
                                                                              : nullptr;
    } catch (const std::bad_alloc&) {
        return nullptr;  // decided again at the next call
    }
}

void define_code(CodeInfo& info, PyCodeObject* code, PyObject* globals, Arena& arena,
                 std::uint32_t process, std::uint32_t& next_number) noexcept {
    info.process = process;
    info.number = proto::CodeNumber::kUnknown;
    auto& header = arena.header();
    try {
        proto::CodeDefinition definition = describe(info, code, globals);
        definition.number = proto::CodeNumber{next_number};
        const std::vector<std::uint8_t> entry = proto::encode_code(definition);
        // relaxed: written only under the GIL
        const std::uint64_t used = header.codes_used.load(std::memory_order_relaxed);
        if (used + entry.size() <= arena.layout().codes_bytes) {
            std::memcpy(arena.codes() + used, entry.data(), entry.size());
            info.number = definition.number;
            ++next_number;
            // release: the drain thread that sees the new length sees the entry
            header.codes_used.store(used + entry.size(), std::memory_order_release);
            return;
        }
    } catch (const std::bad_alloc&) {
    }
    header.codes_lost.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
}

}  // namespace kolo::probe
