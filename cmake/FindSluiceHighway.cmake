# Finds Highway, 1.0 or newer, as Sluice::Highway: by its CMake package, else by pkg-config.
# The kernels use names that Highway 0.x does not have.

set(_minimum 1.0)

find_package(hwy ${_minimum} CONFIG QUIET)
if(TARGET hwy::hwy)
  set(SluiceHighway_VERSION ${hwy_VERSION})
  set(SluiceHighway_TARGET hwy::hwy)
else()
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(SLUICE_HWY QUIET IMPORTED_TARGET libhwy>=${_minimum})
    if(SLUICE_HWY_FOUND)
      set(SluiceHighway_VERSION ${SLUICE_HWY_VERSION})
      set(SluiceHighway_TARGET PkgConfig::SLUICE_HWY)
    endif()
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SluiceHighway
  REQUIRED_VARS SluiceHighway_TARGET
  VERSION_VAR SluiceHighway_VERSION
  REASON_FAILURE_MESSAGE
    "Highway ${_minimum} or newer was not found. Debian 12, Ubuntu 24.04: apt-get install \
libhwy-dev. Elsewhere install it from source (github.com/google/highway) and name its folder \
with -Dhwy_DIR=<prefix>/lib/cmake/hwy.")

if(SluiceHighway_FOUND AND NOT TARGET Sluice::Highway)
  add_library(Sluice::Highway INTERFACE IMPORTED)
  target_link_libraries(Sluice::Highway INTERFACE ${SluiceHighway_TARGET})
endif()
