# Everything the rooms are built with. What is missing is reported in one message, each with the
# Debian package that brings it (packaging/debian-packages.txt lists them all).

set(kolo_missing "")

# kolo_need(<CMake package> <Debian package> [find_package arguments])
macro(kolo_need name debian)
    find_package(${name} ${ARGN} QUIET)
    if(NOT ${name}_FOUND)
        list(APPEND kolo_missing "${name} (Debian package ${debian})")
    endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
kolo_need(Threads libc6-dev)
kolo_need(Boost libboost-dev 1.74) # headers only: Asio needs no Boost library since 1.74
# Debian 12 calls the CMake package msgpack and its target msgpackc-cxx; both are msgpack-cxx upstream since 5.0.
kolo_need(msgpack libmsgpack-cxx-dev CONFIG NAMES msgpack-cxx msgpack)
kolo_need(SQLite3 libsqlite3-dev 3.40)
kolo_need(SQLiteCpp libsqlitecpp-dev CONFIG)
kolo_need(zstd libzstd-dev CONFIG)
kolo_need(fmt libfmt-dev CONFIG)
kolo_need(spdlog libspdlog-dev CONFIG)
kolo_need(CLI11 libcli11-dev CONFIG)
kolo_need(nlohmann_json nlohmann-json3-dev CONFIG)
if(KOLO_BUILD_TESTS)
    kolo_need(GTest "libgtest-dev libgmock-dev" CONFIG)
    kolo_need(benchmark libbenchmark-dev CONFIG)
endif()

if(kolo_missing)
    list(JOIN kolo_missing "\n  " kolo_missing_lines)
    message(
        FATAL_ERROR
            "Not found:\n  ${kolo_missing_lines}\n"
            "On Debian and Ubuntu: xargs apt-get install -y < packaging/debian-packages.txt"
    )
endif()

if(KOLO_BUILD_PROBE)
    # scikit-build-core names the interpreter the wheel is for; elsewhere it is the first python3, or Python_EXECUTABLE.
    if(SKBUILD)
        set(Python_EXECUTABLE "${PYTHON_EXECUTABLE}")
    endif()
    set(Python_FIND_VIRTUALENV FIRST)
    find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module)
    find_package(pybind11 3.0 CONFIG QUIET)
    if(NOT pybind11_FOUND)
        execute_process(
            COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
            OUTPUT_VARIABLE kolo_pybind11_dir
            OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
        )
        find_package(pybind11 3.0 CONFIG QUIET HINTS "${kolo_pybind11_dir}")
    endif()
    if(NOT pybind11_FOUND)
        message(
            FATAL_ERROR
                "pybind11 3.0 or newer not found for ${Python_EXECUTABLE} (Debian's is too old for Python 3.12).\n"
                "Install it with: ${Python_EXECUTABLE} -m pip install 'pybind11>=3.0'"
        )
    endif()
endif()
