#!/bin/sh
# CP-ALS of five million entries beside SPLATT, interleaved: processor seconds a sweep (of all threads) and peak memory.
#
#   benchmarks/peers/sparse_als.sh BUILD_FOLDER SPLATT_PROGRAM [THREADS]
#
# SPLATT: git clone https://github.com/ShadenSmith/splatt; cmake -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS="-O3 -march=native -fcommon"
set -eu
build=$1 splatt=$2 threads=${3:-1}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS="$threads" OMP_WAIT_POLICY=passive
c++ -O2 -std=c++17 -I"$root/include" "$root/benchmarks/peers/sparse_als.cpp" -o "$work/sparse_als" -L"$build" -lcartan \
  -Wl,-rpath,"$(cd "$build" && pwd)"
"$work/sparse_als" make "$work/t.tns" 5000000 12000 9000 28000
sweeps=10
peer() { # user seconds and kilobytes of so many sweeps
  /usr/bin/time -f "%U %M" "$splatt" cpd "$work/t.tns" -r "$1" -i "$2" -t "$threads" --nowrite --tol=0 2>&1 >/dev/null | tail -1
}
for rank in 16 35; do
  for turn in 1 2 3; do
    echo "rank $rank, turn $turn"
    "$work/sparse_als" fit "$work/t.tns" $rank $sweeps
    one=$(peer $rank 1) all=$(peer $rank $((sweeps + 1)))
    echo "$one $all" | awk -v n=$sweeps '{ printf "SPLATT: a sweep %.4f processor seconds, peak %.0f MB\n", ($3 - $1) / n, $4 / 1e3 }'
  done
done
