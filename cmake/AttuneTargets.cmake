# Settings that every target of this build shares, without touching a host's global flags.
include(GNUInstallDirs)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  find_program(ATTUNE_CCACHE ccache)
  if(ATTUNE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # A precompiled header carries time stamps; these are the allowances that ccache documents for them. Paths are taken
    # relative to the source tree, so that a second checkout is served by what the first one compiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};CCACHE_NOHASHDIR=1;${ATTUNE_CCACHE}")
  endif()
endif()

# Our own flags for a compiled target: warnings, sanitizers, position independence.
function(attune_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  if(ATTUNE_STRICT)
    # g++ 12 sees overlapping copies in plain string concatenation (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Wno-restrict)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-restrict)
  endif()
  if(ATTUNE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${ATTUNE_SANITIZE} -fno-omit-frame-pointer -g)
    target_link_options(${target} PUBLIC -fsanitize=${ATTUNE_SANITIZE})
  endif()
endfunction()
