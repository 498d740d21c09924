#!/bin/sh
# Errors of a functional model on other splits and starts: does any seed fail?
#
#   benchmarks/functional_seeds.sh CARTAN TABLE INPUTS TARGET [SEEDS [ARGUMENTS..]]
#
# For each seed a random fifth of the rows is kept back; the model is fitted to the others with that seed. Prints RMSE, MAE, -log density,
# coverage of 90 % intervals and RMSE of the shrunk mean by the last input for each seed, then the best and the worst RMSE.
set -eu
cartan=$1 table=$2 inputs=$3 target=$4 seeds=${5:-20}
shift 4; [ $# -eq 0 ] || shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seed=0
while [ "$seed" -lt "$seeds" ]; do
  awk -v seed="$seed" -v train="$work/train.csv" -v test="$work/test.csv" 'BEGIN { srand(seed + 1) }
    NR == 1 { print > train; print > test; next } { print > (rand() < 0.2 ? test : train) }' "$table"
  "$cartan" functional fit "$work/train.csv" --inputs "$inputs" --target "$target" --seed "$seed" --out "$work/model.h5" --force "$@" \
    > "$work/log" 2>&1 || true
  "$cartan" functional eval "$work/model.h5" "$work/test.csv" --json > "$work/json"
  mean=$(awk -F, -v key="${inputs##*,}" -v target="$target" 'FNR == 1 { for (k = 1; k <= NF; k++) { if ($k == key) a = k; if ($k == target) b = k }; next }
    NR == FNR { sum[$a] += $b; count[$a]++; all += $b; rows++; next }
    { e = $b - (sum[$a] + 0.15 * all / rows) / (count[$a] + 0.15); s += e * e; n++ } END { printf "%.4f", sqrt(s / n) }' "$work/train.csv" "$work/test.csv")
  awk -v seed="$seed" -v mean="$mean" -F'[:,]' '{ gsub(/[ "]/, "", $1); v[$1] = $2 }
    END { printf "%d %.4f %.4f %.4f %.4f %s\n", seed, v["rmse"], v["mae"], v["nll"], v["coverage_90"], mean }' "$work/json" | tee -a "$work/all"
  seed=$((seed + 1))
done
awk '{ if (NR == 1 || $2 < best) best = $2; if (NR == 1 || $2 > worst) worst = $2; r += $2 * $2; c += $5; m += $6 * $6 }
  END { printf "best %.4f worst %.4f rmse %.4f coverage %.4f mean %.4f\n", best, worst, sqrt(r / NR), c / NR, sqrt(m / NR) }' "$work/all"
