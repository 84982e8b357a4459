# Looks up what the components that are built need, once, for all folders (and for a host that adds us as a subdirectory).
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)

find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(Boost 1.74 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(LBFGSpp)

if(ATTUNE_RUNTIME)
  find_package(nlohmann_json REQUIRED)
  find_package(RE2 REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(JPEG REQUIRED)
  find_package(PNG REQUIRED)
  find_package(SQLite3 3.35 REQUIRED)
  # PostgreSQL's client library is optional: without it, postgresql:// addresses are refused at run time.
  find_path(ATTUNE_PQ_INCLUDE_DIR NAMES libpq-fe.h PATH_SUFFIXES postgresql)
  find_library(ATTUNE_PQ_LIBRARY NAMES pq)
  if(ATTUNE_PQ_INCLUDE_DIR AND ATTUNE_PQ_LIBRARY)
    message(STATUS "PostgreSQL storage: with ${ATTUNE_PQ_LIBRARY}")
  else()
    message(STATUS "PostgreSQL storage: left out (libpq-dev is missing)")
  endif()
endif()

if(ATTUNE_FINETUNE)
  find_package(Torch REQUIRED)
endif()
