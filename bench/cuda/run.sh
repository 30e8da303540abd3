#!/bin/sh
# Builds the measurements and runs them on the GPU of this machine, one after the other and all
# within a limit of time; see README.md beside this file.
set -u

usage() {
  cat >&2 <<'TEXT'
usage: bench/cuda/run.sh [OPTIONS] [NAME ...]

Names, run in this order unless they are given in another one:
  train pytorch ours cudnn clusters dsmem l2_ping l2_exchange mma wgmma graph_nodes

  --seconds N        for all of them together, without the build; default 480
  --out DIR          where cuda-*.json go; default bench/results
  --build DIR        where to build; default build/cuda-bench
  --architecture A   of the GPU, such as 90; default: what nvidia-smi says, else all that are known
  --cudnn DIR        cuDNN and cuBLAS: a folder with include and lib, or the nvidia folder of
                     Python's packages; default: that of --python, where it has one
  --python FILE      the Python that has PyTorch; default python3
  --no-build         run what was built before
  --build-only       run nothing
TEXT
  exit 2
}

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/scripts/shares.sh"
out=$root/bench/results
build=$root/build/cuda-bench
python=python3
architecture=
cudnn=
seconds=480
compile=yes
measure=yes
names=
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?}; shift ;;
    --out) out=${2:?}; shift ;;
    --build) build=${2:?}; shift ;;
    --architecture) architecture=${2:?}; shift ;;
    --cudnn) cudnn=${2:?}; shift ;;
    --python) python=${2:?}; shift ;;
    --no-build) compile=no ;;
    --build-only) measure=no ;;
    -*) usage ;;
    *) names="$names $1" ;;
  esac
  shift
done
experiments="clusters dsmem l2_ping l2_exchange mma wgmma graph_nodes"
: "${names:=train pytorch ours cudnn $experiments}"

# weight NAME: about the seconds of 480 that are worth it. cudnn and ours use all that they get.
weight() {
  case $1 in
    train | pytorch) echo 60 ;;
    ours | cudnn) echo 130 ;;
    *) echo 14 ;;
  esac
}
for name in $names; do
  case " train pytorch ours cudnn $experiments " in
    *" $name "*) ;;
    *) usage ;;
  esac
done

if [ -z "$cudnn" ]; then
  cudnn=$("$python" -c '
import nvidia, os
print(max(nvidia.__path__, key=lambda path: os.path.isdir(path + "/cudnn")))' 2>/dev/null)
fi

if [ $compile = yes ]; then
  # For this GPU alone: it saves most of the time to build.
  : "${architecture:=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    head -n 1 | tr -d .)}"
  case $architecture in
    '') echo 'compiling for all GPUs, which takes a while: --architecture names one' >&2 ;;
    90) architecture=90a-real ;;
    *[!0-9]*) ;;
    *) architecture=$architecture-real ;;
  esac
  mkdir -p "$build" || exit 1
  generator=
  [ -e "$build/CMakeCache.txt" ] || ! command -v ninja >/dev/null || generator=Ninja
  cmake -S "$root" -B "$build" ${generator:+-G "$generator"} \
    -DSLUICE_ADDON=OFF -DSLUICE_CPU=OFF -DSLUICE_CUDA=ON \
    -DSLUICE_BENCH=ON -DSLUICE_CUDNN_DIR="$cudnn" \
    ${architecture:+"-DSLUICE_CUDA_ARCHITECTURES=$architecture"} \
    ${architecture:+"-DSLUICE_BENCH_ARCHITECTURES=$architecture"} >"$build/log" 2>&1 &&
    cmake --build "$build" --target sluice_cuda_bench --parallel "$(nproc)" >>"$build/log" 2>&1 || {
      tail -n 30 "$build/log" >&2
      exit 1
    }
fi
[ $measure = yes ] || exit 0

# Where cuDNN and cuBLAS are. Not for PyTorch, which knows its own.
libraries=${LD_LIBRARY_PATH:-}
for folder in ${cudnn:+"$cudnn"/*/lib "$cudnn/lib"}; do
  [ ! -d "$folder" ] || libraries=$folder${libraries:+:$libraries}
done
results=$build/results
mkdir -p "$out" "$results" || exit 1

# The experiments in one file, by name; the others as they are.
collect() {
  parts=
  for part in $experiments; do
    [ -s "$results/$part.json" ] || continue
    parts="$parts${parts:+,}\"$part\":$(cat "$results/$part.json")"
  done
  [ -z "$parts" ] || printf '{%s}\n' "$parts" >"$out/cuda-experiments.json"
  for part in train pytorch ours cudnn; do
    [ ! -s "$results/$part.json" ] || cp "$results/$part.json" "$out/cuda-$part.json"
  done
}

# The cuBLAS that our library has opened, as the results have it; nothing where there are none.
cublas() {
  [ -s "$to" ] || return
  file=$(grep -o '"cublas":"[^"]*"' "$to" | tail -n 1 | cut -d '"' -f 4)
  echo "; cuBLAS: ${file:-none}"
}

begin "$seconds" "$results" $names
for name in $names; do
  take_share "$name"
  rm -f "$results/$name.json"
  to=$results/$name.json
  program=$build/bench/$name
  if [ "$name" = pytorch ]; then
    limited pytorch "$python" "$root/bench/cuda/pytorch.py" --out "$to"
  elif [ -x "$program" ]; then
    # Programs begin nothing new when three quarters of their time are over.
    limited "$name" env "LD_LIBRARY_PATH=$libraries" "$program" \
      --seconds $((limit * 3 / 4)) --out "$to"
  else
    outcome='not built'
    # It takes cuDNN, which not everybody has.
    [ "$name" = cudnn ] || isFailed=yes
  fi
  case $name in
    train | ours) outcome=$outcome$(cublas) ;;
  esac
  tell "$name" "$outcome"
  collect
done
finish
