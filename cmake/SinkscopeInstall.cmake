# The shared library, and what `cmake --install` puts where: bin/sinkscope, lib/libsinkscope.so with its headers and a
# CMake package, and oneDNN beside it. Nothing installed names a folder of this machine: it may be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Every room that public headers reach, whole, with llama.cpp inside.
set(public_rooms base gguf text probe engine_memory engine_attention engine_accel engine_gpu engine_llama measure sinks
    scan levels formation store report api)
list(TRANSFORM public_rooms REPLACE "(.+)" "$<TARGET_OBJECTS:sinkscope_\\1>" OUTPUT_VARIABLE objects)
add_library(sinkscope_shared SHARED ${objects})
target_link_libraries(sinkscope_shared PRIVATE sinkscope_options sinkscope_api)
# Only names of namespace sinkscope are seen from outside: a program may bring a llama.cpp of its own.
set(exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
target_link_options(sinkscope_shared PRIVATE -Wl,--version-script=${exports})
set_target_properties(sinkscope_shared PROPERTIES
  OUTPUT_NAME sinkscope EXPORT_NAME sinkscope VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINK_DEPENDS ${exports} LINKER_LANGUAGE CXX INSTALL_RPATH $ORIGIN)
target_compile_features(sinkscope_shared INTERFACE cxx_std_20)
target_include_directories(sinkscope_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

file(RELATIVE_PATH to_library /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${CMAKE_INSTALL_LIBDIR})
set_target_properties(sinkscope PROPERTIES INSTALL_RPATH $ORIGIN/${to_library})

set(headers ${PROJECT_BINARY_DIR}/public_headers)
add_custom_target(sinkscope_headers ALL
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR}/src -DOUTPUT=${headers}
          -P ${CMAKE_CURRENT_LIST_DIR}/PublicHeaders.cmake
  COMMENT "Collecting public headers" VERBATIM)

install(TARGETS sinkscope RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS sinkscope_shared EXPORT sinkscope LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${headers}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${SINKSCOPE_LLAMA_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.llama.cpp)
if(TARGET sinkscope_onednn)
  file(REAL_PATH ${SINKSCOPE_ONEDNN_LIBRARY} onednn)  # the file itself, under the name by which it is looked for
  install(PROGRAMS ${onednn} DESTINATION ${CMAKE_INSTALL_LIBDIR} RENAME libdnnl.so.3)
  install(FILES ${SINKSCOPE_ONEDNN_DIR}/share/doc/onednn/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
          RENAME LICENSE.onednn OPTIONAL)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/sinkscope)
install(EXPORT sinkscope NAMESPACE sinkscope:: FILE sinkscopeTargets.cmake DESTINATION ${package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/sinkscopeConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/sinkscopeConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sinkscopeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sinkscopeConfig.cmake ${PROJECT_BINARY_DIR}/sinkscopeConfigVersion.cmake
        DESTINATION ${package})
