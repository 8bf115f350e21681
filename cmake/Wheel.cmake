# What a wheel holds beside the Python files: the extension module in its package, the two programs in the folder of scripts.

if(TARGET _probe)
    install(TARGETS _probe LIBRARY DESTINATION kolo_probe)
endif()
foreach(program kolo-collectord kolo-trace)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION "${SKBUILD_SCRIPTS_DIR}")
    endif()
endforeach()
