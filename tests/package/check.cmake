# One check of the package from outside; see CMakeLists.txt. Arguments: MODE COMPONENT SOURCE BUILD WORK SANITIZE
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT result EQUAL 0)
    string(REPLACE ";" " " line "${ARGN}")
    message(FATAL_ERROR "failed: ${line}\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

set(consumer "${SOURCE}/tests/package/${COMPONENT}")
set(prefix "${WORK}/prefix")
set(no_torch -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON)

function(build_and_run)
  run(${CMAKE_COMMAND} -G Ninja -S ${consumer} -B ${WORK}/consumer -DCMAKE_BUILD_TYPE=Release
      "-DCMAKE_CXX_FLAGS=${sanitize_flags}" ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK}/consumer -j 1)
  run(${WORK}/consumer/consumer)
  message(STATUS "${output}")
endfunction()

if(SANITIZE)
  set(sanitize_flags "-fsanitize=${SANITIZE}")
endif()

if(MODE STREQUAL "alone" OR MODE STREQUAL "missing")
  run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${WORK}/attune -DATTUNE_RUNTIME=OFF -DATTUNE_FINETUNE=OFF -DATTUNE_TESTS=OFF
      -DATTUNE_EXAMPLES=OFF -DATTUNE_BENCHMARKS=OFF -DATTUNE_PROGRAMS=OFF ${no_torch} -DCMAKE_INSTALL_PREFIX=${prefix})
  run(${CMAKE_COMMAND} --install ${WORK}/attune)
endif()

if(MODE STREQUAL "alone")
  build_and_run(-DCMAKE_PREFIX_PATH=${prefix} ${no_torch} -DCMAKE_DISABLE_FIND_PACKAGE_RE2=ON -DATTUNE_TWO_FILES=ON)
elseif(MODE STREQUAL "missing")
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${consumer} -B ${WORK}/consumer -DCMAKE_PREFIX_PATH=${prefix}
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(result EQUAL 0 OR NOT out MATCHES "component 'finetune' of attune is[ \n]+not[ \n]+installed[ \n]+here")
    message(FATAL_ERROR "a missing component must be refused by name, but cmake said:\n${out}")
  endif()
elseif(MODE STREQUAL "subdirectory")
  build_and_run(-DATTUNE_AS_SUBDIRECTORY=${SOURCE} -DATTUNE_RUNTIME=OFF -DATTUNE_FINETUNE=OFF ${no_torch})
elseif(MODE STREQUAL "installed")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
  build_and_run(-DCMAKE_PREFIX_PATH=${prefix})
elseif(MODE STREQUAL "pkg_config")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
  file(GLOB_RECURSE pc "${prefix}/*attune-${COMPONENT}.pc")
  get_filename_component(pc_dir "${pc}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}")  # runtime requires core, which lies beside it
  run(pkg-config --cflags --libs attune-${COMPONENT})
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags} ${sanitize_flags}")
  run(c++ -O1 ${consumer}/main.cpp -o ${WORK}/consumer ${flags})
  run(${WORK}/consumer)
endif()
