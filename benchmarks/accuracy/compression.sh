#!/usr/bin/env bash
# Error against compression on the small Darcy set: a dense FNO compressed by HOSVD, the same fine-tuned, and TFNO trained
# from the start at the same ranks for as many epochs as both parts of the other together.
#
#   compression.sh CARTAN OUT [SEED [FACTOR ..]]    56 epochs of darcy_small.toml and 40 for each factor (3 10 30 100 200);
#                                                   goes on where it was stopped
#
# Writes OUT/compression_SEED.csv; compression.cpp makes the table and the picture of one or more of these.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CARTAN_DATA=${CARTAN_DATA:-$here/../../../shared/data}
cartan=$1 out=$2 seed=${3:-1}
factors=("${@:4}")
[ ${#factors[@]} -gt 0 ] || factors=(3 10 30 100 200)
first=24 second=8  # epochs
mkdir -p "$out"
csv=$out/compression_$seed.csv

number() { sed -n "s/^ *\"$2\": *\([-0-9.e+]*\),*$/\1/p" "$1" | head -n 1; }
train() {  # NAME EPOCHS OPTIONS: OUT/NAME.h5, unless it is there
  local name=$1 epochs=$2
  shift 2
  [ -s "$out/$name.h5" ] && return
  "$cartan" operator train "$here/darcy_small.toml" --out "$out/$name" --resume --training.epochs "$epochs" \
    --training.seed "$seed" "$@" --json > "$out/$name.json"
  mv "$out/$name/model.h5" "$out/$name.h5"
}
row() {  # HOW COMPRESSION NAME PARAMETERS
  local l2_16 l2_32
  "$cartan" operator eval "$out/$3.h5" "$CARTAN_DATA/darcy/darcy_test_16.pt" --json > "$out/eval.json"
  l2_16=$(number "$out/eval.json" rel_l2)
  "$cartan" operator eval "$out/$3.h5" "$CARTAN_DATA/darcy/darcy_test_32.pt" --json > "$out/eval.json"
  l2_32=$(number "$out/eval.json" rel_l2)
  echo "$1,$seed,$2,$4,$ranks,$l2_16,$l2_32" >> "$csv"
}

echo "how,seed,compression,parameters,ranks,rel_l2_16,rel_l2_32" > "$csv"
ranks=dense
train "dense_$seed" $first
train "dense_long_$seed" $((first + second))
row dense 1 "dense_long_$seed" "$(number "$out/dense_long_$seed.json" parameters)"
row truncated 1 "dense_$seed" "$(number "$out/dense_$seed.json" parameters)"
for factor in "${factors[@]}"; do
  name=${factor}_$seed
  if [ ! -s "$out/truncated_$name.h5" ]; then
    "$cartan" operator compress "$out/dense_$seed.h5" --size "$(awk "BEGIN { print 1 / $factor }")" \
      --out "$out/truncated_$name.h5" --json > "$out/truncated_$name.json"
  fi
  compression=$(number "$out/truncated_$name.json" compression)
  parameters=$(number "$out/truncated_$name.json" parameters)
  list=$(tr -d ' \n' < "$out/truncated_$name.json" | sed 's/.*"ranks":\[\([0-9,]*\)\].*/\1/')
  ranks=${list//,/x}
  row truncated "$compression" "truncated_$name" "$parameters"
  train "tuned_$name" $second --model.from "$out/truncated_$name.h5" --training.learning_rate 2e-3
  row "truncated and fine-tuned" "$compression" "tuned_$name" "$parameters"
  train "tfno_$name" $((first + second)) --model.kind tfno --model.ranks "$list"
  row "trained at these ranks" "$compression" "tfno_$name" "$parameters"
done
