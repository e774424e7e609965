# The GPU backend of ggml that llama.cpp is built with.
#
# SINKSCOPE_GPU       none, cuda or vulkan
# SINKSCOPE_CUDA_DIR  a CUDA toolkit: bin/nvcc, include/, lib64/; empty: the system's
# sets                SINKSCOPE_GPU_OPTIONS, what llama.cpp's build is told; SINKSCOPE_GPU_LIBRARIES, what programs link
set(SINKSCOPE_GPU "none" CACHE STRING "GPU backend: none, cuda or vulkan")
set_property(CACHE SINKSCOPE_GPU PROPERTY STRINGS none cuda vulkan)
set(SINKSCOPE_CUDA_DIR "" CACHE PATH "CUDA toolkit; empty: the system's")
set(SINKSCOPE_GPU_OPTIONS "")
set(SINKSCOPE_GPU_LIBRARIES "")
if(SINKSCOPE_GPU STREQUAL "cuda")
  if(SINKSCOPE_CUDA_DIR)
    set(CUDAToolkit_ROOT ${SINKSCOPE_CUDA_DIR})
    set(CMAKE_CUDA_COMPILER ${SINKSCOPE_CUDA_DIR}/bin/nvcc)
  endif()
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-virtual 90-real)  # Ampere and what follows by the driver's compiler; Hopper
  endif()
  enable_language(CUDA)
  add_library(CUDA::nvToolsExt INTERFACE IMPORTED)  # CMake 3.25 names it, and CUDA 13 has it no more
  find_package(CUDAToolkit 12.4 REQUIRED)
  # A list does not pass through command lines of cmake within cmake, but through a file.
  list(JOIN CMAKE_CUDA_ARCHITECTURES "-" _architectures)
  set(_architectures ${SINKSCOPE_CACHE_DIR}/cuda-${_architectures}.cmake)
  file(WRITE ${_architectures} "set(CMAKE_CUDA_ARCHITECTURES \"${CMAKE_CUDA_ARCHITECTURES}\" CACHE STRING \"\")\n")
  # The driver's own library is not there where nothing but a compiler is: NO_VMM does without it. CUDA graphs are as
  # llama.cpp has them.
  set(SINKSCOPE_GPU_OPTIONS -C ${_architectures} -DGGML_CUDA=ON -DGGML_CUDA_NO_VMM=ON -DGGML_CUDA_NCCL=OFF -DGGML_CUDA_GRAPHS=ON
      -DCMAKE_CUDA_COMPILER=${CMAKE_CUDA_COMPILER}
      -DCMAKE_CUDA_HOST_COMPILER=${CMAKE_CXX_COMPILER} -DCUDAToolkit_ROOT=${SINKSCOPE_CUDA_DIR})
  set(SINKSCOPE_GPU_LIBRARIES CUDA::cublas CUDA::cudart_static)
  # A static library's structures must be seen as it was compiled.
  set(SINKSCOPE_CUDA_DEFINITIONS GGML_CUDA_NO_VMM GGML_CUDA_USE_GRAPHS GGML_CUDA_PEER_MAX_BATCH_SIZE=128)
elseif(SINKSCOPE_GPU STREQUAL "vulkan")
  find_package(Vulkan REQUIRED COMPONENTS glslc)
  set(SINKSCOPE_GPU_OPTIONS -DGGML_VULKAN=ON)
  set(SINKSCOPE_GPU_LIBRARIES Vulkan::Vulkan)
elseif(NOT SINKSCOPE_GPU STREQUAL "none")
  message(FATAL_ERROR "SINKSCOPE_GPU: expected none, cuda or vulkan, got '${SINKSCOPE_GPU}'")
endif()
