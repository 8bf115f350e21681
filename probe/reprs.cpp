#include "probe/reprs.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probe/exception_set_aside.hpp"
#include "probe/greenlet.hpp"
#include "probe/process.hpp"
#include "probe/python/names.hpp"
#include "probe/thread_exit.hpp"

namespace kolo::probe {

namespace {

using proto::Omitted;

/// The greenlets of this thread that run a repr, by value: a greenlet's C stack moves away while it
/// is switched out, so nothing on it can be pointed to.
thread_local std::vector<const void*> t_asking;

/// Classes whose repr took too long, by name: never asked again. Under the GIL; a name, as classes
/// come and go. Leaked, as threads may still be recording while the program ends.
std::set<std::string, std::less<>>& slow_classes() {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory)
    static auto* const names = new std::set<std::string, std::less<>>;
    return *names;
}

struct ClassName {
    std::array<std::uint8_t, kMaxNameBytes> bytes;
    std::size_t size;
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(bytes.data()), size};
    }
};

[[nodiscard]] ClassName name_of(PyTypeObject* type) noexcept {
    ClassName name;  // NOLINT: filled below
    name.size = write_type_name(type, name.bytes);
    return name;
}

[[nodiscard]] bool is_listed(PyTypeObject* type, const std::vector<std::string>& names) noexcept {
    PyObject* const bases = type->tp_mro;
    if (bases == nullptr || !PyTuple_CheckExact(bases)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
        PyObject* const base = PyTuple_GET_ITEM(bases, i);
        if (PyType_Check(base)) {
            const ClassName name = name_of(reinterpret_cast<PyTypeObject*>(base));
            if (std::find(names.begin(), names.end(), name.view()) != names.end()) {
                return true;
            }
        }
    }
    return false;
}

[[nodiscard]] std::int64_t now_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

ReprTexts::~ReprTexts() {
    if (count_ == 0) {
        return;
    }
    const ExceptionSetAside aside;  // dropping may run destructors
    for (std::size_t i = 0; i < count_; ++i) {
        Py_XDECREF(asked_[i].text);
        Py_DECREF(asked_[i].object);
    }
}

bool ReprTexts::is_asking() noexcept {
    return !t_asking.empty() &&
           std::find(t_asking.begin(), t_asking.end(), current_greenlet()) != t_asking.end();
}

std::optional<ReprTexts::Told> ReprTexts::of_named(PyObject* object) noexcept {
    if (settings_.types.empty() || !is_listed(Py_TYPE(object), settings_.types)) {
        return std::nullopt;
    }
    return told(object);
}

std::optional<ReprTexts::Told> ReprTexts::of_any(PyObject* object) noexcept {
    if (!settings_.all || Py_TYPE(object)->tp_repr == PyBaseObject_Type.tp_repr) {
        return std::nullopt;
    }
    return told(object);
}

ReprTexts::Told ReprTexts::told(PyObject* object) noexcept {
    auto* const end = asked_.begin() + count_;
    auto* const known = std::find_if(
        asked_.begin(), end, [object](const Asked& asked) { return asked.object == object; });
    if (known != end) {
        return {known->text, known->reason};
    }
    if (!is_finding_) {
        return {nullptr, Omitted::kChanged};  // it came in while others' reprs ran
    }
    if (count_ == kMost) {
        return {nullptr, Omitted::kTime};
    }
    Py_INCREF(object);
    asked_[count_++] = {object, nullptr, Omitted::kTime};
    return {nullptr, Omitted::kTime};
}

void ReprTexts::ask() noexcept {
    is_finding_ = false;
    if (count_ == 0) {
        return;
    }
    const void* const greenlet = current_greenlet();
    try {
        t_asking.push_back(greenlet);
    } catch (const std::bad_alloc&) {
        return;
    }
    const Process* const process = current_process();
    {
        const ExceptionSetAside aside;
        std::int64_t left_ns = std::int64_t{settings_.max_us} * 1000;
        for (std::size_t i = 0; i < count_ && current_process() == process; ++i) {
            ask_one(asked_[i], left_ns);
        }
    }
    t_asking.erase(std::find(t_asking.begin(), t_asking.end(), greenlet));
}

/// `left_ns`: of what all reprs of an event may take together; none begins when it is used up.
void ReprTexts::ask_one(Asked& asked, std::int64_t& left_ns) noexcept {
    const ClassName name = name_of(Py_TYPE(asked.object));
    if (slow_classes().count(name.view()) != 0) {
        asked.reason = Omitted::kReprSlow;
        return;
    }
    if (left_ns <= 0) {
        return;
    }
    const std::int64_t begin = now_ns();
    asked.text = survive_thread_exit([&asked] { return PyObject_Repr(asked.object); });
    const std::int64_t took = now_ns() - begin;
    left_ns -= took;
    if (asked.text == nullptr) {
        asked.reason = Omitted::kReprFailed;
        // Ctrl-C was meant for the program, not for us: it comes again when the program goes on.
        const bool is_interrupt = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
        PyErr_Clear();
        if (is_interrupt) {
            PyErr_SetInterrupt();
        }
    }
    if (took > std::int64_t{settings_.max_us} * 1000) {
        try {
            slow_classes().emplace(name.view());
        } catch (const std::bad_alloc&) {
            return;  // asked again
        }
    }
}

}  // namespace kolo::probe
