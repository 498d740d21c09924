#!/bin/sh
# The verbs `cartan operator import` and `compress`: files, numbers, exit codes, bad files. The state dicts are those
# beside the public data sets; without them nothing is tested unless CARTAN_REQUIRE_DATA=1.
#
#   tests/apps/operator_model_verbs.sh CARTAN SOURCE    the command, the root of the source tree
set -u
cartan=$1 source=$2
reference=${CARTAN_DATA:-$source/../shared/data}/../reference
if [ ! -e "$reference/neuralop_dense2d_state_dict.pt" ]; then
  echo "no state dicts of neuraloperator in $reference"
  [ "${CARTAN_REQUIRE_DATA:-}" != 1 ]
  exit
fi
. "$(dirname "$0")/expect.sh"
value() { sed -n "s/^ *\"$1\": \([^,]*\).*/\1/p" out | head -n 1; }
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }
op() { "$cartan" operator "$@"; }

expect 0 'FNO of 2 layers, 5 channels, modes 6x5' op import "$reference/neuralop_dense2d_state_dict.pt" --out dense.h5
expect 0 '"notes"' op import "$reference/neuralop_tucker2d_state_dict.pt" --out tucker.h5 --json
expect 0 'cartan-operator' "$cartan" data info dense.h5
expect 2 'exists; --force' op import "$reference/neuralop_dense2d_state_dict.pt" --out dense.h5
expect 3 . op import "$reference/neuralop_kinds.pt" --out no.h5 --config /dev/null
echo '{"n_modes": [6, 5], "in_channels": 1, "out_channels": 1, "hidden_channels": 6, "n_layers": 2, "norm": "group_norm"}' > wrong.json
expect 3 'expected float32 of shape' op import "$reference/neuralop_dense2d_state_dict.pt" --config wrong.json --out no.h5
echo '{"n_modes": [6, 5], "in_channels": 1, "out_channels": 1, "hidden_channels": 5, "n_layers": 2, "norm": "group_norm"}' > right.json
expect 0 . op import "$reference/neuralop_dense2d_strided_state_dict.pt" --config right.json --out strided.h5
expect 0 . op import "$reference/neuralop_dense2d_legacy_format_state_dict.pt" --config right.json --out legacy.h5
head -c 9000 "$reference/neuralop_dense2d_state_dict.pt" > cut.pt
expect 3 . op import cut.pt --out no.h5
expect 4 . op import absent.pt --out no.h5

expect 0 'ranks' op compress dense.h5 --tolerance 0.8 --out small.h5
expect 0 . op compress dense.h5 --tolerance 0.8 --out small.h5 --force --json
holds "$(value weight_error) <= 0.8 && $(value measured_rel_l2) < 0.8 && $(value parameters) < $(value parameters_before)"
expect 0 . op compress tucker.h5 --size 0.2 --out smaller.h5 --json
holds "$(value compression) >= 5"
expect 2 'give one of them' op compress dense.h5 --out no.h5
expect 2 'give one of them' op compress dense.h5 --size 0.5 --tolerance 0.1 --out no.h5
expect 2 'no fewer than' op compress dense.h5 --out no.h5 --tolerance 1e-9
checks=$((checks + 1)); [ ! -e no.h5 ] || complain 'a larger model was written'
expect 3 . op compress right.json --size 0.5 --out no.h5

echo "$checks checks, $failures failures"
[ $failures -eq 0 ]
