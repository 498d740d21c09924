#!/bin/sh
# Runs the tests of a preset and closes with a line "N passed, N failed". Exit code 0 when all passed.
#
#   tools/test.sh PRESET JOBS [CTEST_ARGUMENT...]
set -eu
preset=$1 jobs=$2
shift 2
cd "$(dirname "$0")/.."

report=$PWD/build/$preset/tests.xml
rm -f "$report"
echo "== Testing build/$preset"
if [ "$preset" = tsan ] && [ -z "${OMP_TOOL_LIBRARIES:-}" ]; then
  # Archer, beside the OpenMP runtime, tells the sanitizer what barriers order: without it every loop is an alarm.
  runtime=$(ldd build/tsan/libcartan.so | awk '$1 ~ /^libomp/ { print $3 }')
  OMP_TOOL_LIBRARIES=$(dirname "$(readlink -f "$runtime")")/libarcher.so
  [ -e "$OMP_TOOL_LIBRARIES" ] || { echo "test.sh: no $OMP_TOOL_LIBRARIES; install clang's OpenMP: tools/packages.sh sanitize" >&2; exit 1; }
  export OMP_TOOL_LIBRARIES
fi
code=0
ctest --preset "$preset" --parallel "$jobs" --progress --output-junit "$report" "$@" || code=$?

# <testsuite name="..." tests="9" failures="1" disabled="0" skipped="2" ...>: the first lines of the report
count() {
  awk -v key="$1" 'match($0, "[ \t]" key "=\"[0-9]+\"") {
    value = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", value); print value; exit }' "$report"
}
if [ ! -s "$report" ]; then
  echo "0 passed, 0 failed: no test was run" >&2
  exit 1
fi
tests=$(count tests) failures=$(count failures) disabled=$(count disabled) skipped=$(count skipped)
passed=$((tests - failures - disabled - skipped))
rest=$((disabled + skipped))
if [ "$rest" -gt 0 ]; then
  echo "$passed passed, $failures failed, $rest skipped"
else
  echo "$passed passed, $failures failed"
fi
[ "$failures" -eq 0 ] || exit 1
exit "$code"
