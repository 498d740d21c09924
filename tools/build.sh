#!/bin/sh
# Configures and builds a preset of CMakePresets.json, with the compiler cache where there is one.
#
#   tools/build.sh PRESET JOBS [CMAKE_ARGUMENT...]
set -eu
preset=$1 jobs=$2
shift 2
cd "$(dirname "$0")/.."

if [ -z "${CMAKE_CXX_COMPILER_LAUNCHER+set}" ] && command -v ccache >/dev/null 2>&1; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
echo "== Configuring build/$preset"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
start=$(date +%s)
echo "== Building build/$preset with $jobs jobs"
cmake --build "build/$preset" --parallel "$jobs"
echo "== Built in $(($(date +%s) - start)) s"
