# Install rules: headers, one export set a component, the package config, pkg-config files.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/attune")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/attune" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT core
        FILES_MATCHING PATTERN "*.hpp"
        PATTERN "finetune" EXCLUDE)
if(ATTUNE_FINETUNE)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/attune/finetune" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/attune"
          COMPONENT finetune FILES_MATCHING PATTERN "*.hpp")
endif()

foreach(component core runtime finetune)
  if(TARGET attune_${component})
    install(TARGETS attune_${component} EXPORT attune_${component}
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
            RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT ${component})
    install(EXPORT attune_${component} FILE attune-${component}-targets.cmake NAMESPACE attune::
            DESTINATION "${package_dir}" COMPONENT ${component})
  endif()
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/attuneConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/attuneConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/attuneConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/attuneConfig.cmake" "${PROJECT_BINARY_DIR}/attuneConfigVersion.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/FindRE2.cmake" DESTINATION "${package_dir}" COMPONENT core)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/attune" COMPONENT core)

# pkg-config: one template, filled for each component.
function(attune_pkg_config component description requires libs libs_private)
  file(RELATIVE_PATH PC_PREFIX_FROM_HERE "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  set(PC_NAME "attune-${component}")
  set(PC_DESCRIPTION "${description}")
  set(PC_REQUIRES "${requires}")
  set(PC_CFLAGS "${ARGN}")
  set(PC_LIBS "${libs}")
  set(PC_LIBS_PRIVATE "${libs_private}")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/attune.pc.in" "${PROJECT_BINARY_DIR}/attune-${component}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/attune-${component}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ${component})
endfunction()

attune_pkg_config(core "Hyperparameter tuning, header-only" "eigen3 >= 3.4 fmt >= 9" "-pthread" "")
if(ATTUNE_RUNTIME)
  if(ATTUNE_PQ_INCLUDE_DIR AND ATTUNE_PQ_LIBRARY)
    set(attune_pq_requires " libpq")
  endif()
  # A static archive: what it needs must be on the line even without --static.
  attune_pkg_config(runtime "Attune: journal, processes, metrics, files and reports" "attune-core re2 zlib libjpeg libpng sqlite3${attune_pq_requires}"
    "-L\${libdir} -lattune_runtime" "" " -DATTUNE_COMPILED")
endif()
