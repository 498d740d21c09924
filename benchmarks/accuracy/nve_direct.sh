#!/bin/bash
# Energy at constant energy, with forces that are gradients and with direct ones: glycine at 300 K with the small eSEN of data/models and
# with a small EquiformerV2 that has a head of its own for forces, trained here on the same frames.
#
#   OMP_NUM_THREADS=1 benchmarks/accuracy/nve_direct.sh CARTAN [OUT [STEPS [TRAINING_STEPS]]]
#
# CARTAN the command; STEPS of 0.5 fs (20000: 10 ps); TRAINING_STEPS of the direct model (1500). Prints the slopes of the conserved energy by
# least squares; nve_direct.cpp draws the trajectories. What is there already is not made again.
set -euo pipefail
cartan=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=${2:-nve_direct} steps=${3:-20000} training=${4:-1500}
mkdir -p "$out" && cd "$out"

if [ ! -s direct/model.h5 ]; then
  "$cartan" data split "$root/data/xtb_molecules.h5" --by run --fractions 0.6,0.2,0.2 --seed 1 --out-prefix molecules --force
  cp "$root/data/isolated_atoms.xyz" "$root/data/models/equiformer.toml" .
  "$cartan" potential train equiformer.toml --out direct --model.direct true --training.max_steps "$training" --force 2> training.log
fi
run() { # NAME MODEL START FLAGS...
  if [ ! -s "$1.json" ]; then
    local code=0
    "$cartan" potential md "$2" "$3" --ensemble nve --dt 0.5 --precision float64 --steps "$steps" --out "$1.h5" --force --json "${@:4}" > "$1.tmp" || code=$?
    [ $code -eq 0 ] || [ $code -eq 1 ] || exit $code  # 1: the energy ran away, which is what is shown
    mv "$1.tmp" "$1.json"
  fi
  echo "$1"
  sed -n 's/^ *"\(steps\|time_ps\|temperature_mean_k\|energy_drift_ev_per_atom_per_ps\|us_per_atom_step\)"/  \1/p' "$1.json"
}
run gradient "$root/data/models/esen.h5" "$root/data/start/glycine.xyz" --temperature 300 --relax-first --seed 1
# From the same positions with the same velocities.
run direct direct/model.h5 gradient.h5 --frame 0 --keep-velocities --allow-direct-forces
