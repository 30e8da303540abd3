#!/bin/sh
# Builds the measurements and runs them on the GPU of this machine, one after the other and each with
# a limit of time; see README.md beside this file.
set -u

usage() {
  cat >&2 <<'TEXT'
usage: bench/cuda/run.sh [OPTIONS] [NAME ...]

Names: clusters dsmem l2_ping l2_exchange mma wgmma graph_nodes cudnn ours train pytorch;
default: all.

  --out DIR        where cuda-*.json go; default bench/results
  --build DIR      where to build; default build/cuda-bench
  --cudnn DIR      cuDNN: a folder with include and lib, or the nvidia folder of Python's packages;
                   default: that of --python, where it has one
  --python FILE    the Python that has PyTorch; default python3
  --seconds N      for cudnn and for ours, each; default 90
  --no-build       run what was built before
TEXT
  exit 2
}

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
out=$root/bench/results
build=$root/build/cuda-bench
python=python3
cudnn=
seconds=90
compile=yes
names=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?}; shift ;;
    --build) build=${2:?}; shift ;;
    --cudnn) cudnn=${2:?}; shift ;;
    --python) python=${2:?}; shift ;;
    --seconds) seconds=${2:?}; shift ;;
    --no-build) compile=no ;;
    -*) usage ;;
    *) names="$names $1" ;;
  esac
  shift
done
experiments="clusters dsmem l2_ping l2_exchange mma wgmma graph_nodes"
: "${names:=$experiments cudnn ours train pytorch}"

if [ -z "$cudnn" ]; then
  cudnn=$("$python" -c 'import nvidia.cudnn as c; print(list(c.__path__)[0] + "/..")' 2>/dev/null)
fi

# For this GPU alone: it saves most of the time to build.
architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
case $architecture in
  '') ;;
  90) architecture=90a-real ;;
  *) architecture=$architecture-real ;;
esac

if [ $compile = yes ]; then
  mkdir -p "$build" || exit 1
  cmake -S "$root" -B "$build" -DSLUICE_ADDON=OFF -DSLUICE_CPU=OFF -DSLUICE_CUDA=ON \
    -DSLUICE_BENCH=ON -DSLUICE_CUDNN_DIR="$cudnn" \
    ${architecture:+"-DSLUICE_CUDA_ARCHITECTURES=$architecture"} \
    ${architecture:+"-DSLUICE_BENCH_ARCHITECTURES=$architecture"} >"$build/log" 2>&1 &&
    cmake --build "$build" --target sluice_cuda_bench --parallel "$(nproc)" >>"$build/log" 2>&1 || {
      tail -n 30 "$build/log" >&2
      exit 1
    }
fi
[ -z "$cudnn" ] || export LD_LIBRARY_PATH="$cudnn/cudnn/lib:$cudnn/cu13/lib:$cudnn/lib:${LD_LIBRARY_PATH:-}"
mkdir -p "$out" "$build/results" || exit 1

# measure NAME LIMIT COMMAND...: its JSON in $build/results, and how it ended.
status=0
measure() {
  name=$1
  limit=$2
  shift 2
  echo "== $name" >&2
  rm -f "$build/results/$name.json"
  timeout -k 5 "$limit" "$@" --out "$build/results/$name.json"
  code=$?
  [ $code -eq 0 ] || { echo "$name: exit code $code" >&2; status=1; }
}

for name in $names; do
  case $name in
    cudnn | ours)
      if [ -x "$build/bench/$name" ]; then
        measure "$name" $((seconds + 20)) "$build/bench/$name" --seconds "$seconds"
      else
        echo "$name was not built" >&2
      fi
      ;;
    train) [ -x "$build/bench/train" ] || usage
      measure train 60 "$build/bench/train" --seconds 50
      ;;
    pytorch) measure pytorch 60 "$python" "$root/bench/cuda/pytorch.py" ;;
    *) [ -x "$build/bench/$name" ] || usage
      measure "$name" 30 "$build/bench/$name" --seconds 20 ;;
  esac
done

# The experiments in one file, by name; the others as they are.
parts=
for name in $experiments; do
  [ -s "$build/results/$name.json" ] || continue
  parts="$parts${parts:+,}\"$name\":$(cat "$build/results/$name.json")"
done
[ -z "$parts" ] || printf '{%s}\n' "$parts" >"$out/cuda-experiments.json"
for name in cudnn ours train pytorch; do
  [ ! -s "$build/results/$name.json" ] || cp "$build/results/$name.json" "$out/cuda-$name.json"
done
exit $status
