# Absolute paths. All are compiled for every version; each is empty where it does not apply.
set(KOLO_PYTHON_SOURCES
    attributes.cpp
    exits.cpp
    frame_object.cpp
    integers.cpp
    interpreter_frame.cpp
    public_api.cpp
    thread_context.cpp
    variables.cpp
)
list(TRANSFORM KOLO_PYTHON_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
