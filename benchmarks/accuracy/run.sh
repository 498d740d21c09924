#!/usr/bin/env bash
# Trains on one of the public sets and tests on frames it has not seen; tables go to runs/<set>.
#   benchmarks/accuracy/run.sh 3bpa|acac|ethanol|aspirin|silicon [overrides of the run file ...]
# for instance   benchmarks/accuracy/run.sh 3bpa --training.max_steps 20000 --model.channels 64
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cartan=${CARTAN:-$here/../../build/release/apps/cartan}
export CARTAN_DATA=${CARTAN_DATA:-$here/../../../shared/data}
name=$1
shift
out=runs/$name
"$cartan" potential train "$here/$name.toml" --out "$out" "$@"

test_on() {  # TITLE FRAMES [RANGE]
  echo "== $1"
  "$cartan" potential eval "$out/model.h5" "$2" ${3:+--range "$3"}
}
{
  case $name in
    3bpa)
      # frames of the 300 K third that are not in the training set
      awk 'function done() { if (NR == FNR) seen[key] = 1; else if (!(key in seen)) printf "%s", frame; n = 0 }
           n == 0 { n = $1 + 2; left = n; key = ""; frame = "" }
           { frame = frame $0 "\n"; if (left < n - 1) key = key " " $2 " " $3 " " $4; if (--left == 0) done() }' \
        "$CARTAN_DATA/3bpa/train_300K.xyz" <(head -n $((167 * 29)) "$CARTAN_DATA/3bpa/train_mixedT.xyz") > "$out/test_300K.xyz"
      test_on "300 K, without the frames of the training set" "$out/test_300K.xyz"
      test_on "600 K" "$CARTAN_DATA/3bpa/train_mixedT.xyz" 167:334
      test_on "1200 K" "$CARTAN_DATA/3bpa/train_mixedT.xyz" 334:500
      ;;
    acac) test_on "600 K" "$CARTAN_DATA/acac/train_600K.xyz" ;;
    ethanol) test_on "rMD17 frames of another selection" "$CARTAN_DATA/ethanol/train.xyz" ;;
    *) echo "no test frames are at hand: the errors above are those of the validation frames" ;;
  esac
} | tee "$out/errors.txt"
