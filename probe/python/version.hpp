// All that differs between CPython versions: frames, the exits of code, variables, attributes and
// the bytes of ints.
//
// For the hooks, the recorder and the encoder; called on recording threads, with the GIL held.
// Nothing here runs Python code, raises, touches an exception that is set, allocates an object that
// the garbage collector sees, or keeps a reference. 3.9 to 3.13 are read from the interpreter's own
// structures, each file of this folder for the versions it names; any other version (and a
// free-threaded build) is compiled against public API, where variables and attributes are not
// readable.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// KOLO_PUBLIC_API_ONLY can be given to build the fallback for a version that is known.
#if PY_VERSION_HEX >= 0x03090000 && PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED) && \
    !defined(PYPY_VERSION) && !defined(KOLO_PUBLIC_API_ONLY)
#define KOLO_PYTHON_IS_KNOWN 1
#else
#define KOLO_PYTHON_IS_KNOWN 0
#endif

namespace kolo::probe {

/// A running or suspended frame: from 3.11 on its _PyInterpreterFrame; before (and where unknown)
/// the frame object. The address identifies it while it lives; a generator's stays the same over
/// its suspensions.
struct FrameRef {
    void* address = nullptr;
    friend bool operator==(const FrameRef&, const FrameRef&) = default;
};
[[nodiscard]] FrameRef frame_of(PyFrameObject* frame) noexcept;
/// The frame that a thread runs right now, as a callback finds it (3.11 and later; before, no
/// frame).
[[nodiscard]] FrameRef running_frame(PyThreadState* thread) noexcept;
/// The frame below a running one on its thread (3.11 and later); no frame where there is none.
[[nodiscard]] FrameRef frame_below(FrameRef frame) noexcept;
[[nodiscard]] PyCodeObject* frame_code(FrameRef frame) noexcept;  // borrowed
[[nodiscard]] PyObject* frame_globals(FrameRef frame) noexcept;   // borrowed
/// Offset in bytes of the instruction last run, negative before the first. For CodeExits.
[[nodiscard]] int frame_last_instruction(FrameRef frame) noexcept;

/// Whether somebody else may have assigned the frame's variables: a debugger, or from 3.13 on
/// whoever holds its frame object (PEP 667).
[[nodiscard]] bool frame_may_be_edited(FrameRef frame) noexcept;

/// How a frame stands when the profile hook is entered for its end or suspension.
enum class Exit : std::uint8_t { kReturn, kYield, kUnwind };

/// What the bytecode of one code object says about its exits and entries. Read once per code (slow:
/// it allocates), then asked per event.
class CodeExits {
  public:
    /// Knows nothing: exits are told by the hook's argument alone.
    CodeExits() noexcept = default;
    /// Empty where memory ran out.
    [[nodiscard]] static CodeExits read(PyCodeObject* code) noexcept;

    /// By opcode and argument alone. On 3.12 that leaves one case open, which frame_exit() settles:
    /// an exception thrown into a suspended generator that does not catch it looks like `yield
    /// None`.
    [[nodiscard]] Exit at(int last_instruction, bool argument_is_null) const noexcept;
    /// Whether a call event of generator-like code is the start, not a resume or a throw into it.
    [[nodiscard]] bool is_first_entry(int last_instruction) const noexcept {
        return last_instruction <= first_entry_;
    }
    /// The same for an event that comes with the first instruction (3.11 and later): what stands
    /// before it is thrown into a generator that never began, and nothing of it will run.
    [[nodiscard]] bool is_start(int last_instruction) const noexcept {
        return first_entry_ < 0 ? last_instruction < 0 : last_instruction == first_entry_;
    }

