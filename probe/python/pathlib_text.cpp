#include "probe/python/pathlib_text.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "probe/python/names.hpp"
#include "probe/python/stdlib_types.hpp"

namespace kolo::probe {
namespace {

bool is_of_pathlib(PyTypeObject* type) noexcept {
    PyObject* const module =
        type->tp_dict != nullptr ? find_by_name(type->tp_dict, "__module__", 8) : nullptr;
    const std::string_view name = module != nullptr ? ascii_of(module) : std::string_view{};
    return name == "pathlib" || name == "pathlib._local";  // the latter from 3.13 on
}

/// Puts a path together.
class PathWriter {
  public:
    PathWriter(PathRoom& room, Py_UCS4 separator) noexcept : room_(room), separator_(separator) {}

    void add(Py_UCS4 character) noexcept {
        if (size_ == room_.size()) {
            is_whole_ = false;
            return;
        }
        room_[size_++] = character;
    }
    /// False for what is no str.
    bool add(PyObject* text) noexcept {
        if (text == nullptr || !PyUnicode_Check(text)) {
            return false;
        }
        const Characters characters = characters_of(text);
        if (characters.data == nullptr) {
            return false;
        }
        for (std::size_t i = 0; i < characters.length && is_whole_; ++i) {
            add(character_at(characters, i));
        }
        return true;
    }
    /// The items of a list from `from` on, with the separator between them.
    bool add_joined(PyObject* parts, Py_ssize_t from) noexcept {
        for (Py_ssize_t i = from; i < PyList_GET_SIZE(parts); ++i) {
            if (i > from) {
                add(separator_);
            }
            if (!add(PyList_GET_ITEM(parts, i))) {
                return false;
            }
        }
        return true;
    }
    /// os.path.join: an absolute part drops what stands before it.
    bool join(PyObject* part) noexcept {
        const bool is_absolute = PyUnicode_Check(part) && characters_of(part).data != nullptr &&
                                 characters_of(part).length > 0 &&
                                 character_at(characters_of(part), 0) == '/';
        if (separator_ == '/' && is_absolute) {
            size_ = 0;
        } else if (size_ > 0 && room_[size_ - 1] != separator_) {
            add(separator_);
        }
        return add(part);
    }
    /// As pathlib shows it: no empty parts and no ".", one '/' in front, or exactly two.
    void normalise() noexcept {
        std::size_t slashes = 0;
        while (slashes < size_ && room_[slashes] == '/') {
            ++slashes;
        }
        std::size_t to = slashes == 0 ? 0 : (slashes == 2 ? 2 : 1);
        const std::size_t root = to;
        for (std::size_t at = slashes; at < size_;) {
            const std::size_t end = static_cast<std::size_t>(
                std::find(room_.begin() + at, room_.begin() + size_, Py_UCS4{'/'}) - room_.begin());
            const bool is_kept = end > at && !(end == at + 1 && room_[at] == '.');
            if (is_kept) {
                if (to > root) {
                    room_[to++] = '/';
                }
                std::copy(room_.begin() + at, room_.begin() + end, room_.begin() + to);
                to += end - at;
            }
            at = end + 1;
        }
        size_ = to;
    }
    [[nodiscard]] PathText whole() noexcept {
        if (size_ == 0) {
            add(Py_UCS4{'.'});
        }
        if (!is_whole_) {
            return {{}, true};
        }
        return {{room_.data(), size_, sizeof(Py_UCS4), false}, false};
    }

  private:
    static Py_UCS4 character_at(const Characters& characters, std::size_t at) noexcept {
        switch (characters.width) {
            case 1:
                return static_cast<const Py_UCS1*>(characters.data)[at];
            case 2:
                return static_cast<const Py_UCS2*>(characters.data)[at];
            default:
                return static_cast<const Py_UCS4*>(characters.data)[at];
        }
    }

    PathRoom& room_;
    const Py_UCS4 separator_;
    std::size_t size_ = 0;
    bool is_whole_ = true;
};

bool is_empty(PyObject* text) noexcept {
    return text == nullptr || !PyUnicode_Check(text) || characters_of(text).length == 0;
}

bool is_list(PyObject* object) noexcept { return object != nullptr && PyList_CheckExact(object); }

bool is_for_windows(PyTypeObject* type) noexcept {
    while (type != nullptr && std::strcmp(type->tp_name, "PureWindowsPath") != 0) {
        type = type->tp_base;
    }
    return type != nullptr;
}

}  // namespace

PyTypeObject* pure_path(PyTypeObject* type) noexcept {
    for (; type != nullptr && type != &PyBaseObject_Type; type = type->tp_base) {
        if (type->tp_name[0] == 'P' && std::strcmp(type->tp_name, "PurePath") == 0 &&
            (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && is_of_pathlib(type)) {
            return type;
        }
    }
    return nullptr;
}

PathText path_text(PyObject* path, PyTypeObject* pure_path, PathRoom& room) noexcept {
    const auto slot = [path, pure_path](const char* name) noexcept {
        return slot_value(path, pure_path, name);
    };
    PyObject* const text = slot("_str");  // once somebody has asked for it
    if (text != nullptr && PyUnicode_Check(text) && characters_of(text).data != nullptr) {
        return {characters_of(text), false};
    }
    const bool is_windows = is_for_windows(Py_TYPE(path));
    PathWriter writer(room, is_windows ? '\\' : '/');
    PyObject* const drive = slot("_drv");
    PyObject* const root = slot("_root");
    const bool has_anchor = !is_empty(drive) || !is_empty(root);
    if (PyObject* const parts = slot("_parts"); is_list(parts)) {  // 3.9 to 3.11
        const bool is_read = has_anchor ? writer.add(drive) && writer.add(root) &&
                                              writer.add_joined(parts, 1)  // [0] is the anchor
                                        : writer.add_joined(parts, 0);
        return is_read ? writer.whole() : PathText{};
    }
    PyObject* const tail = slot("_tail_cached");
    if (is_list(tail) && drive != nullptr && root != nullptr) {  // 3.12 on, once parsed
        const bool is_read = writer.add(drive) && writer.add(root) && writer.add_joined(tail, 0);
        return is_read ? writer.whole() : PathText{};
    }
    PyObject* const given = slot("_raw_paths");
    if (!is_list(given)) {
        return PathText{};
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(given); ++i) {
        if (!writer.join(PyList_GET_ITEM(given, i))) {
            return PathText{};
        }
    }
    if (!is_windows) {
        writer.normalise();
    }
    return writer.whole();
}

}  // namespace kolo::probe
