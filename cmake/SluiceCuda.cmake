# The CUDA backend: a shared library of its own that needs nothing but the driver where it runs.

# Machine code for each generation, and code that the driver translates for later ones.
set(SLUICE_CUDA_ARCHITECTURES "80-real;86-real;89-real;90a-real;100-real;120-real;90-virtual"
  CACHE STRING "What the CUDA backend is compiled for")

# Not for everybody: the next compiler warns of something else.
option(SLUICE_CUDA_WERROR "Let warnings about CUDA sources fail the build" OFF)

# sluice_find_cuda(VAR MODE): whether to build it. AUTO: where nvcc is found. ON without nvcc fails.
# In the caller's folder, as enable_language asks for.
macro(sluice_find_cuda variable mode)
  set(${variable} OFF)
  if("${mode}" STREQUAL "AUTO")
    include(CheckLanguage)
    check_language(CUDA)
  endif()
  if("${mode}" STREQUAL "ON" OR ("${mode}" STREQUAL "AUTO" AND CMAKE_CUDA_COMPILER))
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES ${SLUICE_CUDA_ARCHITECTURES})
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(${variable} ON)
  endif()
endmacro()

# sluice_cuda_defaults(TARGET): language, include root, warnings, visibility.
# The standard by its flag: CMake before 3.30 does not know what newer compilers take. Functions that
# are constexpr can be called on the device: the engine's that both sides need. As elsewhere a product
# and a sum are one operation only where fmaf says so: else the compiler decides it tile by tile, and
# a row's bits would depend on the tile.
function(sluice_cuda_defaults target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    CUDA_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    CUDA_RUNTIME_LIBRARY Static)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/native)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 -fmad=false --extended-lambda --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>)
  if(SLUICE_CUDA_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  endif()
endfunction()

# sluice_add_cuda_backend(TARGET): the library, under its file name libsluice_cuda.so.
function(sluice_add_cuda_backend target)
  sluice_glob(sources "${PROJECT_SOURCE_DIR}/native/cuda/*.c[cu]")
  add_library(${target} SHARED ${sources})
  sluice_cuda_defaults(${target})
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-Xfatbin=-compress-all --threads 2>)
  target_compile_definitions(${target} PRIVATE SLUICE_VERSION="${SLUICE_VERSION}")
  set_target_properties(${target} PROPERTIES OUTPUT_NAME sluice_cuda)
  if(NOT CMAKE_LIBRARY_OUTPUT_DIRECTORY)
    set_target_properties(${target} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/cuda)
  endif()
  # It is never unloaded; what is linked in answers for nobody else. Not libgcc: GCC 12's static one
  # needs a newer glibc than the rest.
  target_link_options(${target} PRIVATE
    -Wl,-z,nodelete -Wl,--exclude-libs,ALL -Wl,--gc-sections -static-libstdc++
    $<$<CONFIG:Release>:-s>)
endfunction()
