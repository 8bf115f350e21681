# kolo_options: how every target of ours is compiled. Each links it PRIVATE.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
# -O3 makes the extension larger and none of our loops faster.
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Static libraries end up inside the extension module; tests and daemon share them.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(KOLO_CCACHE ccache)
mark_as_advanced(KOLO_CCACHE)
if(KOLO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${KOLO_CCACHE}")
endif()

add_library(kolo_options INTERFACE)
target_compile_features(kolo_options INTERFACE cxx_std_20)
set(CMAKE_CXX_EXTENSIONS OFF)
target_compile_options(
    kolo_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fvisibility=hidden
                           -fvisibility-inlines-hidden
)
if(KOLO_WERROR)
    target_compile_options(kolo_options INTERFACE -Werror)
endif()
target_compile_definitions(kolo_options INTERFACE KOLO_VERSION="${kolo_version}")
target_include_directories(kolo_options INTERFACE "${PROJECT_SOURCE_DIR}")

if(KOLO_SANITIZE STREQUAL "address")
    set(kolo_sanitizers address,undefined)
elseif(KOLO_SANITIZE STREQUAL "thread")
    set(kolo_sanitizers thread)
elseif(KOLO_SANITIZE)
    message(FATAL_ERROR "KOLO_SANITIZE is \"${KOLO_SANITIZE}\"; it can be empty, address or thread")
endif()
if(KOLO_SANITIZE)
    # The sanitizers are global: a part compiled without one would hide what the others do to it.
    add_compile_options(-fsanitize=${kolo_sanitizers} -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${kolo_sanitizers})
    # With a sanitizer GCC warns of values that are always set; its manual tells not to combine the two.
    add_compile_options(-Wno-maybe-uninitialized)
endif()
