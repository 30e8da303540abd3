# CUDA C++ compiled for the CPU, which is how kernels are tested where there is no GPU.

set(SLUICE_CUDA_EMULATOR ${PROJECT_SOURCE_DIR}/test/native/cuda/emulator)

sluice_add_library(sluice_cuda_emulator "${SLUICE_CUDA_EMULATOR}/*.cc")
target_include_directories(sluice_cuda_emulator BEFORE PUBLIC ${SLUICE_CUDA_EMULATOR})

# sluice_emulate_cuda(TARGET): compiles the target's .cu files as C++, against the emulator. Each copy
# of the emulator (of a shared library, of a program) has devices and memory of its own.
function(sluice_emulate_cuda target)
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "\\.cu$")
  set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
  # In front of native/: cuda/device/intrinsics.h is the emulator's.
  target_include_directories(${target} BEFORE PRIVATE ${SLUICE_CUDA_EMULATOR})
  target_link_libraries(${target} PUBLIC sluice_cuda_emulator)
  # nvcc's unroll is not g++'s.
  target_compile_options(${target} PRIVATE -Wno-unknown-pragmas)
endfunction()

# --- tests of the emulator itself ---------------------------------------------------------------

set(emulator_kernels ${PROJECT_SOURCE_DIR}/test/native/cuda/emulator_kernels.cu)
add_library(sluice_emulator_kernels STATIC ${emulator_kernels})
sluice_target_defaults(sluice_emulator_kernels)
target_include_directories(sluice_emulator_kernels PRIVATE ${PROJECT_SOURCE_DIR}/test/native)
sluice_emulate_cuda(sluice_emulator_kernels)

# The same files against the real headers: what the emulator declares must be what the toolkit and
# native/cuda/device declare.
find_program(SLUICE_NVCC nvcc)
if(SLUICE_NVCC)
  file(GLOB emulator_tests CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/test/native/cuda/emulator_*test.cc)
  set(checked ${emulator_kernels} ${emulator_tests})
  set(stamp ${PROJECT_BINARY_DIR}/cuda_declarations.stamp)
  set(commands)
  foreach(file ${checked})
    list(APPEND commands COMMAND ${SLUICE_NVCC} -std=c++20 -arch=sm_80 -Werror all-warnings
      -I${PROJECT_SOURCE_DIR}/native -I${PROJECT_SOURCE_DIR}/test/native
      -c ${file} -o ${PROJECT_BINARY_DIR}/cuda_declarations.o)
  endforeach()
  file(GLOB emulator_headers CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/test/native/cuda/emulator_*.h)
  add_custom_command(OUTPUT ${stamp} ${commands}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${checked} ${emulator_headers} ${PROJECT_SOURCE_DIR}/native/cuda/device/intrinsics.h
    COMMENT "Checking the emulator's tests with nvcc" VERBATIM)
  add_custom_target(sluice_cuda_declarations DEPENDS ${stamp})
endif()
