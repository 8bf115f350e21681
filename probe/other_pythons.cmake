# The extension module once more for each interpreter of KOLO_TEST_PYTHONS, so that the trace tests run on it. Only what
# includes Python.h is compiled again. Each lands in pythons/<minor version>/kolo_probe/ of the build folder, as the only
# file there that is built.

foreach(python IN LISTS KOLO_TEST_PYTHONS)
    execute_process(
        COMMAND "${python}" -I -c "import sys, sysconfig
print('%d.%d' % sys.version_info[:2], sysconfig.get_path('include'), sysconfig.get_config_var('EXT_SUFFIX'), sep=';')"
        OUTPUT_VARIABLE kolo_found
        OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
    )
    list(GET kolo_found 0 kolo_minor)
    list(GET kolo_found 1 kolo_include)
    list(GET kolo_found 2 kolo_suffix)
    set(kolo_target "_probe_${kolo_minor}")
    add_library(${kolo_target} MODULE ${KOLO_MODULE_SOURCES})
    target_link_libraries(${kolo_target} PRIVATE kolo_probe_core kolo_options pybind11::headers)
    target_include_directories(${kolo_target} SYSTEM PRIVATE "${kolo_include}")
    set_target_properties(
        ${kolo_target}
        PROPERTIES PREFIX ""
                   OUTPUT_NAME "_probe"
                   SUFFIX "${kolo_suffix}"
                   EXPORT_COMPILE_COMMANDS OFF # clang-tidy would look at each file once more
                   LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/pythons/${kolo_minor}/kolo_probe"
    )
endforeach()
