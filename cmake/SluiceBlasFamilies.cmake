# Which of OpenBLAS' kernel families are linked.
#
# An OpenBLAS built with DYNAMIC_ARCH, as Debian's is, holds every kernel of every routine once for
# each of some twenty families of CPUs, and picks a family at start. Linked statically, that makes
# 27 MB of the addon, of which we use one routine: sgemm. Here dropped families take the kernels of
# a kept one: `--defsym` defines the table of the dropped family as an alias of the kept one's, so
# that the linker has no reason to take the dropped kernels out of the archive. How a CPU is
# recognised stays OpenBLAS' own; OPENBLAS_CORETYPE accepts all names as before.
#
# The rule: no family gets kernels with instructions that its CPUs may lack. OpenBLAS asks for AVX
# only before it picks an AMD family up to EXCAVATOR, hence SANDYBRIDGE for that one. ZEN is the
# one name that it gives to a CPU on AVX alone and whose own kernels need AVX2 and FMA; HASWELL's
# need the same. scripts/check-blas-families.mjs runs what is kept, scripts/check-cpu-floor.mjs old
# CPUs.
#
#   CORE2        what has no AVX. Its sgemm needs SSE2 alone, which every x86-64 has. PRESCOTT's
#                needs SSE3; OPTERON's needs 3DNow!, which virtual CPUs of that family (qemu64,
#                kvm64) promise no one and hosts have no longer. NEHALEM's and BARCELONA's were not
#                faster where they could be compared.
#   SANDYBRIDGE  AVX: 1.8 times as fast as CORE2.
#   HASWELL      AVX2 and FMA. ZEN has the same kernels with other block sizes.
#   SKYLAKEX     AVX-512. COOPERLAKE and SAPPHIRERAPIDS add products of bfloat16, not used here.
#
# A family that this list does not know (of a later OpenBLAS) is linked whole.
set(SLUICE_BLAS_CORE2
  PRESCOTT PENRYN DUNNINGTON NEHALEM ATOM NANO OPTERON OPTERON_SSE3 BARCELONA BOBCAT)
set(SLUICE_BLAS_SANDYBRIDGE BULLDOZER PILEDRIVER STEAMROLLER EXCAVATOR)
set(SLUICE_BLAS_HASWELL ZEN)
set(SLUICE_BLAS_SKYLAKEX COOPERLAKE SAPPHIRERAPIDS)

# sluice_keep_blas_families(TARGET LIBRARY): adds the aliases to what TARGET asks of the linker.
# Any other BLAS (shared, built for one CPU, with fewer families, not OpenBLAS) stays as it is: a
# program is linked with the aliases, and where that fails there are none.
function(sluice_keep_blas_families target library)
  set(kept CORE2 SANDYBRIDGE HASWELL SKYLAKEX)
  set(aliases "")
  foreach(family IN LISTS kept)
    foreach(dropped IN LISTS SLUICE_BLAS_${family})
      list(APPEND aliases "-Wl,--defsym=gotoblas_${dropped}=gotoblas_${family}")
    endforeach()
  endforeach()
  # Once for each library: what the answer was for is part of its name.
  string(MD5 question "${library};${aliases}")
  set(answer SLUICE_BLAS_ALIASES_${question})
  if(NOT DEFINED ${answer})
    set(source ${PROJECT_BINARY_DIR}/CMakeFiles/sluice_blas_families.cc)
    file(WRITE ${source}
      "extern \"C\" char* openblas_get_corename(void);\n"
      "int main() { return openblas_get_corename()[0] == 0; }\n")
    try_compile(linked ${PROJECT_BINARY_DIR}/CMakeFiles/sluice_blas_families ${source}
      LINK_OPTIONS ${aliases}
      LINK_LIBRARIES ${library} OpenMP::OpenMP_CXX Threads::Threads)
    set(${answer} ${linked} CACHE INTERNAL "Whether the BLAS links with families left out")
  endif()
  if(${answer})
    target_link_options(${target} INTERFACE ${aliases})
    set(SLUICE_BLAS_FAMILIES "${kept}" CACHE INTERNAL "Kernel families of OpenBLAS that are linked")
  else()
    set(SLUICE_BLAS_FAMILIES "" CACHE INTERNAL "Kernel families of OpenBLAS that are linked")
  endif()
endfunction()
