#!/bin/sh
# Runs the libFuzzer programs of a build, one after the other:
#
#   tests/fuzz/run.sh BUILD RUNS [NAME...]     RUNS inputs of each (default: all of them)
#
# Inputs that were found grow in BUILD/corpus/NAME; one that fails is kept in BUILD/found, and ends with 1.
set -u
[ $# -ge 2 ] || { echo "usage: $0 BUILD RUNS [NAME...]" >&2; exit 2; }
build=$1 runs=$2
shift 2
programs=$build/tests/fuzz
[ $# -gt 0 ] || set -- $(ls "$programs" | sed -n 's/^fuzz_\([a-z0-9_]*\)$/\1/p')
"$programs/make_fuzz_seeds" "$build/seeds" || exit 1
mkdir -p "$build/found"
status=0
# HDF5 1.10 loses memory after files that it refuses.
export ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=0" OMP_NUM_THREADS=1
for name in "$@"; do
  [ -x "$programs/fuzz_$name" ] || continue
  mkdir -p "$build/corpus/$name"
  start=$(date +%s)
  if "$programs/fuzz_$name" -runs="$runs" -max_len=8192 -timeout=300 -rss_limit_mb=3000 -seed=1 -print_final_stats=1 \
      -artifact_prefix="$build/found/$name-" "$build/corpus/$name" "$build/seeds/$name" > "$build/$name.log" 2>&1; then
    result=clean
  else
    result=FAILED status=1
  fi
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
  echo "$name: $result, ${executed:-?} runs, $(ls "$build/corpus/$name" | wc -l) inputs kept, $(($(date +%s) - start)) s"
done
exit $status
