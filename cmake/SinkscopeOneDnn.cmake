# oneDNN, optional: without it everything works, on llama.cpp's own products, and is slower.
#
# SINKSCOPE_ONEDNN_DIR  a folder with include/ and lib/ of oneDNN 3.2 or later; `./dev` passes the pinned one
# defines               sinkscope_onednn, if it is there
set(SINKSCOPE_ONEDNN_DIR "" CACHE PATH "Folder of oneDNN: include/ and lib/")
find_library(SINKSCOPE_ONEDNN_LIBRARY NAMES libdnnl.so.3 dnnl PATHS ${SINKSCOPE_ONEDNN_DIR}/lib
             NO_DEFAULT_PATH NO_CACHE)  # so that another folder is looked into when it is given
if(SINKSCOPE_ONEDNN_LIBRARY AND EXISTS ${SINKSCOPE_ONEDNN_DIR}/include/oneapi/dnnl/dnnl.hpp)
  add_library(sinkscope_onednn INTERFACE)
  target_include_directories(sinkscope_onednn SYSTEM INTERFACE ${SINKSCOPE_ONEDNN_DIR}/include)
  target_link_libraries(sinkscope_onednn INTERFACE ${SINKSCOPE_ONEDNN_LIBRARY})
  message(STATUS "oneDNN: ${SINKSCOPE_ONEDNN_LIBRARY}")
elseif(SINKSCOPE_ONEDNN_DIR)
  message(FATAL_ERROR "oneDNN: expected include/ and lib/ in SINKSCOPE_ONEDNN_DIR, got '${SINKSCOPE_ONEDNN_DIR}'")
else()
  message(STATUS "oneDNN: none; scans will be slower. ./dev build fetches it, or pass -DSINKSCOPE_ONEDNN_DIR=DIR")
endif()
