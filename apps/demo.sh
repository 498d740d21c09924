#!/usr/bin/env bash
# The demo: a potential for three small molecules, from data to dynamics, in about four minutes on two cores.
#   apps/demo.sh BUILD_DIR OUT_DIR
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cartan=$(cd "$1" && pwd)/apps/cartan
out=$2
steps=${DEMO_STEPS:-20000}      # of dynamics, 0.5 fs each
seconds=${DEMO_SECONDS:-150}    # of training
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }

say "1/4  data: three molecules labelled with GFN2-xTB (data/README.md), split by independent trajectories"
"$cartan" data info data/xtb_molecules.h5
"$cartan" data split data/xtb_molecules.h5 --by run --fractions 0.6,0.2,0.2 --seed 1 --out-prefix "$out/molecules" --force

say "2/4  training a TensorNet for $seconds s"
"$cartan" potential train data/demo.toml --data "$out/molecules_train.h5" --data.validation "$out/molecules_valid.h5" \
  --training.time_limit_seconds "$seconds" --out "$out" --force

say "3/4  errors on trajectories it has not seen"
"$cartan" potential eval "$out/model.h5" "$out/molecules_test.h5" --parity "$out/parity" --force | tee "$out/errors.txt"
# value KEY: a number of the JSON on standard input, in thousandths
value() { sed -n "s/^ *\"$1\": *\([-+0-9.e]*\).*/\1/p" | awk '{ printf "%.2f", 1e3 * $1 }'; }
{
  printf '\n%-28s %18s %18s\n' "RMSE" "energy, meV/atom" "forces, meV/A"
  for model in "$out/model.h5" data/models/*.h5; do
    json=$("$cartan" potential eval "$model" "$out/molecules_test.h5" --json)
    printf '%-28s %18s %18s\n' "$model" "$(value energy_per_atom_rmse_ev <<< "$json")" "$(value forces_rmse_ev_per_ang <<< "$json")"
  done
} | tee -a "$out/errors.txt"

say "4/4  dynamics: $steps steps of 0.5 fs at constant energy, from a relaxed molecule at 300 K"
"$cartan" potential md "$out/model.h5" "$out/molecules_test.h5" --ensemble nve --steps "$steps" --dt 0.5 --temperature 300 \
  --relax-first --out "$out/trajectory.h5" --force

cat <<END

Everything lies in $out/
  model.h5                the potential
  errors.txt              its errors on unseen frames
  learning_curve.svg      training loss and validation errors
  parity_energy.svg  parity_forces.svg      predicted against reference
  trajectory.h5  trajectory.svg             H5MD trajectory; drift of the energy

Next:
  $cartan potential train data/demo.toml --out longer --training.time_limit_seconds 1800 --model.channels 64 --model.layers 2
  $cartan potential relax $out/model.h5 data/start/glycine.xyz
  $cartan potential md $out/model.h5 data/start/glycine.xyz --ensemble nvt --steps 20000 --dt 0.5 --temperature 500 --out hot.h5
  your own data: any .xyz with energies and forces as data.train of a run file like data/demo.toml
END
