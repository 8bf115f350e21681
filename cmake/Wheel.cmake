# What a wheel holds beside the package's Python files: the extension module in the package (CPython), the two programs in the
# folder of scripts, and what makes KOLO_PROBE=1 work: a .pth file, which must lie beside the package.

if(TARGET _probe)
    # The hot path crosses files (hook, recorder, encoder, ring): inlined into each other they take 4 to 7 ns less an event.
    include(CheckIPOSupported)
    check_ipo_supported(RESULT kolo_has_lto OUTPUT kolo_lto_reason LANGUAGES CXX)
    if(kolo_has_lto)
        set_target_properties(_probe kolo_probe_core PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
    else()
        message(STATUS "The extension module is built without link-time optimisation: ${kolo_lto_reason}")
    endif()
    install(TARGETS _probe LIBRARY DESTINATION kolo_probe)
endif()
install(TARGETS kolo-collectord kolo-trace RUNTIME DESTINATION "${SKBUILD_SCRIPTS_DIR}")
install(FILES python/kolo_probe.pth DESTINATION .)
