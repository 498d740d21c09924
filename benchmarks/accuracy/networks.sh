#!/usr/bin/env bash
# One table of all networks at about 0.5 million parameters: each trains for the same time on one core, on the same frames, with the
# same cutoff, batches, averages of weights and losses, is tested on frames that nobody trained on, and timed in dynamics.
#
#   networks.sh train CARTAN OUT SET NETWORK SECONDS [SEED [OPTIONS ...]]
#                               one training and its tests, in OUT/SET_NETWORK_SEED; goes on where it was stopped
#   networks.sh rows OUT        what all of them found, as lines of OUT/networks.csv
#
# SET 3bpa, acac or silicon; NETWORK one of the table below; OPTIONS override the run file. networks.cpp makes the table and picture.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CARTAN_DATA=${CARTAN_DATA:-$here/../../../shared/data}
. "$here/frames.sh"

options() {  # of a network: its size, and the best of three learning rates on 3BPA's validation frames (README.md)
  case $1 in
    tensornet) echo --model.kind tensornet --model.channels 104 --training.learning_rate 4e-3 ;;
    nequip) echo --model.kind nequip --model.channels 60 --model.lmax 2 --model.layers 4 --training.learning_rate 1e-2 ;;
    mace) echo --model.kind mace --model.channels 112 --model.lmax 1 --model.radial 8 --training.learning_rate 2e-2 ;;
    mace_grid) echo "$(options mace)" --model.product gaunt_grid ;;
    mace_rank) echo "$(options mace)" --model.channels 108 --model.product gaunt_rank ;;
    esen) echo --model.kind esen --model.channels 28 --model.lmax 3 --model.mmax 2 --training.learning_rate 5e-3 ;;
    equiformer) echo --model.kind equiformer --model.channels 26 --model.lmax 3 --model.mmax 2 --training.learning_rate 5e-3 ;;
    *) echo "networks.sh: no network $1" >&2; return 1 ;;
  esac
}

number() { sed -n "s/^ *\"$2\": *\([-0-9.e+]*\),*$/\1/p" "$1"; }  # a value of a JSON object, one a line

train() {  # CARTAN OUT SET NETWORK SECONDS SEED OPTIONS
  local cartan=$1 out=$2 set=$3 network=$4 seconds=$5 seed=$6
  shift 6
  local run=$out/${set}_${network}_$seed frames=$out/frames_${set}_${network}_$seed peak=0 now pid
  local of_network
  of_network=$(options "$network")
  mkdir -p "$frames"
  {
    echo '[loss]'
    case $set in
      silicon) printf '%s\n' 'energy = 10.0' 'forces = 1.0' 'stress = 100.0' ;;
      *) printf '%s\n' 'energy = 2.0' 'forces = 1.0' ;;
    esac
    printf '%s\n' '[training]' 'ema_decay = 0.999' 'min_rate = 1e-5'
  } > "$frames/run.toml"
  case $set in
    3bpa) set -- --data.validation_frames 50 --data.reference "$CARTAN_DATA/3bpa/iso_atoms.xyz" --training.batch_size 5 "$@" ;;
    acac) set -- --data.validation_frames 50 --data.reference "$CARTAN_DATA/acac/isolated_atoms.xyz" --training.batch_size 5 "$@" ;;
    silicon) set -- --data.validation_frames 18 --training.batch_size 2 "$@" ;;
  esac
  # shellcheck disable=SC2086  # the options of a network are words
  "$cartan" potential train "$frames/run.toml" --data "$(train_frames "$set" "$frames")" --model.cutoff 5.0 $of_network \
    --training.seed "$seed" --training.time_limit_seconds "$seconds" --training.threads 1 --out "$run" --resume "$@" > "$run.log" 2>&1 &
  pid=$!
  while kill -0 $pid 2> /dev/null; do
    now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2> /dev/null || true)
    peak=${now:-$peak}
    sleep 1
  done
  wait $pid || { tail -n 3 "$run.log" >&2; return 1; }
  # a run that goes on has the greatest of its parts
  [ -s "$run/peak" ] && now=$(cat "$run/peak") && [ "$now" -gt "$peak" ] && peak=$now
  echo "$peak" > "$run/peak"
  local steps parameters part file
  steps=$(tail -n 1 "$run/history.csv" | cut -d, -f1)
  parameters=$(sed -n 's/.*: \([0-9]*\) parameters.*/\1/p' "$run.log" | head -n 1)
  : > "$run/rows.csv"
  test_frames "$set" "$frames" | while read -r part file; do
    "$cartan" potential eval "$run/model.h5" "$file" --threads 1 --json > "$run/$part.json"
    if [ ! "$run/md.json" -nt "$run/model.h5" ]; then
      "$cartan" potential md "$run/model.h5" "$file" --frame 0 --ensemble nve --dt 0.5 --temperature 300 --steps 200 --threads 1 \
        --out "$run/md.h5" --force --json > "$run/md.tmp" 2> "$run/md.log"
      mv "$run/md.tmp" "$run/md.json"
    fi
    echo "$set,$network,$seed,$parameters,$seconds,$steps,$part,$(number "$run/$part.json" forces_rmse_ev_per_ang)$(
      )$(printf ',%s' "$(number "$run/$part.json" forces_mae_ev_per_ang)" "$(number "$run/$part.json" energy_per_atom_rmse_ev)" \
        "$(number "$run/$part.json" stress_rmse_ev_per_ang3)" "$(number "$run/md.json" us_per_atom_step)" "$((peak / 1024))")" >> "$run/rows.csv"
  done
}

case ${1:-} in
  train)
    [ $# -ge 6 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
    mkdir -p "$3"
    train "$2" "$3" "$4" "$5" "$6" "${7:-1}" "${@:8}" ;;
  rows)
    {
      echo set,network,seed,parameters,seconds,steps,part,forces_rmse,forces_mae,energy_per_atom_rmse,stress_rmse,us_per_atom,memory_mb
      cat "$2"/*/rows.csv
    } > "$2/networks.csv"
    echo "$2/networks.csv" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
