# Finds LBFGS++ (header-only; distributions ship no CMake config of it). Defines LBFGSpp_INCLUDE_DIR.
find_path(LBFGSpp_INCLUDE_DIR NAMES LBFGSB.h PATH_SUFFIXES LBFGSpp lbfgspp)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LBFGSpp REQUIRED_VARS LBFGSpp_INCLUDE_DIR)
mark_as_advanced(LBFGSpp_INCLUDE_DIR)
