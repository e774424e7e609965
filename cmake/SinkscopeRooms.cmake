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
  target_link_options(sinkscope_options INTERFACE -fsanitize=${SINKSCOPE_SANITIZE})
endif()

# sinkscope_room(engine/attention SOURCES a.cpp b.cpp PUBLIC base probe PRIVATE gguf LIBRARIES highway)
#
# Makes the target sinkscope_engine_attention of this folder's sources. PUBLIC rooms are visible to those
# that link this one, PRIVATE rooms only to its own sources; LIBRARIES are other libraries, private.
function(sinkscope_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  set(root ${CMAKE_BINARY_DIR}/rooms/${target})
  get_filename_component(parent ${root}/${name} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(sinkscope_${target} STATIC ${ROOM_SOURCES})
  target_include_directories(sinkscope_${target} PUBLIC ${root})
  string(REPLACE "/" "_" publics "${ROOM_PUBLIC}")
  string(REPLACE "/" "_" privates "${ROOM_PRIVATE}")
  list(TRANSFORM publics PREPEND sinkscope_)
  list(TRANSFORM privates PREPEND sinkscope_)
  target_link_libraries(sinkscope_${target} PUBLIC ${publics} PRIVATE sinkscope_options ${privates} ${ROOM_LIBRARIES})
endfunction()
