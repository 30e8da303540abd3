# What every target of this project has in common.

# sluice_glob(VAR PATTERN): the sources under a folder, found again when files come or go.
function(sluice_glob variable pattern)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${pattern})
  if(NOT sources)
    message(FATAL_ERROR "no sources match ${pattern}")
  endif()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# sluice_target_defaults(TARGET): language, include root, warnings, visibility, sanitizers.
# No -march anywhere: the kernels choose their instructions at run time. No -ffast-math either:
# NaN and infinity follow IEEE. -ffp-contract=off because whether a compiler fuses a * b + c
# depends on the code around it, and results must not; kernels ask for fused operations by name.
function(sluice_target_defaults target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/native)
  if(NOT MSVC)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Werror=return-type -fno-math-errno -ffp-contract=off)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # g++ 12 warns of std::string's own operator+ (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(SLUICE_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    target_link_options(${target} PRIVATE -fsanitize=${SLUICE_SANITIZE})
  endif()
endfunction()

# sluice_add_library(TARGET PATTERN): a static library of all sources that match.
function(sluice_add_library target pattern)
  sluice_glob(sources ${pattern})
  add_library(${target} STATIC ${sources})
  sluice_target_defaults(${target})
endfunction()
