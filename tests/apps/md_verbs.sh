#!/bin/sh
# The verbs `cartan potential md` and `relax` on a small random model: files, resuming, exit codes.
#
#   tests/apps/md_verbs.sh CARTAN MAKE_MODEL    the command, and the program that makes the model
set -u
cartan=$1 make_model=$2
. "$(dirname "$0")/expect.sh"
same() { checks=$((checks + 1)); cmp -s "$1" "$2" || complain "$1 and $2 differ"; }
absent() { checks=$((checks + 1)); [ ! -e "$1" ] || complain "$1 was left"; }
# value KEY: a number of the JSON in `out`
value() { sed -n "s/^ *\"$1\": \"\\{0,1\\}\\([^\",]*\\).*/\\1/p" out; }
# holds EXPRESSION: of numbers, in awk
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }

"$make_model" model.h5 || exit 1
cat > ethanol.xyz << END
9
Properties=species:S:1:pos:R:3 pbc="F F F"
C -0.75 0.01 0.02
C 0.60 -0.63 0.01
O 1.62 0.37 -0.02
H -1.55 -0.74 0.01
H -0.85 0.65 0.90
H -0.86 0.63 -0.88
H 0.71 -1.27 0.89
H 0.70 -1.26 -0.88
H 2.47 -0.08 -0.01
END
cat > bad.xyz << END
2
Properties=species:S:1:pos:R:3 pbc="F F F"
C 0 0 0
O 0 0 1.2
2
Properties=species:S:1:pos:R:3 pbc="F F F"
C 0 0 0
Si 0 0 1.2
2
Properties=species:S:1:pos:R:3 pbc="F F F"
C 0 0 0
C 0 0 0.001
2
Lattice="5 0 0 0 5 0 5 5 0" Properties=species:S:1:pos:R:3 pbc="T T T"
C 0 0 0
C 0 0 1.2
2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 pbc="T T T"
C 0 0 0
O 0 0 1.2
END

md() { "$cartan" potential md model.h5 "$@" --threads 1; }
short() { start=$1; shift; md "$start" --dt 0.2 --temperature 300 "$@"; }

# a run, its files and its JSON
expect 0 'energy drift' short ethanol.xyz --ensemble nve --steps 50 --out straight.h5
for file in straight.h5 straight.svg straight.restart.h5; do [ -s $file ] || complain "no $file"; done
absent straight.h5.part
expect 0 'frames  *6' "$cartan" data info straight.h5
expect 0 'svg' cat straight.svg
expect 2 'exists; --force' short ethanol.xyz --ensemble nve --steps 50 --out straight.h5
expect 2 'expected 0 or more steps, found -5' short ethanol.xyz --ensemble nve --steps -5
expect 0 '"steps": 50' short ethanol.xyz --ensemble nve --steps 50 --json
for key in steps ns_per_day us_per_atom_step energy_drift_ev_per_atom_per_ps temperature_mean_k; do
  checks=$((checks + 1))
  [ -n "$(value $key)" ] || complain "md --json has no $key"
done
holds "$(value energy_deviation_ev_per_atom) < 1e-4 && $(value temperature_mean_k) > 50"
holds "$(value us_per_atom_step) > 0 && $(value ns_per_day) > 0"

# what was stopped and goes on has the bits of what never stopped; every ensemble
for ensemble in nve 'nvt --thermostat langevin' 'nvt --thermostat nose-hoover --tau 20'; do
  rm -f a.* b.*
  expect 0 . short ethanol.xyz --ensemble $ensemble --steps 40 --seed 3 --out a.h5
  expect 0 . short ethanol.xyz --ensemble $ensemble --steps 17 --seed 3 --out b.h5
  expect 0 'after step 17' short ethanol.xyz --ensemble $ensemble --steps 40 --seed 3 --out b.h5 --resume
  same a.h5 b.h5
  same a.restart.h5 b.restart.h5
  same a.svg b.svg
done
# a run stopped before its first step has its start once, before its first frame as well
expect 0 . short ethanol.xyz --ensemble nve --steps 20 --out a.h5 --force
rm -f b.*
expect 0 . short ethanol.xyz --ensemble nve --steps 0 --out b.h5
expect 0 'after step 0' short ethanol.xyz --ensemble nve --steps 20 --out b.h5 --resume
same a.h5 b.h5
same a.restart.h5 b.restart.h5
for pause in 0.02 0.04 0.06 0.08 0.1 0.15; do
  rm -f c.*
  "$cartan" potential md model.h5 ethanol.xyz --dt 0.2 --ensemble nve --temperature 300 --steps 20 --out c.h5 --threads 1 > out 2> err &
  run=$!
  sleep $pause
  kill -KILL $run 2> /dev/null
  wait $run 2> /dev/null
  expect 0 . short ethanol.xyz --ensemble nve --steps 20 --out c.h5 --resume
  same a.h5 c.h5
