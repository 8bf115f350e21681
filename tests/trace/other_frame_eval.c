// Another tool's frame evaluation function (PEP 523, 3.9 to 3.11), for test_native_beside.py, which compiles it.
//
// set(True) calls the function that was there before, as a well-behaved tool does; set(False) goes straight to the
// interpreter's own. Both count the frames they see.
#define Py_BUILD_CORE_MODULE 1  // as pycore_frame.h asks for
#include <Python.h>

#if PY_VERSION_HEX >= 0x030B0000
#include <internal/pycore_frame.h>
typedef _PyInterpreterFrame Frame;
#else
typedef PyFrameObject Frame;
#endif

static _PyFrameEvalFunction before;
static Py_ssize_t frames;

static PyObject* chained(PyThreadState* thread, Frame* frame, int throws) {
    ++frames;
    return before(thread, frame, throws);
}

static PyObject* alone(PyThreadState* thread, Frame* frame, int throws) {
    ++frames;
    return _PyEval_EvalFrameDefault(thread, frame, throws);
}

static PyObject* set(PyObject* self, PyObject* is_chained) {
    PyInterpreterState* interpreter = PyInterpreterState_Get();
    before = _PyInterpreterState_GetEvalFrameFunc(interpreter);
    _PyInterpreterState_SetEvalFrameFunc(interpreter, PyObject_IsTrue(is_chained) ? chained : alone);
    Py_RETURN_NONE;
}

static PyObject* restore(PyObject* self, PyObject* unused) {
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), before);
    Py_RETURN_NONE;
}

/// "ours", "default" or "other".
static PyObject* current(PyObject* self, PyObject* unused) {
    _PyFrameEvalFunction now = _PyInterpreterState_GetEvalFrameFunc(PyInterpreterState_Get());
    const char* name = now == chained || now == alone        ? "ours"
                       : now == _PyEval_EvalFrameDefault ? "default"
                                                         : "other";
    return PyUnicode_FromString(name);
}

static PyObject* seen(PyObject* self, PyObject* unused) { return PyLong_FromSsize_t(frames); }

static PyMethodDef methods[] = {
    {"set", set, METH_O, NULL},
    {"restore", restore, METH_NOARGS, NULL},
    {"current", current, METH_NOARGS, NULL},
    {"seen", seen, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "other_frame_eval", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_other_frame_eval(void) { return PyModule_Create(&module); }
