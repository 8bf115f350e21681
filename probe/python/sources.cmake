# Absolute paths. All are compiled for every version; each is empty where it does not apply.
set(KOLO_PYTHON_SOURCES
    attributes.cpp
    exits.cpp
    frame_object.cpp
    integers.cpp
    interpreter_frame.cpp
    names.cpp
    public_api.cpp
    stdlib_types.cpp
    thread_context.cpp
    unicode.cpp
    variables.cpp
    # The encoder's other parts
    ../encoder_containers.cpp
    ../encoder_text.cpp
)
list(TRANSFORM KOLO_PYTHON_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
