# The installed package: library, headers, the command `cartan`, CMake package `cartan` and cartan.pc. All of it is relocatable.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cartan)
target_include_directories(cartan PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS cartan EXPORT cartan-targets)
install(DIRECTORY include/cartan ${PROJECT_BINARY_DIR}/include/cartan DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT cartan-targets NAMESPACE cartan:: DESTINATION ${package_dir})

configure_package_config_file(cmake/cartan-config.cmake.in ${PROJECT_BINARY_DIR}/cartan-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cartan-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cartan-config.cmake ${PROJECT_BINARY_DIR}/cartan-config-version.cmake
        DESTINATION ${package_dir})
if(TARGET cartan_cli)
  file(RELATIVE_PATH from_bin /x/${CMAKE_INSTALL_BINDIR} /x/${CMAKE_INSTALL_LIBDIR})
  set_target_properties(cartan_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin}")
  install(TARGETS cartan_cli)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/manual/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
  install(FILES ${PROJECT_BINARY_DIR}/manual/bash/cartan OPTIONAL
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
# What the pages and the examples of the help refer to lies beside them, as in the source tree.
install(FILES LICENSE README.md HACKING.md CITATION.cff CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/cartan)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/cartan)
install(DIRECTORY tests/examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/cartan/examples FILES_MATCHING PATTERN "*.cpp")
install(DIRECTORY data DESTINATION ${CMAKE_INSTALL_DATADIR}/cartan)

# pkg-config: a shared library brings what it needs, a static one leaves it to the caller's link line.
set(pc_libs_private "")
if(NOT BUILD_SHARED_LIBS)
  set(libraries ${HDF5_C_LIBRARIES} ${ZLIB_LIBRARIES} ${FFTW_LINK_LIBRARIES} ${LIBZIP_LINK_LIBRARIES} ${OpenMP_CXX_LIBRARIES} -lstdc++ -lm)
  if(CARTAN_CUDA)
    list(APPEND libraries ${CUDA_cudart_LIBRARY})
  endif()
  list(JOIN libraries " " pc_libs_private)
endif()
file(RELATIVE_PATH pc_prefix /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(cmake/cartan.pc.in ${PROJECT_BINARY_DIR}/cartan.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cartan.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
