#!/usr/bin/env bash
# Trains on one of the public sets and tests on frames it has not seen; tables go to runs/<set>.
#   benchmarks/accuracy/run.sh 3bpa|acac|ethanol|aspirin|silicon [overrides of the run file ...]
# for instance   benchmarks/accuracy/run.sh 3bpa --training.max_steps 20000 --model.channels 64
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cartan=${CARTAN:-$here/../../build/release/apps/cartan}
export CARTAN_DATA=${CARTAN_DATA:-$here/../../../shared/data}
. "$here/frames.sh"
name=$1
shift
out=runs/$name
mkdir -p runs/frames
"$cartan" potential train "$here/$name.toml" --data "$(train_frames "$name" runs/frames)" --out "$out" "$@"

test_frames "$name" runs/frames | while read -r part frames; do
  echo "== $part"
  "$cartan" potential eval "$out/model.h5" "$frames"
done | tee "$out/errors.txt"
[ -s "$out/errors.txt" ] || echo "no test frames are at hand: the errors above are those of the validation frames"
