#!/bin/bash
# Makes models/mace.h5, nequip.h5, esen.h5 and equiformer.h5: small networks for the three molecules of
# xtb_molecules.h5, as models/*.toml say.
#
#   ./make_models.sh [OUTDIR [KIND...]]   make them (default: into models/, all)
#
# Needs the command cartan (CARTAN=path). Half an hour on an idle core. The same bits on the same machine, whatever
# the number of threads; another processor rounds differently.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cartan=$(command -v "${CARTAN:-cartan}") || { echo "make_models.sh: no command cartan; set CARTAN" >&2; exit 1; }
cartan=$(cd "$(dirname "$cartan")" && pwd)/$(basename "$cartan")
out=${1:-$here/models}
mkdir -p "$out"
out=$(cd "$out" && pwd)
kinds=(mace nequip esen equiformer)
[ $# -gt 1 ] && kinds=("${@:2}")

# Model files name the frames that they were trained on: a folder that is the same everywhere.
work=${WORK:-/tmp/cartan-models}
mkdir -p "$work"
cd "$work"
"$cartan" data split "$here/xtb_molecules.h5" --by run --fractions 0.6,0.2,0.2 --seed 1 --out-prefix molecules --force
cp "$here/isolated_atoms.xyz" .
for kind in "${kinds[@]}"; do
  cp "$here/models/$kind.toml" .
  "$cartan" potential train "$kind.toml" --resume
  "$cartan" potential eval "$kind/model.h5" molecules_test.h5
  cp "$kind/model.h5" "$out/$kind.h5"
done
ls -l "$out"
