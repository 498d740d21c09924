#!/bin/sh
# Runs every benchmark program of a build; each writes its table here and JSON beside itself.
#
#   tools/bench.sh BUILD_DIR [BENCHMARK_ARGUMENT...]
set -eu
folder=$1/benchmarks
shift
found=no
for program in "$folder"/bench_*; do
  [ -x "$program" ] && [ ! -d "$program" ] || continue
  found=yes
  echo "== $(basename "$program")"
  "$program" --benchmark_out="$program.json" --benchmark_out_format=json "$@"
done
if [ $found = no ]; then
  echo "bench.sh: no bench_* program in $folder" >&2
  exit 1
fi
