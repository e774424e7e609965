# Libraries that the distribution packages; minimum versions are checked here.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(CLI11 2.1 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(SQLite3 3.40 REQUIRED)
find_package(Eigen3 3.4 REQUIRED)

find_package(hwy 1.0.3 REQUIRED CONFIG)

if(SINKSCOPE_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
if(SINKSCOPE_BUILD_BENCH)
  find_package(benchmark 1.7 REQUIRED)
endif()