  private:
    std::vector<std::uint8_t> kinds_;  // two bits for each code unit
    int first_entry_ = -1;
};

/// CodeExits::at for a frame whose hook is being entered with PyTrace_RETURN: prefer it.
[[nodiscard]] Exit frame_exit(FrameRef frame, const CodeExits& exits,
                              bool argument_is_null) noexcept;

/// Where a variable's value stands among a frame's fast locals.
struct VariableSlot {
    std::uint32_t index : 31;
    std::uint32_t is_cell : 1;
};
static_assert(sizeof(VariableSlot) == 4);

/// The variables of a code: arguments first (positional, keyword-only, *args, **kwargs), then other
/// locals, cells and free variables. `slots` is kept with the code, for FrameVariables.
struct CodeVariables {
    std::vector<PyObject*> names;  // borrowed from the code; exact str
    std::vector<VariableSlot> slots;
    /// By argument: the code never assigns or deletes it, so that it holds to the end what it was
    /// called with (unless somebody edits the frame).
    std::vector<bool> is_fixed;
    std::uint32_t argument_count = 0;
};
/// Empty where memory ran out or the version is unknown (argument_count is right even then).
[[nodiscard]] CodeVariables code_variables(PyCodeObject* code) noexcept;

/// The values of a frame's variables, in the order of CodeVariables. Valid while the hook runs.
class FrameVariables {
  public:
    FrameVariables(FrameRef frame, std::span<const VariableSlot> slots) noexcept;

    /// Borrowed; nullptr when the variable is unbound. Cells are looked through.
    [[nodiscard]] PyObject* at(std::uint32_t variable) const noexcept {
        if (fast_ == nullptr) {
            return nullptr;
        }
        const VariableSlot slot = slots_[variable];
        PyObject* const value = fast_[slot.index];
        // A cell variable holds the plain value until MAKE_CELL has run, and nothing before 3.11.
        if (slot.is_cell != 0 && value != nullptr && Py_IS_TYPE(value, &PyCell_Type)) {
            return PyCell_GET(value);
        }
        return value;
    }
    [[nodiscard]] std::uint32_t count() const noexcept {
        return fast_ == nullptr ? 0 : static_cast<std::uint32_t>(slots_.size());
    }

  private:
    PyObject** fast_;
    std::span<const VariableSlot> slots_;
};

/// The cells of the function that a frame is going to run, until it has copied them to its
/// variables by its first instruction; nullptr afterwards. Borrowed.
[[nodiscard]] PyObject* uncopied_closure(FrameRef frame) noexcept;

/// Called for each attribute; returns whether to go on. `name` is nearly always a str.
using AttributeVisitor = bool (*)(void* data, PyObject* name, PyObject* value);

/// Where the instances of one class have their slots, base classes' first. Borrows the names from
/// the class's dict.
struct ObjectSlots {
    static constexpr std::size_t kMost = 24;
    struct Slot {
        PyObject* name;
        std::size_t offset;
    };
    std::array<Slot, kMost> slots;
    std::size_t count = 0;
};
/// False where there are more than kMost.
[[nodiscard]] bool read_slots(PyTypeObject* type, ObjectSlots& slots) noexcept;

/// Visits the attributes that an object has of its own and that can be read without running code or
/// changing it: slots, an existing instance dict, the inline values of 3.11 and later (making no
/// dict of them). False when the object can hold none, or none can be read. `slots`: those of its
/// class, where the caller knows them.
bool visit_attributes(PyObject* object, AttributeVisitor visit, void* data,
                      const ObjectSlots* slots = nullptr) noexcept;
/// How many visit_attributes() visits.
[[nodiscard]] std::size_t attribute_count(PyObject* object,
                                          const ObjectSlots* slots = nullptr) noexcept;

/// Writes an int's (or a subclass's) value as two's complement, big-endian, in the fewest bytes.
/// Returns their number; 0 when they do not fit `room` (which needs up to 8 bytes, or 1 byte more
/// than the value, to work in).
[[nodiscard]] std::size_t int_bytes(PyObject* value, std::uint8_t* to, std::size_t room) noexcept;

/// Borrowed; null until the thread has used a context variable.
[[nodiscard]] inline PyObject* current_context(const PyThreadState* thread) noexcept {
    return thread->context;
}

/// What an async generator's `yield` hands to the interpreter stands in a wrapper: looks through
/// it.
[[nodiscard]] PyObject* unwrapped(PyObject* value) noexcept;

}  // namespace kolo::probe
