# One target a room. A room's headers are reached as "room/header.h", and only through a declared link:
# every room gets an include root of its own that holds a link to that room's folder and nothing else.
add_library(sinkscope_options INTERFACE)
target_compile_options(sinkscope_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Else no function of a shared library may be inlined, since a program could replace it. Clang does not allow for that.
  target_compile_options(sinkscope_options INTERFACE -fno-semantic-interposition)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++ 12's library, with which Debian 12's clang builds, calls a function of its own that it has deprecated.
  target_compile_options(sinkscope_options INTERFACE -Wno-deprecated-declarations)
endif()
if(SINKSCOPE_WERROR)
  target_compile_options(sinkscope_options INTERFACE -Werror)
endif()
if(SINKSCOPE_SANITIZE)
  target_compile_options(sinkscope_options INTERFACE -fsanitize=${SINKSCOPE_SANITIZE} -fno-omit-frame-pointer
                                                     -fno-sanitize-recover=all)
  if(SINKSCOPE_SANITIZE MATCHES "address" AND SINKSCOPE_SANITIZE MATCHES "undefined")
    # Checks of every pointer that is followed are a third of a build's time. AddressSanitizer finds what they find where it harms;
    # the preset ubsan has them.
    target_compile_options(sinkscope_options INTERFACE -fno-sanitize=null,alignment,vptr,object-size)
  endif()
  # A program that may lie anywhere in memory would begin with 1.5 million relocations, most of them for UBSan's tables.
  target_link_options(sinkscope_options INTERFACE -fsanitize=${SINKSCOPE_SANITIZE} -no-pie)
endif()

if(SINKSCOPE_UNITY)
  # A class of a source file may hold what is in that file's unnamed namespace: the compiler warns where the file is included.
  # With more to inline, g++ 12 takes more members of optional values for uninitialised ones.
  target_compile_options(sinkscope_options INTERFACE -Wno-subobject-linkage -Wno-maybe-uninitialized)
endif()

# Compiles the sources of a target together, where SINKSCOPE_UNITY says so: names in unnamed namespaces must differ then.
# Kernels that a file compiles once for each instruction set (Highway's foreach_target) stay on their own.
function(sinkscope_unity target)
  if(SINKSCOPE_UNITY AND NOT target STREQUAL "sinkscope_${SINKSCOPE_CHANGING_ROOM}")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "_kernels?\\.cpp$")
    set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# sinkscope_room(engine/attention [SHOWS] SOURCES a.cpp b.cpp PUBLIC base probe PRIVATE gguf LIBRARIES highway)
#
# Makes the target sinkscope_engine_attention of this folder's sources. PUBLIC rooms are visible to those
# that link this one, PRIVATE rooms only to its own sources; LIBRARIES are other libraries, private.
# SHOWS: it only shows what others computed, and its headers are large, so it is compiled with little optimisation.
function(sinkscope_room name)
  cmake_parse_arguments(ROOM "SHOWS" "" "SOURCES;PUBLIC;PRIVATE;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  set(root ${CMAKE_BINARY_DIR}/rooms/${target})
  get_filename_component(parent ${root}/${name} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(sinkscope_${target} STATIC ${ROOM_SOURCES})
  sinkscope_unity(sinkscope_${target})
  if(target STREQUAL SINKSCOPE_CHANGING_ROOM)
    # An index out of range ends a test, as under the sanitizers; what the compiler would warn of is left to the tests.
    target_compile_options(sinkscope_${target} PRIVATE -O1 -D_GLIBCXX_ASSERTIONS -w)
  endif()
  target_include_directories(sinkscope_${target} PUBLIC ${root})
  string(REPLACE "/" "_" publics "${ROOM_PUBLIC}")
  string(REPLACE "/" "_" privates "${ROOM_PRIVATE}")
  list(TRANSFORM publics PREPEND sinkscope_)
  list(TRANSFORM privates PREPEND sinkscope_)
  target_link_libraries(sinkscope_${target} PUBLIC ${publics} PRIVATE sinkscope_options ${privates} ${ROOM_LIBRARIES})
  if(ROOM_SHOWS)
    target_compile_options(sinkscope_${target} PRIVATE "$<$<CONFIG:Release>:-O1;-Wno-maybe-uninitialized>")
    if(SINKSCOPE_SANITIZE)
      target_compile_options(sinkscope_${target} PRIVATE -O0)
    endif()
  endif()
endfunction()
