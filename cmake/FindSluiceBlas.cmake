# Finds a CBLAS as Sluice::Blas. In order of preference:
#   1. OpenBLAS built on OpenMP, static: it joins the addon's own OpenMP runtime instead of bringing
#      a second thread pool, and the addon needs no BLAS on the machine where it runs;
#   2. OpenBLAS built on OpenMP, shared;
#   3. OpenBLAS built on pthreads, static, then shared;
#   4. any other CBLAS.
# A serial OpenBLAS is refused: its buffers are shared without locks, so calls from several threads
# at once return wrong results.
# To choose by hand: -DSLUICE_BLAS_LIBRARY=<file> -DSLUICE_BLAS_INCLUDE_DIR=<folder with cblas.h>.

set(_roots /usr/local /opt/homebrew/opt/openblas /usr/local/opt/openblas)

# _sluice_find_openblas(FLAVOUR NAMES...): looks in Debian's folder of this flavour, then for the
# names that other distributions give it.
macro(_sluice_find_openblas flavour)
  set(_folders "")
  foreach(_prefix IN LISTS CMAKE_PREFIX_PATH CMAKE_SYSTEM_PREFIX_PATH)
    list(APPEND _folders ${_prefix}/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-${flavour})
  endforeach()
  find_library(SLUICE_BLAS_LIBRARY NAMES libopenblas.a openblas PATHS ${_folders} NO_DEFAULT_PATH)
  find_library(SLUICE_BLAS_LIBRARY NAMES ${ARGN})
  if(SLUICE_BLAS_LIBRARY)
    find_path(SLUICE_BLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas-${flavour} openblas)
  endif()
endmacro()

if(NOT SLUICE_BLAS_LIBRARY)
  _sluice_find_openblas(openmp libopenblaso.a openblaso)
endif()
if(NOT SLUICE_BLAS_LIBRARY)
  _sluice_find_openblas(pthread libopenblasp.a openblasp)
endif()
if(NOT SLUICE_BLAS_LIBRARY)
  find_library(SLUICE_BLAS_LIBRARY NAMES openblas cblas blas HINTS ${_roots} PATH_SUFFIXES lib)
endif()
find_path(SLUICE_BLAS_INCLUDE_DIR cblas.h
  HINTS ${_roots} PATH_SUFFIXES include openblas include/openblas)

include(SluiceBlasFamilies)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SluiceBlas
  REQUIRED_VARS SLUICE_BLAS_LIBRARY SLUICE_BLAS_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "No CBLAS was found. Debian, Ubuntu: apt-get install libopenblas-openmp-dev. Or build without \
the CPU backend: -DSLUICE_CPU=OFF.")

# Asks the library itself how it runs: 0 serial, 1 pthreads, 2 OpenMP, "not OpenBLAS" otherwise.
function(_sluice_blas_threading variable)
  set(source ${PROJECT_BINARY_DIR}/CMakeFiles/sluice_blas.cc)
  file(WRITE ${source}
    "extern \"C\" int openblas_get_parallel(void);\n"
    "int main() { return openblas_get_parallel(); }\n")
  try_run(answer compiled ${PROJECT_BINARY_DIR}/CMakeFiles/sluice_blas ${source}
    LINK_LIBRARIES ${SLUICE_BLAS_LIBRARY} OpenMP::OpenMP_CXX Threads::Threads)
  if(NOT compiled)
    set(answer "not OpenBLAS")
  elseif(NOT answer MATCHES "^[012]$")
    message(WARNING
      "${SLUICE_BLAS_LIBRARY} could not be asked whether it is safe to call from several threads: "
      "a program linked with it ends with ${answer}.")
  endif()
  set(${variable} ${answer} CACHE STRING "How the BLAS library runs its threads" FORCE)
endfunction()

if(SluiceBlas_FOUND)
  if(NOT SLUICE_BLAS_CHECKED STREQUAL SLUICE_BLAS_LIBRARY AND NOT CMAKE_CROSSCOMPILING)
    _sluice_blas_threading(SLUICE_BLAS_THREADING)
    if(NOT SLUICE_BLAS_THREADING STREQUAL "0")
      set(SLUICE_BLAS_CHECKED ${SLUICE_BLAS_LIBRARY} CACHE INTERNAL "")
    endif()
  endif()
  if(SLUICE_BLAS_THREADING STREQUAL "0")
    set(_serial ${SLUICE_BLAS_LIBRARY})
    unset(SLUICE_BLAS_LIBRARY CACHE)
    unset(SLUICE_BLAS_INCLUDE_DIR CACHE)
    message(FATAL_ERROR
      "${_serial} is a serial OpenBLAS, which is not safe to call from several threads. Install "
      "the OpenMP build (Debian, Ubuntu: apt-get install libopenblas-openmp-dev), or name another "
      "library with -DSLUICE_BLAS_LIBRARY.")
  endif()

  if(NOT TARGET Sluice::Blas)
    add_library(Sluice::Blas INTERFACE IMPORTED)
    target_include_directories(Sluice::Blas INTERFACE ${SLUICE_BLAS_INCLUDE_DIR})
    target_link_libraries(Sluice::Blas INTERFACE ${SLUICE_BLAS_LIBRARY} Threads::Threads)
    if(NOT SLUICE_BLAS_THREADING STREQUAL "not OpenBLAS")
      target_compile_definitions(Sluice::Blas INTERFACE SLUICE_OPENBLAS=1)
    endif()
    if(SLUICE_BLAS_LIBRARY MATCHES "\\.a$" AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
      sluice_keep_blas_families(Sluice::Blas ${SLUICE_BLAS_LIBRARY})
    endif()
  endif()
  mark_as_advanced(SLUICE_BLAS_LIBRARY SLUICE_BLAS_INCLUDE_DIR SLUICE_BLAS_THREADING)
endif()
