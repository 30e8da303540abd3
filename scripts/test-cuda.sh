#!/bin/sh
# Runs the native tests of the CUDA backend on the GPU of this machine: as they are, and under
# NVIDIA's compute-sanitizer with each of its tools, all within a limit of time. Needs no Node, and
# compiles nothing: tests and library may come from another machine.
set -u

usage() {
  cat >&2 <<'TEXT'
usage: scripts/test-cuda.sh [OPTIONS] [NAME ...] [-- ARGUMENTS FOR GOOGLETEST]

Names: plain memcheck racecheck initcheck synccheck; default: all.

  --tests FILE       default build/cuda-bench/sluice_tests
  --library FILE     default build/cuda-bench/cuda/libsluice_cuda.so
  --out DIR          where NAME.log go; default build/cuda-tests
  --seconds N        for all of them together; default 3600
  --sanitizer FILE   compute-sanitizer; default: that in PATH or of the CUDA toolkit
  --check            run nothing; say whether GPU and compute-sanitizer are there

Exit codes: 0, 1 a test failed, a tool found something or the time was up, 2 wrong arguments,
3 something is missing here.
TEXT
  exit 2
}

missing() {
  echo "$1" >&2
  exit 3
}

root=$(cd "${0%/*}/.." && pwd) || exit 1
. "$root/scripts/shares.sh"
tests=$root/build/cuda-bench/sluice_tests
library=$root/build/cuda-bench/cuda/libsluice_cuda.so
out=$root/build/cuda-tests
seconds=3600
sanitizer=
check=no
tools="memcheck racecheck initcheck synccheck"
names=
while [ $# -gt 0 ]; do
  case $1 in
    --tests) tests=${2:?}; shift ;;
    --library) library=${2:?}; shift ;;
    --out) out=${2:?}; shift ;;
    --seconds) seconds=${2:?}; shift ;;
    --sanitizer) sanitizer=${2:?}; shift ;;
    --check) check=yes ;;
    --) shift; break ;;
    *)
      case " plain $tools " in
        *" $1 "*) names="$names $1" ;;
        *) usage ;;
      esac
      ;;
  esac
  shift
done
: "${names:=plain $tools}"

[ -n "$(nvidia-smi -L 2>/dev/null)" ] ||
  missing 'there is no GPU here, or no NVIDIA driver: nvidia-smi finds none'
nvcc=${CUDACXX:-$(command -v nvcc)}
for file in compute-sanitizer "${nvcc%/*}/compute-sanitizer" \
  /usr/local/cuda/bin/compute-sanitizer /usr/local/cuda/compute-sanitizer/compute-sanitizer; do
  [ -z "$sanitizer" ] && "$file" --version >/dev/null 2>&1 && sanitizer=$file
done
lacksSanitizer='compute-sanitizer is missing; it comes with the CUDA toolkit'
if [ $check = yes ]; then
  [ -n "$sanitizer" ] || missing "$lacksSanitizer"
  exit 0
fi
[ -x "$tests" ] || missing "$tests is not there"
[ -f "$library" ] || missing "$library is not there"

# weight NAME: the tools make everything slower, racecheck most of all.
weight() {
  case $1 in
    plain) echo 1 ;;
    racecheck) echo 3 ;;
    *) echo 2 ;;
  esac
}

export SLUICE_CUDA_PATH="$library"
begin "$seconds" "$out" $names
isIncomplete=no
for name in $names; do
  take_share "$name"
  # The emulator's own tests, and those of products that are linked with it, need no GPU.
  set -- "$tests" '--gtest_filter=*Cuda*:*cuda*-*CudaEmulator*:*CudaGemm*' "$@"
  if [ "$name" = plain ]; then
    limited plain "$@"
  elif [ -n "$sanitizer" ]; then
    limited "$name" "$sanitizer" --tool "$name" --error-exitcode 1 "$@"
  else
    tell "$name" "$lacksSanitizer"
    isIncomplete=yes
    shift 2
    continue
  fi
  shift 2
  # Without a usable device the tests take the emulated one.
  if grep '^no cuda:' "$out/$name.log" >&2; then
    outcome="$outcome; not on the GPU"
    isFailed=yes
  fi
  passed=$(grep -c '^\[       OK \]' "$out/$name.log")
  [ "$passed" -gt 0 ] || isFailed=yes
  tell "$name" "$outcome; $passed tests passed"
done
[ $isFailed = yes ] || [ $isIncomplete = no ] || { printf '\n%s' "$summary" >&2; exit 3; }
finish
