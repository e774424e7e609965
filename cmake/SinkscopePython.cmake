# The Python package: python/sinkscope, with the extension sinkscope._core, which reaches api/ only.
#
# Python_EXECUTABLE  a Python 3.10 or later with its headers, for which it is built, and which has nanobind
#
# In the build tree python/ is a folder for PYTHONPATH; `cmake --install --component python` puts the package where
# site-packages is. pip comes here by pyproject.toml.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module ${SKBUILD_SABI_COMPONENT})
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_VARIABLE nanobind_ROOT
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
  message(FATAL_ERROR "Python: expected nanobind in ${Python_EXECUTABLE}, got none; ./dev test and pip bring it, or pip "
                      "install nanobind")
endif()
find_package(nanobind 2.9 CONFIG REQUIRED)

set(package ${PROJECT_BINARY_DIR}/python/sinkscope)
file(MAKE_DIRECTORY ${package})
file(GLOB modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/sinkscope/*.py
     ${PROJECT_SOURCE_DIR}/python/sinkscope/py.typed)
foreach(module IN LISTS modules)
  get_filename_component(name ${module} NAME)
  file(CREATE_LINK ${module} ${package}/${name} SYMBOLIC)
endforeach()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/src/*.cpp)
nanobind_add_module(sinkscope_python STABLE_ABI NB_STATIC NB_DOMAIN sinkscope ${sources})
sinkscope_unity(sinkscope_python)
target_include_directories(sinkscope_python PRIVATE ${PROJECT_SOURCE_DIR}/python/src)
target_include_directories(sinkscope_python SYSTEM PRIVATE ${NB_DIR}/include)
target_link_libraries(sinkscope_python PRIVATE sinkscope_options sinkscope_api)
# Nothing but Python's entry is seen from outside: other packages bring a llama.cpp or an oneDNN of their own.
set(python_exports ${CMAKE_CURRENT_LIST_DIR}/python_exports.map)
target_link_options(sinkscope_python PRIVATE -Wl,--version-script=${python_exports})
set_target_properties(sinkscope_python PROPERTIES OUTPUT_NAME _core LIBRARY_OUTPUT_DIRECTORY ${package}
                                                  LINK_DEPENDS ${python_exports} INSTALL_RPATH $ORIGIN)

nanobind_add_stub(sinkscope_python_stub MODULE _core OUTPUT ${package}/_core.pyi PYTHON_PATH ${package}
                  PATTERN_FILE ${PROJECT_SOURCE_DIR}/python/src/stub_patterns.txt
                  DEPENDS sinkscope_python ${PROJECT_SOURCE_DIR}/python/src/stub_patterns.txt)
add_dependencies(sinkscope_python_stub sinkscope_python)

# llama.cpp's converter of Hugging Face models, as it stands in its source; source trees of the user's own may lack it.
if(EXISTS ${SINKSCOPE_LLAMA_DIR}/conversion)
  file(MAKE_DIRECTORY ${package}/llama_convert)
  foreach(part convert_hf_to_gguf.py conversion gguf-py)
    file(CREATE_LINK ${SINKSCOPE_LLAMA_DIR}/${part} ${package}/llama_convert/${part} SYMBOLIC)
  endforeach()
  set(install_converter DESTINATION sinkscope/llama_convert COMPONENT python EXCLUDE_FROM_ALL)
  install(FILES ${SINKSCOPE_LLAMA_DIR}/convert_hf_to_gguf.py ${install_converter})
  install(DIRECTORY ${SINKSCOPE_LLAMA_DIR}/conversion ${install_converter} FILES_MATCHING PATTERN *.py)
  install(DIRECTORY ${SINKSCOPE_LLAMA_DIR}/gguf-py ${install_converter} FILES_MATCHING PATTERN gguf/*.py
          PATTERN tests EXCLUDE PATTERN examples EXCLUDE)
endif()

# Not what `cmake --install` without a component installs: PREFIX is for programs.
install(TARGETS sinkscope_python LIBRARY DESTINATION sinkscope COMPONENT python EXCLUDE_FROM_ALL)
install(FILES ${modules} ${package}/_core.pyi DESTINATION sinkscope COMPONENT python EXCLUDE_FROM_ALL)
install(FILES ${SINKSCOPE_LLAMA_DIR}/LICENSE DESTINATION sinkscope/licenses RENAME LICENSE.llama.cpp COMPONENT python
        EXCLUDE_FROM_ALL)
if(TARGET sinkscope_onednn)
  file(REAL_PATH ${SINKSCOPE_ONEDNN_LIBRARY} onednn)
  install(PROGRAMS ${onednn} DESTINATION sinkscope RENAME libdnnl.so.3 COMPONENT python EXCLUDE_FROM_ALL)
  install(FILES ${SINKSCOPE_ONEDNN_DIR}/share/doc/onednn/LICENSE DESTINATION sinkscope/licenses RENAME LICENSE.onednn
          COMPONENT python EXCLUDE_FROM_ALL OPTIONAL)
endif()
