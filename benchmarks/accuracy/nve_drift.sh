#!/bin/bash
# Drift of the energy at constant energy: molten NaCl at 1,200 K with SevenNet-0, and glycine with the small MACE of data/models.
#
#   OMP_NUM_THREADS=1 benchmarks/accuracy/nve_drift.sh CARTAN [OUT [ATOMS [STEPS]]]
#
# CARTAN the command; ATOMS 64 (default) or 512; STEPS of 0.5 fs (20000: 10 ps). The melt starts as displaced rock salt at the
# density of the melt (1.46 g/cm3), 0.6 ps at 1,200 K. Prints the slope of the conserved energy, by least squares.
# Stopped runs go on where they were.
set -euo pipefail
cartan=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=${2:-nve_drift} atoms=${3:-64} steps=${4:-20000}
weights=${CARTAN_DATA:-$root/../shared/data}/sevennet/checkpoint_sevennet_0.pth
mkdir -p "$out" && cd "$out"

drift() { sed -n 's/^ *"\(steps\|time_ps\|temperature_mean_k\|energy_drift_ev_per_atom_per_ps\|energy_deviation_ev_per_atom\|us_per_atom_step\)"/  \1/p' "$1"; }

echo "glycine, MACE of data/models, float64"
"$cartan" potential md "$root/data/models/mace.h5" "$root/data/start/glycine.xyz" --ensemble nve --dt 0.5 --temperature 300 \
  --relax-first --precision float64 --steps "$steps" --out glycine.h5 --force --json > glycine.json
drift glycine.json

case $atoms in 64) cells=2 ;; 512) cells=4 ;; *) echo "64 or 512 atoms" >&2; exit 2 ;; esac
[ -s sevennet0.h5 ] || "$cartan" potential import "$weights" --out sevennet0.h5 > import.log
awk -v cells=$cells 'BEGIN {
  srand(1); a = (4 * 58.443 / (1.46 * 0.602214)) ^ (1 / 3); L = cells * a; n = 2 * cells
  printf "%d\nLattice=\"%.10f 0 0 0 %.10f 0 0 0 %.10f\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\n", n ^ 3, L, L, L
  for (i = 0; i < n; i++) for (j = 0; j < n; j++) for (k = 0; k < n; k++)
    printf "%s %.6f %.6f %.6f\n", (i + j + k) % 2 ? "Cl" : "Na", i * a / 2 + 0.5 * (rand() - 0.5), j * a / 2 + 0.5 * (rand() - 0.5), \
      k * a / 2 + 0.5 * (rand() - 0.5) }' > nacl.xyz
echo "NaCl, $atoms atoms, SevenNet-0, float32"
if [ ! -s "nve$atoms.restart.h5" ]; then
  "$cartan" potential md sevennet0.h5 nacl.xyz --ensemble nvt --dt 1 --temperature 1200 --friction 0.02 --steps 600 \
    --out "melt$atoms.h5" --force > melt.log
fi
"$cartan" potential md sevennet0.h5 "melt$atoms.h5" --frame -1 --keep-velocities --ensemble nve --dt 0.5 --steps "$steps" \
  --out "nve$atoms.h5" --resume --checkpoint-seconds 20 --json > "nve$atoms.json"
drift "nve$atoms.json"
