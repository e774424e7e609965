# llama.cpp, from source: built once per source, compiler and processor in the user's cache directory.
#
# SINKSCOPE_LLAMA_DIR  a llama.cpp source tree; `./dev` passes the pinned one
# defines              sinkscope_llama (llama, ggml and their headers), sinkscope_jinja (chat templates)
set(SINKSCOPE_LLAMA_DIR "" CACHE PATH "Source tree of llama.cpp")
if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(_cache $ENV{XDG_CACHE_HOME})
else()
  set(_cache $ENV{HOME}/.cache)
endif()
set(SINKSCOPE_CACHE_DIR ${_cache}/sinkscope CACHE PATH "Where downloads and the build of llama.cpp are kept")
if(NOT EXISTS ${SINKSCOPE_LLAMA_DIR}/include/llama.h)
  message(FATAL_ERROR "llama.cpp: expected a source tree in SINKSCOPE_LLAMA_DIR, got '${SINKSCOPE_LLAMA_DIR}'; "
                      "run ./dev build, which fetches the pinned one, or pass -DSINKSCOPE_LLAMA_DIR=DIR")
endif()

# g++ 12 miscompiles _tile_loadconfig (GCC PR 114098), so ggml's own AMX code would die of SIGILL.
set(_no_amx "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(_no_amx "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16")
endif()
include(SinkscopeGpu)
# Variants that are chosen at run time (GGML_CPU_ALL_VARIANTS) would need ggml as shared libraries: a portable build has
# one, for x86-64-v3. oneDNN and our own kernels choose at run time in either.
if(SINKSCOPE_PORTABLE)
  set(_processor -DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON
      -DGGML_BMI2=ON)
else()
  set(_processor -DGGML_NATIVE=ON)
endif()
set(_llama_options -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF ${_processor} -DGGML_OPENMP=ON -DGGML_RPC=ON
    -DGGML_CCACHE=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
    -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} ${SINKSCOPE_GPU_OPTIONS})

# What -march=native stands for here, so that no build for another processor is taken.
set(_native_macros "")
if(NOT SINKSCOPE_PORTABLE)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -E -dM -x c++ /dev/null
                  OUTPUT_VARIABLE _native_macros ERROR_QUIET)
endif()
file(STRINGS ${SINKSCOPE_LLAMA_DIR}/CMakeLists.txt _llama_cmake)
string(SHA256 _llama_key
       "${SINKSCOPE_LLAMA_DIR};${_llama_cmake};${_llama_options};${_no_amx};${CMAKE_CXX_COMPILER_VERSION};${_native_macros}")
string(SUBSTRING ${_llama_key} 0 16 _llama_key)
set(_llama_build ${SINKSCOPE_CACHE_DIR}/llama-build/${_llama_key})
file(MAKE_DIRECTORY ${_llama_build})
file(LOCK ${_llama_build} DIRECTORY GUARD FILE TIMEOUT 1800)
function(_run_cmake)
  execute_process(COMMAND ${CMAKE_COMMAND} ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE log ERROR_VARIABLE log)
  file(APPEND ${_llama_build}/build.log "${log}")
  if(failed)
    message(FATAL_ERROR "llama.cpp: expected a clean build, got an error; read ${_llama_build}/build.log")
  endif()
endfunction()
file(WRITE ${_llama_build}/build.log "")
if(NOT EXISTS ${_llama_build}/complete)
  message(STATUS "Building llama.cpp, once (about two minutes on two cores): ${_llama_build}/build.log")
  _run_cmake(-S ${SINKSCOPE_LLAMA_DIR} -B ${_llama_build} -G Ninja ${_llama_options}
             -DCMAKE_C_FLAGS=${_no_amx} -DCMAKE_CXX_FLAGS=${_no_amx})
endif()
include(ProcessorCount)
ProcessorCount(_cores)
_run_cmake(--build ${_llama_build} -j ${_cores})  # always: a source tree of the user's own may have changed
file(TOUCH ${_llama_build}/complete)
file(LOCK ${_llama_build} DIRECTORY RELEASE)

add_library(sinkscope_llama INTERFACE)
target_include_directories(sinkscope_llama SYSTEM INTERFACE
  ${SINKSCOPE_LLAMA_DIR}/include ${SINKSCOPE_LLAMA_DIR}/ggml/include
  ${SINKSCOPE_LLAMA_DIR}/src ${SINKSCOPE_LLAMA_DIR}/ggml/src)
file(GLOB_RECURSE _llama_archives ${_llama_build}/*.a)
# The archives need OpenMP's library, which may stand before them on the command line.
target_link_options(sinkscope_llama INTERFACE LINKER:--no-as-needed)
target_link_libraries(sinkscope_llama INTERFACE -Wl,--start-group ${_llama_archives} -Wl,--end-group
                      ${SINKSCOPE_GPU_LIBRARIES} OpenMP::OpenMP_CXX Threads::Threads ${CMAKE_DL_LIBS})

# The chat template renderer lies in llama.cpp's common/ folder, which is not built as a library.
file(GLOB _jinja_sources ${SINKSCOPE_LLAMA_DIR}/common/jinja/*.cpp)
add_library(sinkscope_jinja STATIC ${_jinja_sources} ${SINKSCOPE_LLAMA_DIR}/common/json.cpp
                                   ${SINKSCOPE_LLAMA_DIR}/common/unicode.cpp)
target_include_directories(sinkscope_jinja SYSTEM PUBLIC ${SINKSCOPE_LLAMA_DIR}/common ${SINKSCOPE_LLAMA_DIR}/vendor)
target_link_libraries(sinkscope_jinja PRIVATE sinkscope_llama)
target_compile_options(sinkscope_jinja PRIVATE -w)
