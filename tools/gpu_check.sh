#!/bin/sh
# Builds the library with its CUDA backend and runs on this machine's GPU what can run there: arrays, the op list,
# derivatives, a short training. Ends with a summary; 0 when all passed.
#
#   tools/gpu_check.sh [BUILD_FOLDER]     (default: build/gpu)
#
# Needs nvcc, cuBLAS, and the packages of tools/packages.sh that the library itself needs, with GoogleTest.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/gpu}
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo "gpu_check.sh: no nvcc; put it on the PATH" >&2; exit 5; }
gpu=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader | head -n 1) ||
  { echo "gpu_check.sh: nvidia-smi finds no GPU" >&2; exit 5; }
arch=$(echo "${gpu##*, }" | tr -d .)
generator=
! command -v ninja >/dev/null || generator='-G Ninja'

start=$(date +%s)
# shellcheck disable=SC2086
cmake -S . -B "$build" $generator -DCARTAN_CUDA=ON -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$arch" \
  -DCARTAN_APPS=OFF -DCARTAN_TESTS=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE='-O2 -DNDEBUG'
cmake --build "$build" --parallel "$(nproc)" --target test_core test_autodiff test_nn
built=$(date +%s)

failed=
for module in core autodiff nn; do
  "$build/tests/test_$module" --gtest_brief=1 >"$build/$module.log" 2>&1 || failed="$failed $module"
  cat "$build/$module.log"
done

echo
echo "GPU: $gpu; built in $((built - start)) s, ran in $(($(date +%s) - built)) s"
grep -h '^op list on' "$build"/core.log "$build"/autodiff.log "$build"/nn.log || true
for module in core autodiff nn; do
  echo "$module: $(grep -E '^\[  (PASSED|FAILED)  \]' "$build/$module.log" | head -n 1)"
done
grep -q '^op list on cuda' "$build/autodiff.log" || { echo "the op list did not run on cuda"; failed="$failed cuda"; }
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
echo "all passed"
