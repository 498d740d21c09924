#!/usr/bin/env bash
# The demo of neural operators: two equations, from their solvers to a trained surrogate and its pictures, in less than
# five minutes on two cores.
#   apps/demo_operators.sh BUILD_DIR OUT_DIR
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cartan=$(cd "$1" && pwd)/apps/cartan
out=$2
seconds=${DEMO_SECONDS:-75}    # of each training
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }

say "1/4  Darcy flow: 600 coefficients and their pressures, by multigrid on a grid 8 times finer"
"$cartan" operator generate darcy-small --samples 600 --out "$out/darcy.h5" --force
"$cartan" operator generate darcy-small --samples 100 --first 600 --out "$out/darcy_test.h5" --force

say "2/4  training an FNO for $seconds s; the symmetries of the square make eight samples of one"
"$cartan" operator train data/operators.toml --data "$out/darcy.h5" --data.tests "$out/darcy_test.h5" --out "$out/darcy" \
  --training.epochs 0 --training.time_limit_seconds "$seconds" --force

say "3/4  Kuramoto-Sivashinsky: chaos, learnt step by step"
"$cartan" operator generate kuramoto-sivashinsky --points 128 --samples 100 --out "$out/chaos.h5" --force
"$cartan" operator generate kuramoto-sivashinsky --points 128 --samples 16 --first 100 --out "$out/chaos_test.h5" --force
"$cartan" operator train data/chaos.toml --data "$out/chaos.h5" --out "$out/chaos" \
  --training.time_limit_seconds "$seconds" --force

say "4/4  a rollout of 100 steps from states it has not seen"
"$cartan" operator predict "$out/chaos/model.h5" "$out/chaos_test.h5" --steps 100 --filter-order 36 --out "$out/chaos_rollout.h5" \
  --figure "$out/chaos_rollout.svg" --force

cat <<END

Everything lies in $out/
  darcy/model.h5          the surrogate of Darcy flow
  darcy/sample.svg        a coefficient, its pressure, the prediction, the error; worst.svg: the worst one
  darcy/spectra.svg       on which scales the error lies
  darcy/learning_curve.svg
  chaos/model.h5          one step of the Kuramoto-Sivashinsky equation
  chaos_rollout.svg       a hundred of them

Next:
  $cartan operator generate --help                 equations with their solvers
  $cartan operator eval $out/darcy/model.h5 $out/darcy_test.h5 --figures darcy
  $cartan operator train data/operators.toml --data $out/darcy.h5 --out longer --training.epochs 300
END
