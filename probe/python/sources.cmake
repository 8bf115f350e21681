# Absolute paths. All are compiled for every version; each is empty where it does not apply.
set(KOLO_PYTHON_SOURCES
    attributes.cpp
    bytecode.cpp
    exits.cpp
    frame_object.cpp
    integers.cpp
    interpreter_frame.cpp
    names.cpp
    pathlib_text.cpp
    public_api.cpp
    stdlib_types.cpp
    thread_context.cpp
    traceback.cpp
    type_facts.cpp
    unicode.cpp
    variables.cpp
    # The encoder's other parts
    ../encoder_containers.cpp
    ../encoder_exceptions.cpp
    ../encoder_stdlib.cpp
    ../encoder_text.cpp
)
list(TRANSFORM KOLO_PYTHON_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
