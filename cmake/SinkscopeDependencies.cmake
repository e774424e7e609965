# Libraries that the distribution packages; minimum versions are checked here.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "compiler: expected g++ 12 or clang 19 or newer, got g++ ${CMAKE_CXX_COMPILER_VERSION}")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "compiler: expected g++ 12 or clang 19 or newer, got clang ${CMAKE_CXX_COMPILER_VERSION}")
endif()

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)  # clang has it in a package of its own, libomp-19-dev
find_package(CLI11 2.1 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(SQLite3 3.40 REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
find_package(hwy 1.0.3 REQUIRED CONFIG)

if(SINKSCOPE_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
  find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
endif()
if(SINKSCOPE_BUILD_BENCH)
  find_package(benchmark 1.7 REQUIRED)
endif()
