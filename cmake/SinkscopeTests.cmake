include(GoogleTest)

# Properties of tests of real models: several of one thread each, side by side, take less time than one after the other with all
# processors, which wait for each other and for what one thread does.
set(SINKSCOPE_ONE_THREAD ENVIRONMENT OMP_NUM_THREADS=1)

# sinkscope_test(name LABEL unit SOURCES a_test.cpp ROOMS base sinks LIBRARIES ...)
#
# One executable of GoogleTest cases. COMPUTES: its own bodies take long, as slow twins of large cases do. LABEL is one of unit, golden, invariant, cli, docs, model, browser.
function(sinkscope_test name)
  cmake_parse_arguments(TEST "COMPUTES" "LABEL;TIMEOUT" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  sinkscope_unity(${name})
  string(REPLACE "/" "_" rooms "${TEST_ROOMS}")
  list(TRANSFORM rooms PREPEND sinkscope_)
  target_link_libraries(${name} PRIVATE sinkscope_options ${rooms} ${TEST_LIBRARIES} GTest::gtest_main GTest::gmock)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})  # for "tests/support/..."
  # Tests wait for the compiler longer than for the processor.
  target_compile_options(${name} PRIVATE "$<$<CONFIG:Release>:-O1;-Wno-maybe-uninitialized>")
  if(SINKSCOPE_SANITIZE AND NOT TEST_COMPUTES)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_compile_definitions(${name} PRIVATE SINKSCOPE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  if(SINKSCOPE_SANITIZE)
    target_compile_definitions(${name} PRIVATE SINKSCOPE_SANITIZED)
  endif()
  # ./dev test asks these labels of a build with sanitizers, no others.
  if(SINKSCOPE_SANITIZE AND NOT TEST_LABEL MATCHES "^(unit|invariant|cli)$")
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  set(properties LABELS ${TEST_LABEL} TIMEOUT ${TEST_TIMEOUT})
  if(TEST_LABEL STREQUAL model)
    list(APPEND properties ${SINKSCOPE_ONE_THREAD} COST 60)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES PROPERTIES ${properties})
endfunction()
