// What the objects of one event say of themselves: their __repr__, where the user asked for it.
//
// A __repr__ is code like any other: it may call recorded functions, switch greenlets, let other
// threads run, fork, or end the trace. So it never runs while a record is being written. The
// recorder first encodes the event's values into spare memory, which only finds the objects whose
// repr is wanted (reading memory, as always); then their reprs run, before the recorder has counted
// or changed anything for the event; then the event is recorded in the ordinary way, and the
// encoder finds the texts here. What a repr calls is not recorded: its greenlet is deaf meanwhile,
// others are not. After a fork in a repr the child records nothing of the event.
//
// Made for one event, on its thread, under the GIL. Keeps the objects alive until the event is
// recorded, and drops them then, when code may run again. Nothing of this is touched where no repr
// is wanted.
#pragma once

#include <Python.h>

#include <array>
#include <cstdint>
#include <optional>

#include "probe/settings.hpp"
#include "proto/values.hpp"

namespace kolo::probe {

class ReprTexts {
  public:
    explicit ReprTexts(const ReprSettings& settings) noexcept : settings_(settings) {}
    ~ReprTexts();
    ReprTexts(const ReprTexts&) = delete;
    ReprTexts& operator=(const ReprTexts&) = delete;

    /// What to write for an object. While objects are being found that is only its place.
    struct Told {
        PyObject* text;  // borrowed; null: `reason` says why there is none
        proto::Omitted reason;
    };
    /// Nothing where its repr is not wanted: by the name of its class or of a base …
    [[nodiscard]] std::optional<Told> of_named(PyObject* object) noexcept;
    /// … or, for an object that has no form of its own, because all are; but for the repr that
    /// every object inherits, which says less than the attributes do.
    [[nodiscard]] std::optional<Told> of_any(PyObject* object) noexcept;

    /// Runs the reprs of the objects found. An exception that is set stays set.
    void ask() noexcept;
    /// Whether the code that runs now on this thread was called by a repr.
    [[nodiscard]] static bool is_asking() noexcept;

  private:
    struct Asked {
        PyObject* object;  // strong, as the text
        PyObject* text;
        proto::Omitted reason;
    };
    [[nodiscard]] Told told(PyObject* object) noexcept;
    void ask_one(Asked& asked, std::int64_t& left_ns) noexcept;

    static constexpr std::size_t kMost = 32;

    const ReprSettings& settings_;
    std::array<Asked, kMost> asked_;  // NOLINT: only the first count_ are read
    std::size_t count_ = 0;
    bool is_finding_ = true;
};

}  // namespace kolo::probe