done
rm -f b.* && expect 0 . short ethanol.xyz --ensemble nvt --steps 10 --seed 3 --out b.h5
expect 2 'seed 3, now 4' short ethanol.xyz --ensemble nvt --steps 50 --seed 4 --out b.h5 --resume
expect 2 'dt_fs 0.2, now 0.1' md ethanol.xyz --ensemble nvt --dt 0.1 --steps 50 --seed 3 --out b.h5 --resume
expect 2 'precision "float64", now "float32"' \
  short ethanol.xyz --ensemble nvt --steps 50 --seed 3 --out b.h5 --resume --precision float32
expect 3 'b.svg' short ethanol.xyz --ensemble nve --steps 50 --checkpoint b.svg --resume
expect 0 'starts at its first step' short ethanol.xyz --ensemble nve --steps 5 --out fresh.h5 --resume

# constant pressure
expect 0 '"volume_mean_ang3"' short bad.xyz --frame -1 --ensemble npt --pressure 1 --steps 20 --json
expect 2 'npt needs pbc' short ethanol.xyz --ensemble npt --steps 20

# Ctrl-C and SIGTERM leave a trajectory and a checkpoint, from which the run goes on; so does a kill
for signal in INT TERM KILL; do
  rm -f c.*
  checks=$((checks + 1))
  "$cartan" potential md model.h5 ethanol.xyz --dt 0.2 --ensemble nvt --steps 1000000 --out c.h5 --threads 1 \
    --checkpoint-seconds 0.1 > out 2> err &
  run=$!
  tries=0
  while [ ! -s c.restart.h5 ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  sleep 0.4
  kill -$signal $run
  wait $run 2> /dev/null
  got=$?
  if [ $signal = KILL ]; then
    [ $got -eq 137 ] || complain "SIGKILL ended with $got"
    [ -s c.h5.part ] || complain "a killed run left no frames"
  else
    [ $got -eq 130 ] || complain "SIG$signal ended with $got, expected 130"
    [ -s c.h5 ] || complain "no trajectory after SIG$signal"
  fi
  "$cartan" data info c.restart.h5 > out 2> err
  step=$(sed -n 's/^ *step = //p' out)
  steps=$((step + 7))
  expect 0 "after step $step " md ethanol.xyz --dt 0.2 --ensemble nvt --steps $steps --out c.h5 --resume
  absent c.h5.part
  rm -f d.*
  expect 0 . md ethanol.xyz --dt 0.2 --ensemble nvt --steps $steps --out d.h5
  same c.h5 d.h5
  same c.restart.h5 d.restart.h5
done

# a run that explodes keeps what it has
boom() { md ethanol.xyz --dt 500 --ensemble nve --steps 100 --max-temperature 5000 "$@"; }
expect 1 'exploded at step .*temperature' boom --out boom.h5 --sample-every 1
expect 1 '"status": "exploded"' boom --json
steps=$(value steps)
expect 0 "frames  *$((steps + 1))$" "$cartan" data info boom.h5
expect 0 "position/value.*($((steps + 1)), 9, 3)" "$cartan" data info boom.h5 --config

# so does one whose energy comes from nowhere, with the limits as they are
expect 1 'beyond max_' md ethanol.xyz --dt 400 --ensemble nve --steps 100 --temperature 300
expect 2 'max_temperature is 200 K' md ethanol.xyz --dt 0.2 --ensemble nve --steps 3 --max-temperature 200

# velocities, precision, trajectories as starts
expect 0 . short straight.h5 --frame -1 --keep-velocities --ensemble nve --steps 3 --json
kept=$(value energy_last_ev)
expect 0 . short straight.h5 --frame 5 --ensemble nve --steps 3 --json
holds "$kept != $(value energy_last_ev)"
expect 2 'has no velocities' short ethanol.xyz --keep-velocities --ensemble nve --steps 3
expect 0 '"precision": "float32"' short ethanol.xyz --ensemble nve --steps 3 --precision float32 --json
single=$(value energy_last_ev)
expect 0 '"precision": "float64"' short ethanol.xyz --ensemble nve --steps 3 --precision float64 --json
holds "$single != $(value energy_last_ev) && ($single - $(value energy_last_ev))^2 < 1e-6"
expect 0 'relaxed in' short ethanol.xyz --relax-first --ensemble nve --steps 3

# trajectories are frames: into text and back, evaluated, split
expect 0 "from straight.h5" "$cartan" data convert straight.h5 straight.xyz
expect 0 'momenta:R:3' cat straight.xyz
frames=$(grep -c energy= straight.xyz)
for file in straight.h5 straight.xyz; do
  expect 0 "\"n_frames\": $frames" "$cartan" potential eval model.h5 $file --json
  holds "$(value energy_rmse_ev) < 1e-9"
done
expect 0 "\"n_frames\": $frames" "$cartan" data info straight.h5 --json
expect 0 's_test.h5: 2 frames' "$cartan" data split straight.h5 --counts 2,2,2 --out-prefix s

# LAMMPS: a data file and a dump as starts
cat > ethanol.lmp << END
ethanol

9 atoms
3 atom types
0 30 xlo xhi
0 30 ylo yhi
0 30 zlo zhi

Masses

1 12.011
2 1.008
3 15.999

Atoms # charge

END
awk 'NR > 2 { print NR - 2, $1 == "C" ? 1 : $1 == "H" ? 2 : 3, "0.1", $2, $3, $4 }' ethanol.xyz >> ethanol.lmp
expect 0 '"steps": 3' short ethanol.lmp --ensemble nve --steps 3 --json
expect 0 'H6 C2 O' short ethanol.lmp --ensemble nve --steps 3
{
  printf 'ITEM: UNITS\nreal\nITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n9\nITEM: BOX BOUNDS ff ff ff\n'
  printf -- '-5 5\n-5 5\n-5 5\nITEM: ATOMS id type x y z vx vy vz\n'
  awk 'NR > 2 { print NR - 2, $1 == "C" ? 1 : $1 == "H" ? 2 : 3, $2, $3, $4, "0 0 0.001" }' ethanol.xyz
} > ethanol.dump
expect 3 'which element is type 1.*--elements' short ethanol.dump --ensemble nve --steps 3
expect 0 'H6 C2 O' short ethanol.dump --elements C,H,O --keep-velocities --ensemble nve --steps 3
expect 0 'eV' "$cartan" potential relax model.h5 ethanol.dump --elements C,H,O --out relaxed.xyz
expect 0 'velocities  *all frames' "$cartan" data info ethanol.dump --elements C,H,O

# masses, fixed atoms, one atom
awk 'NR > 2 { $5 = $1 == "H" ? 2.014 : 13 } 1' ethanol.xyz | sed 's/pos:R:3/&:mass:R:1/' > heavy.xyz
expect 0 . short heavy.xyz --ensemble nve --steps 3 --out heavy.h5
expect 0 '^H .* 2.014$' sh -c '"$0" data convert heavy.h5 heavier.xyz > log && cat heavier.xyz' "$cartan"
sed 's/^H/D/' ethanol.xyz > d.xyz
expect 0 . short d.xyz --ensemble nve --steps 3 --out deuterium.h5
expect 0 '^H .* 2.0141$' sh -c '"$0" data convert deuterium.h5 dd.xyz > log && cat dd.xyz' "$cartan"
awk 'NR > 2 { $5 = NR < 6 ? "F" : "T" } 1' ethanol.xyz | sed 's/pos:R:3/&:move_mask:L:1/' > fixed.xyz
for ensemble in "nve" "nvt" "nvt --thermostat nose-hoover"; do
  # shellcheck disable=SC2086
  expect 0 . short fixed.xyz --ensemble $ensemble --steps 20 --out fixed.h5 --force --relax-first
done
expect 2 'has fixed atoms (move_mask)' short fixed.xyz --ensemble nve --steps 3 --remove-rotation
expect 0 'written' "$cartan" potential relax model.h5 fixed.xyz --out held.xyz --threads 1
place() { awk -v line="$1" 'NR == line { print $2 + 0, $3 + 0, $4 + 0 }' "$2"; }
checks=$((checks + 3))
for line in 3 4 5; do
  [ "$(place $line held.xyz)" = "$(place $line fixed.xyz)" ] || complain "a fixed atom was relaxed"
done
checks=$((checks + 1))
[ "$(place 6 held.xyz)" != "$(place 6 fixed.xyz)" ] || complain "a free atom was not relaxed"
printf '1\n\nC 0 0 0\n' > atom.xyz
expect 0 '"status": "finished"' short atom.xyz --ensemble nvt --steps 20 --json
holds "$(value temperature_mean_k) > 1"
expect 0 '"status": "finished"' short atom.xyz --ensemble nve --steps 3 --json
for bad in -1 1.5; do expect 2 'seed' short atom.xyz --ensemble nvt --steps 3 --seed $bad; done
sed 's/pbc=/spin=2 &/' ethanol.xyz > spin.xyz
expect 0 'warning: spin.xyz: not used: spin' short spin.xyz --ensemble nve --steps 1

expect 0 'warning: straight.h5: not used: velocities' short straight.h5 --ensemble nve --steps 1
expect 0 . short straight.h5 --ensemble nve --steps 1 --keep-velocities
checks=$((checks + 1))
grep -q 'not used: velocities' err && complain "velocities that are kept are said not to be used"

# a committee: further models before the frames
"$make_model" b.h5 6 1 float64 8 && "$make_model" c.h5 4 1 float32 6 && "$make_model" few.h5 6 1 float64 8 1 6 || exit 1
committee() { "$cartan" potential md model.h5 "$@" --dt 0.2 --temperature 300 --ensemble nvt --threads 1; }
expect 0 'members apart, largest' committee b.h5 c.h5 ethanol.xyz --steps 20 --out k.h5
expect 0 'atoms/forces_deviation/value.*(3, 9)' "$cartan" data info k.h5 --config
expect 0 'observables/forces_deviation_max/value' "$cartan" data info k.h5 --config
expect 0 . committee b.h5 c.h5 ethanol.xyz --steps 7 --out l.h5
expect 0 'after step 7' committee b.h5 c.h5 ethanol.xyz --steps 20 --out l.h5 --resume
same k.h5 l.h5
same k.restart.h5 l.restart.h5
expect 2 'members 3, now 2' committee b.h5 ethanol.xyz --steps 30 --out l.h5 --resume
# copies of a model are that model
expect 0 . committee model.h5 model.h5 ethanol.xyz --steps 20 --json
last=$(value energy_last_ev)
holds "$(value forces_deviation_max_ev_per_ang) == 0"
expect 0 . committee ethanol.xyz --steps 20 --json
holds "$last == $(value energy_last_ev)"
# a threshold stops, the frame is kept, and a larger one goes on to what a run without has
rm -f l.*
expect 0 . committee b.h5 c.h5 ethanol.xyz --steps 20 --sample-every 1 --json --out m.h5
most=$(value forces_deviation_max_ev_per_ang)
expect 1 'stopped at step 0.*beyond max_deviation 1e-06 (--max-deviation).*l.uncertain.extxyz' \
  committee b.h5 c.h5 ethanol.xyz --steps 20 --sample-every 1 --out l.h5 --max-deviation 1e-6
expect 0 'forces_deviation:R:1' cat l.uncertain.extxyz
expect 1 '"status": "uncertain"' committee b.h5 c.h5 ethanol.xyz --steps 20 --sample-every 1 --out l.h5 --resume \
  --max-deviation "$(awk "BEGIN { print 0.999 * $most }")" --json
expect 0 'after step' committee b.h5 c.h5 ethanol.xyz --steps 20 --sample-every 1 --out l.h5 --resume --max-deviation 100
same m.h5 l.h5
same m.restart.h5 l.restart.h5
expect 2 'max-deviation is of a committee' committee ethanol.xyz --steps 2 --max-deviation 1
expect 2 'max-deviation: must be at least 0, not -1' committee b.h5 ethanol.xyz --steps 2 --max-deviation -1
expect 2 'few.h5 knows H C, model.h5 H C N O' committee b.h5 few.h5 ethanol.xyz --steps 2
expect 3 'ethanol.xyz' committee ethanol.xyz ethanol.xyz --steps 2
expect 2 'start' "$cartan" potential md model.h5 --ensemble nve --steps 1
expect 0 'members apart' "$cartan" potential eval model.h5 b.h5 c.h5 straight.xyz --out apart.extxyz
expect 0 'forces_deviation:R:1.*energy_deviation=\|energy_deviation=.*forces_deviation:R:1' cat apart.extxyz
expect 0 '"forces_deviation_max_ev_per_ang"' "$cartan" potential eval model.h5 b.h5 c.h5 straight.xyz --json
expect 2 'a committee needs models of the same elements' "$cartan" potential eval model.h5 few.h5 straight.xyz
expect 0 'members apart' "$cartan" potential relax model.h5 b.h5 ethanol.xyz --out together.extxyz --fmax 0.05
expect 0 'forces_deviation:R:1' cat together.extxyz

# bad input names file and frame
expect 3 'bad.xyz: frame 1: .*Si' short bad.xyz --frame 1 --ensemble nve --steps 3
expect 3 'bad.xyz: frame 2: ' short bad.xyz --frame 2 --ensemble nve --steps 3
expect 3 'bad.xyz: frame 3: ' short bad.xyz --frame 3 --ensemble nve --steps 3
expect 2 'bad.xyz: .*no frame 9' short bad.xyz --frame 9 --ensemble nve --steps 3
expect 4 'absent.xyz' short absent.xyz --ensemble nve --steps 3
expect 4 'absent.h5' "$cartan" potential md absent.h5 ethanol.xyz --ensemble nve --steps 3
expect 3 'straight.h5' "$cartan" potential md straight.h5 ethanol.xyz --ensemble nve --steps 3
expect 4 'no/such' short ethanol.xyz --ensemble nve --steps 3 --out no/such/run.h5
expect 2 'dt: must be above 0, not 0 fs' md ethanol.xyz --dt 0 --ensemble nve --steps 3
expect 2 'ensemble' md ethanol.xyz --ensemble nvx --steps 3
expect 2 'resume' md ethanol.xyz --ensemble nve --steps 3 --resume
expect 5 . short ethanol.xyz --ensemble nve --steps 3 --device cuda
expect 5 . short ethanol.xyz --ensemble nve --steps 3 --device cuda:7
expect 2 "there is no device 'gpu'" short ethanol.xyz --ensemble nve --steps 3 --device gpu

# files of a run never take each other's place, or that of others
expect 2 'must end in .svg' md ethanol.xyz --ensemble nve --steps 2 --out own.h5 --energy-plot own.h5
expect 2 'out and --energy-plot are both' md ethanol.xyz --ensemble nve --steps 2 --out own.svg
expect 2 'trajectory that is being written and --checkpoint are both' md ethanol.xyz --ensemble nve --steps 2 --out own.h5 --checkpoint own.h5.part
absent own.svg
expect 2 'out and .*checkpoint are both' md ethanol.xyz --ensemble nve --steps 2 --out own.h5 --checkpoint ./own.h5
expect 2 'must end in .svg' md ethanol.xyz --ensemble nve --steps 2 --out own.h5 --energy-plot own.restart.h5
absent own.h5
echo kept > own.svg
expect 2 'own.svg exists' md ethanol.xyz --ensemble nve --steps 2 --out own.h5
expect 0 kept cat own.svg
expect 0 . md ethanol.xyz --ensemble nve --steps 2 --out own.h5 --force
cp own.h5 whole.h5
expect 2 'must end in .svg' md ethanol.xyz --ensemble nve --steps 3 --out own.h5 --resume --energy-plot whole.h5
same own.h5 whole.h5

# relaxation
relax() { "$cartan" potential relax model.h5 "$@" --threads 1; }
expect 0 'largest force' relax ethanol.xyz
expect 0 'energy=.*' cat relaxed.extxyz
expect 0 '"converged": true' relax ethanol.xyz --json --force --optimizer fire --fmax 0.02
fire=$(value energy_ev)
holds "$(value fmax_ev_per_ang) <= 0.02 && $(value energy_ev) < $(value energy_start_ev)"
for key in steps evaluations seconds; do [ -n "$(value $key)" ] || complain "relax --json has no $key"; done
expect 0 '"steps": 0' relax relaxed.extxyz --out again.extxyz --fmax 0.02 --json
holds "($(value energy_ev) - $fire)^2 < 1e-18"
expect 2 'exists' relax ethanol.xyz
expect 2 'must end in one of' relax ethanol.xyz --out relaxed.abc
expect 1 'not converged' relax ethanol.xyz --steps 1 --out one.extxyz --fmax 1e-6
expect 0 'forces:R:3' cat one.extxyz
expect 1 '"status": "step_limit"' relax bad.xyz --frame 4 --cell full --pressure 0.5 --out cell.extxyz --json --steps 3
holds "($(value volume_ang3) - 125)^2 > 1e-3 && $(value smax_ev_per_ang3) > 0"
expect 0 'stress=' cat cell.extxyz
expect 2 'needs a cell' relax ethanol.xyz --pressure 1 --out p.extxyz
expect 3 'bad.xyz: frame 2: ' relax bad.xyz --frame 2 --out p.extxyz
absent p.extxyz

echo "$checks checks, $failures failed"
[ $failures -eq 0 ]
