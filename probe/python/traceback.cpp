#include "probe/python/traceback.hpp"

#include <frameobject.h>

namespace kolo::probe {

int raised_line(PyObject* traceback, FrameRef frame, KnownLine& known) noexcept {
    if (traceback == nullptr || !PyTraceBack_Check(traceback)) {
        return 0;
    }
    const auto* const entry = reinterpret_cast<const PyTracebackObject*>(traceback);
    if (!(frame_of(entry->tb_frame) == frame)) {
        return 0;
    }
    if (entry->tb_lineno > 0) {
        return entry->tb_lineno;
    }
    // From 3.13 on the line is worked out when somebody asks for it; -1 before. That walks the
    // code's table of lines from its beginning.
    if (known.instruction != entry->tb_lasti) {
        known = {entry->tb_lasti, PyCode_Addr2Line(frame_code(frame), entry->tb_lasti)};
    }
    return known.line;
}

}  // namespace kolo::probe
