#!/bin/sh
# The verbs `cartan potential train` and `eval`: files, resuming, exit codes, messages.
#
#   tests/apps/train_verbs.sh CARTAN ROOT    CARTAN the command, ROOT the source tree
set -u
cartan=$1 root=$2
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

complain() { echo "FAILED: $*"; sed 's/^/    /' stdout.txt stderr.txt; failures=$((failures + 1)); }

# expect CODE PATTERN COMMAND...: the exit code, and PATTERN in what it prints
expect() {
  code=$1 pattern=$2
  shift 2
  checks=$((checks + 1))
  "$@" > stdout.txt 2> stderr.txt
  got=$?
  if [ $got -ne "$code" ]; then complain "$* ended with $got, expected $code"; return; fi
  if ! cat stdout.txt stderr.txt | grep -q -e "$pattern"; then complain "$* does not print '$pattern'"; fi
}

"$cartan" data convert "$root/data/xtb_molecules.h5" frames.xyz --range ::15 > stdout.txt 2> stderr.txt || complain "cannot convert the sample set"
cat > run.toml <<'END'
[data]
train = "frames.xyz"
validation_frames = 6
[model]
channels = 8
layers = 1
radial = 8
cutoff = 4.0
[training]
max_steps = 30
batch_size = 4
warmup_steps = 5
checkpoint_every_steps = 5
[output]
folder = "out"
END

# a run and its files
expect 0 'validation, 6 frames' "$cartan" potential train run.toml
for f in model.h5 checkpoint.h5 history.csv learning_curve.svg run.toml; do
  checks=$((checks + 1))
  [ -s out/$f ] || complain "out/$f is missing"
done
cp out/model.h5 straight.h5
expect 2 'exists' "$cartan" potential train run.toml
expect 0 'forces' "$cartan" potential eval out/model.h5 frames.xyz --out predicted.xyz --parity parity
expect 0 '"energy_per_atom_rmse_ev"' "$cartan" potential eval out/model.h5 frames.xyz --json
for key in n_frames energy_rmse_ev energy_mae_ev forces_rmse_ev_per_ang forces_mae_ev_per_ang; do
  checks=$((checks + 1))
  grep -q "\"$key\"" stdout.txt || complain "eval --json has no $key"
done
expect 2 'parity_energy.svg exists' "$cartan" potential eval out/model.h5 frames.xyz --parity parity
expect 2 'must end in one of' "$cartan" potential eval out/model.h5 frames.xyz --out predicted.abc
expect 0 ' 0.000 *0.000 *meV/A$' "$cartan" potential eval out/model.h5 predicted.xyz

# the error of a stress that has no weight is that of the model, not the mean of the labels (12.472)
for z in 1.2 1.3 1.4; do
  echo 2
  echo 'Lattice="4 0 0 0 4 0 0 0 4" stress="0.01 0 0 0 0.02 0 0 0 0.03" energy=-1 Properties=species:S:1:pos:R:3:forces:R:3'
  echo 'H 0 0 0 0 0 1'
  echo "H 0 0 $z 0 0 -1"
done > stressed.xyz
expect 0 'stress  *[0-9]' "$cartan" potential train run.toml --data stressed.xyz --data.validation_frames 1 --training.max_steps 2 --out stressed
checks=$((checks + 1))
grep -q 'stress  *12.472' stdout.txt && complain 'the stress that was not trained on is taken for zero'

# kill -9 at some moment, then --resume: the same bytes as the straight run, wherever it was stopped
rm -rf out
for pause in 0.3 0.5 0.8; do
  "$cartan" potential train run.toml $( [ -e out/checkpoint.h5 ] && echo --resume || echo --force ) > stdout.txt 2>&1 &
  victim=$!
  sleep $pause
  kill -9 $victim 2> /dev/null
  wait $victim 2> /dev/null
done
expect 0 'finished' "$cartan" potential train run.toml --resume
checks=$((checks + 1))
cmp -s out/model.h5 straight.h5 || complain "a killed and resumed run differs from a straight one"

# Ctrl-C writes a checkpoint and ends with 130
rm -rf out
"$cartan" potential train run.toml --training.max_steps 100000 > stdout.txt 2> stderr.txt &
victim=$!
sleep 1
kill -INT $victim
wait $victim
got=$?
checks=$((checks + 1))
[ $got -eq 130 ] && [ -s out/checkpoint.h5 ] || complain "SIGINT ended with $got"


# overrides, and what is wrong with a run file
expect 0 'SO(3), 2 layers' "$cartan" potential train run.toml --out b --model.group 'SO(3)' --model.layers=2 --training.max_steps 2
expect 2 'unknown option --model.chanels; perhaps --model.channels is meant' "$cartan" potential train run.toml --out c --model.chanels 8
expect 2 'perhaps --training.epochs is meant' "$cartan" potential train run.toml --out c --epochs 8
expect 2 'perhaps --resume is meant' "$cartan" potential train run.toml --resum
expect 2 'perhaps .cartan potential train. is meant' "$cartan" potential trian run.toml
expect 2 'perhaps .cartan potential. is meant' "$cartan" potental train run.toml
expect 2 'training.max_steps must be a whole number, not .soon' "$cartan" potential train run.toml --out c --training.max_steps soon
expect 2 'training.max_steps' "$cartan" potential train run.toml --out c --training.max_steps
expect 2 'training.batch_size must be at least 1 and at most 1000000, not -3' "$cartan" potential train run.toml --out c --training.batch_size -3
expect 2 'training.seed must be at least 0, not -1' "$cartan" potential train --training.seed -1 run.toml --out c
expect 2 'training.learning_rate must be above 0, not nan' "$cartan" potential train run.toml --out c --training.learning_rate nan
expect 2 'training.optimizer must be adamw, sgd or muon, not "adam"' "$cartan" potential train run.toml --out c --training.optimizer adam
expect 2 'training.momentum: unknown key; it goes with training.optimizer = "sgd"' "$cartan" potential train run.toml --out c --training.momentum 0.5

# the same in a file, with its line
bad() {
  sed "s/^batch_size = 4/$1/" run.toml > bad.toml
  expect 3 "$2" "$cartan" potential train bad.toml --out c
}
bad 'batch_sise = 4' 'bad.toml: line 11: training.batch_sise: unknown key; perhaps training.batch_size is meant'
bad 'channels = 4' 'bad.toml: line 11: training.channels: unknown key; perhaps model.channels is meant'
bad 'batch_size = -4' 'line 11: training.batch_size: must be at least 1 and at most 1000000, not -4'
bad 'batch_size = 99999999999999' 'line 11: training.batch_size: must be at least 1'
bad 'batch_size = "4"' 'line 11: training.batch_size: must be a whole number, not "4"'
bad 'clip_norm = nan' 'line 11: training.clip_norm: must be at least 0, not nan'
bad 'seed = -1' 'line 11: training.seed: must be at least 0, not -1'
bad 'qqqqqqqqqqqq = 1' 'line 11: training.qqqqqqqqqqqq: unknown key; \[training\] has epochs, max_steps'
bad 'threads = 1.5' 'line 11: training.threads: must be a whole number'

bad 'batch_size = [\n1, 2,\n]' 'line 11: training.batch_size'

# what would bring down the parser of TOML
for text in '[,x]' '[[ ,x]]' 'a = [}]' 'a = 1979-05-27 1' 'a = 07:3x' "a = 1|2.'''" 'a = "b"."c"' "a = [0['x']]" 'a = 1|2' "a = [2='x']" "a = 'b" "$(printf '\357\263\277')" "$(printf 'a\357\263\277 = 1')" "$(printf 'a = \357\263\277')" "$(printf 'a = "\377"')" \
  "$(printf 'a.%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34)b = 1"; do
  { cat run.toml; printf '%s\n' "$text"; } > bad.toml
  expect 3 'bad.toml: line 16: ' "$cartan" potential train bad.toml --out c
done
{ cat run.toml; printf 'a = """b \\ \\\n \303\227"""'; } > bad.toml
expect 3 'bad.toml: line 17: a backslash' "$cartan" potential train bad.toml --out c
{ printf '\357\273\277# \303\205\n'; cat run.toml; printf '"\303\205" = "\357\263\277"\n'; } > bad.toml
expect 3 'line 17: output.Å: unknown key' "$cartan" potential train bad.toml --out c

# a model that no machine holds
expect 2 'GiB of this machine' "$cartan" potential train run.toml --out c --model.channels 65536 --model.layers 1000
expect 2 'model.layers must be' "$cartan" potential train run.toml --out c --model.layers 100000000

# a damaged checkpoint is named, and the one before it used
expect 0 'finished' "$cartan" potential train run.toml --out damaged
printf 'XXXX' | dd of=damaged/checkpoint.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
expect 0 'warning: .*damaged/checkpoint.h5: .*' "$cartan" potential train run.toml --out damaged --resume --training.max_steps 40
grep -q 'going on from .*checkpoint.h5.previous instead' stderr.txt || complain 'the fallback is not named'
[ -s damaged/checkpoint.h5.damaged ] || complain 'the damaged checkpoint was not kept'

# every field can be set: another optimiser, groups of parameters, several batches a step
expect 0 'finished' "$cartan" potential train run.toml --out sgd --training.optimizer sgd --training.momentum 0.8 --training.accumulate 2 \
  --training.groups '*.bias,embedding.*' --training.group_rates 2,0.5 --training.max_steps 4 --threads 1
for line in 'optimizer = "sgd"' 'momentum = 0.8' 'groups = \["\*.bias", "embedding.\*"\]' 'threads = 1$'; do
  checks=$((checks + 1))
  grep -q "^$line" sgd/run.toml || complain "sgd/run.toml has no $line"
done
expect 2 '1 patterns and 2 group_rates' "$cartan" potential train run.toml --out c --training.groups '*' --training.group_rates 1,2
# --threads is obeyed, and wins over the file
sed 's/^batch_size = 4/&\nthreads = 2/' run.toml > threads.toml
expect 0 '; 1 threads*$' "$cartan" potential train threads.toml --out t1 --threads 1 --training.max_steps 1
expect 0 '; 2 threads$' "$cartan" potential train threads.toml --out t2 --training.max_steps 1

# names with all that a shell gives
odd="o'd \"d\" \$HOME [x]"
mkdir "$odd" && cp frames.xyz "$odd/frames.xyz"
expect 0 'finished' "$cartan" potential train run.toml --data "$odd/frames.xyz" --out "$odd/out" --training.max_steps 3
# the description that a run leaves runs again from anywhere, with the same result
cp "$odd/out/model.h5" odd.h5
cp "$odd/out/run.toml" again.toml
(cd / && "$cartan" potential train "$work/again.toml" --force) > stdout.txt 2> stderr.txt || complain "the saved run.toml does not run again"
checks=$((checks + 1))
cmp -s "$odd/out/model.h5" odd.h5 || complain "running the saved run.toml again gave another model"

# nothing of the user's is replaced
mkdir own && cp run.toml own/run.toml && cp frames.xyz own
expect 2 'own/run.toml exists' sh -c 'cd own && "$0" potential train run.toml --out .' "$cartan"
checks=$((checks + 1))
cmp -s own/run.toml run.toml || complain "the user's run.toml was replaced"
mkdir pictures && echo mine > pictures/history.csv
expect 2 'pictures/history.csv exists' "$cartan" potential train run.toml --out pictures

# --resume without a checkpoint says so and starts
expect 0 'has no checkpoint yet: the run starts at its first step' "$cartan" potential train run.toml --out fresh --resume --training.max_steps 2
expect 0 'going on from .*fresh/checkpoint.h5' "$cartan" potential train run.toml --out fresh --resume --training.max_steps 3
expect 0 'changed since the checkpoint: training.learning_rate was 0.001, is 0.002' "$cartan" potential train run.toml --out fresh --resume --training.max_steps 4 --training.learning_rate 0.002
expect 3 'made with batch_size = 4, the run has 5' "$cartan" potential train run.toml --out fresh --resume --training.batch_size 5

# so do runs of programs that wrote their run.toml without a first line that says so
tail -n +2 fresh/run.toml > old.toml && mv old.toml fresh/run.toml
expect 0 'going on from .*fresh/checkpoint.h5' "$cartan" potential train run.toml --out fresh --resume --training.max_steps 5
echo '# mine' >> fresh/run.toml && tail -n +2 fresh/run.toml > old.toml && mv old.toml fresh/run.toml
expect 2 'fresh/run.toml exists' "$cartan" potential train run.toml --out fresh --resume --training.max_steps 6

# the page of keys is that of this program
awk '/^```$/ { on = 0 } on; /^```toml$/ { on = 1 }' "$root/docs/run_file.md" > page.txt
"$cartan" potential train --help-keys > keys.txt
checks=$((checks + 1))
diff page.txt keys.txt > stdout.txt 2>&1 || complain "docs/run_file.md is not up to date; tools/run_file_page.sh makes it"
# and it is a run file
expect 2 'data.train names no file' "$cartan" potential train keys.txt

expect 4 'absent.toml' "$cartan" potential train absent.toml
expect 4 'absent.xyz' "$cartan" potential train run.toml --out c --data absent.xyz
echo 'x = [' > broken.toml
expect 3 'broken.toml: line' "$cartan" potential train broken.toml

# numbers where a run file has texts that may be numbers
sed 's/^channels = 8/&\nscale = 2.5/; s/^validation_frames = 6/train_range = 3/' run.toml > scale.toml
expect 0 'finished' "$cartan" potential train scale.toml --out s1 --training.max_steps 2
expect 0 'finished' "$cartan" potential train run.toml --out s2 --training.max_steps 2 --model.scale 2 --data.train_range 3 --data.validation_frames 0 --data.validation_fraction 0
expect 0 'finished' "$cartan" potential train s1/run.toml --out s3 --training.max_steps 2
bad 'seed = 1.5' 'line 11: training.seed: must be a whole number, not 1.5'

# labels under other names, and the name of the option where they are not known
sed 's/energy=/DFT_Energy=/; s/:forces:/:dft_force:/' frames.xyz > known.xyz
expect 0 'finished' "$cartan" potential train run.toml --data known.xyz --out l1 --training.max_steps 2
sed 's/energy=/my_e=/; s/:forces:/:my_f:/' frames.xyz > mine.xyz
expect 3 'mine.xyz: frame [0-9]*: has no energy (it has no label; keys .*my_e.*; columns my_f); data.energy_key names it' "$cartan" potential train run.toml --data mine.xyz --out c
expect 0 'finished' "$cartan" potential train run.toml --data mine.xyz --out l2 --training.max_steps 2 --energy-key my_e --data.forces_key my_f
expect 0 'forces' "$cartan" potential eval straight.h5 mine.xyz --energy-key my_e --forces-key my_f
expect 0 'finished' "$cartan" potential train run.toml --out l3 --training.max_steps 2
for l in l1 l2 l3; do "$cartan" potential eval $l/model.h5 frames.xyz --json > $l.txt; done
checks=$((checks + 2))
for l in l1 l2; do cmp -s $l.txt l3.txt || complain "labels under other names gave another model"; done

# errors name frames by their place in the file, whatever is read, kept back or drawn
awk '/energy=/ { if (n++ == 20) sub(/ energy=[^ ]*/, "") } 1' frames.xyz > gap.xyz
for more in "--training.seed 1" "--training.seed 2" "--data.train_range 5:30" "--data.validation_frames 2"; do
  # shellcheck disable=SC2086
  expect 3 'gap.xyz: frame 20: has no energy' "$cartan" potential train run.toml --data gap.xyz --out c $more
done
expect 2 'frame 7 has no .colour' "$cartan" potential train run.toml --data.split_by colour --data.train_range 7: --out c

# frames with energies alone, isolated atoms among the frames
awk '/Properties/ { n++; if (n % 3 == 0) { sub(/:forces:R:3/, ""); cut = 1 } else cut = 0 } cut && NF == 7 { print $1, $2, $3, $4; next } 1' frames.xyz > partial.xyz
printf '1\nProperties=species:S:1:pos:R:3 config_type=IsolatedAtom energy=-13\nH 0 0 0\n' >> partial.xyz
expect 0 'isolated atoms among the frames: H -13 eV' "$cartan" potential train run.toml --data partial.xyz --out p1
expect 0 'of [0-9]* frames have forces; the others count by their energies' "$cartan" potential train run.toml --data partial.xyz --out p2
expect 0 'forces' "$cartan" potential eval p1/model.h5 partial.xyz

# a stress without a volume
cat > slab.awk <<'END'
/energy=/ { sub(/ pbc="F F F"/, ""); $0 = $0 " Lattice=\"30 0 0 0 30 0 0 0 0\" pbc=\"T T F\" stress=\"0.01 0 0 0 0.01 0 0 0 0\"" } 1
END
awk -f slab.awk frames.xyz > slab.xyz
expect 3 'slab.xyz: frame 0: has a stress, and a cell without a volume' "$cartan" potential train run.toml --data slab.xyz --out c --loss.stress 1 --data.validation_frames 0 --data.validation_fraction 0

# physics that training does not use is said once
sed 's/energy=/spin=1 &/' frames.xyz > spin.xyz
expect 0 'warning: .*spin.xyz: not used: spin: a spin' "$cartan" potential train run.toml --data spin.xyz --out w --training.max_steps 1
checks=$((checks + 1))
[ "$(grep -c 'warning: ' stderr.txt)" = 1 ] || complain "a warning is said more than once"

# data that cannot be trained on: file, frame and object are named
sed '0,/energy=/s/energy=[^ ]*/energy=nan/' frames.xyz > nan.xyz
expect 3 'nan.xyz: frame 0' "$cartan" potential train run.toml --out c --data nan.xyz
sed 's/:forces:R:3//' frames.xyz | awk 'NF == 7 { print $1, $2, $3, $4; next } 1' > bare.xyz
expect 3 'bare.xyz: frame [0-9]*: has no forces' "$cartan" potential train run.toml --out c --data bare.xyz
printf '2\nProperties=species:S:1:pos:R:3 pbc="F F F"\nH 0 0 0\nF 0 0 0.9\n' > fluoride.xyz
expect 3 'has F, the model was trained for C H N O\|has F, the model was trained for H C N O' "$cartan" potential eval straight.h5 fluoride.xyz
printf '2\nProperties=species:S:1:pos:R:3 pbc="F F F"\nH 0 0 0\nH 0 0 0.001\n' > overlap.xyz
expect 3 'overlap.xyz: frame 0' "$cartan" potential eval straight.h5 overlap.xyz
printf '1\nLattice="1 0 0 2 0 0 0 0 1" Properties=species:S:1:pos:R:3\nH 0 0 0\n' > flat.xyz
expect 3 'flat.xyz: frame 0' "$cartan" potential eval straight.h5 flat.xyz
head -c 2000 straight.h5 > truncated.h5
expect 3 'truncated.h5' "$cartan" potential eval truncated.h5 frames.xyz
expect 3 'frames.xyz' "$cartan" potential eval frames.xyz frames.xyz

# another network, through the same verbs
nequip() { "$cartan" potential train run.toml --out n --model.kind nequip --model.channels 4 --model.lmax 1 --model.layers 2 --threads 1 "$@"; }
expect 0 'NequIP 4x0e+4x1o, 2 layers, cutoff 4 A, float32: [0-9]* parameters' nequip --training.max_steps 6
expect 0 'validation, 6 frames' nequip --training.max_steps 6 --resume
expect 0 'forces' "$cartan" potential eval n/model.h5 frames.xyz --precision float64
expect 0 '"status": "finished"' "$cartan" potential md n/model.h5 frames.xyz --ensemble nve --steps 5 --dt 0.1 --json
sed '0,/energy=/s/energy=/charge=1 &/' frames.xyz > ion.xyz
expect 0 'warning: ion.xyz: not used: charge (1 of [0-9]* frames): the total charge, which nequip does not know' "$cartan" potential eval n/model.h5 ion.xyz
expect 0 'forces' "$cartan" potential eval straight.h5 ion.xyz
checks=$((checks + 1))
grep -q 'not used' stderr.txt && complain "tensornet knows the charge"
expect 3 'has F, the model was trained for' "$cartan" potential eval n/model.h5 fluoride.xyz
expect 3 'checkpoint' nequip --training.max_steps 6 --resume --model.channels 5
expect 2 'nosuch' "$cartan" potential train run.toml --out c --model.kind nosuch
expect 5 . "$cartan" potential eval n/model.h5 frames.xyz --device cuda:99
[ -d c ] && [ -e c/model.h5 ] && complain "a failed run left a model"

# data that a network cannot take is named before the first step
expect 3 'frames.xyz: frame [0-9]*: has N, for which the network has no parameters' "$cartan" potential train run.toml --out c --model.kind nequip --model.species H,C,O
printf '3\nProperties=species:S:1:pos:R:3:forces:R:3 energy=1\nO 0 0 0 0 0 0\nH 0 0 0 0 0 0\nH 0 1 0 0 0 0\n' > overlap.xyz
expect 3 'overlap.xyz: frame 0: .*apart' "$cartan" potential train run.toml --data overlap.xyz --data.validation_frames 0 --data.validation_fraction 0 --out c --model.kind nequip
expect 2 'frames.xyz: has no frames in the range 900000:' "$cartan" potential train run.toml --out c --data.train_range 900000:
expect 0 'no atom of .*frames.xyz has a neighbour within the cutoff' "$cartan" potential train run.toml --out lonely --model.cutoff 0.3 --training.max_steps 1

# fine-tuning: energies on another scale are said and moved, an element that the model lacks is named
awk '{ if (match($0, / energy=[-+0-9.eE]*/)) {
         e = substr($0, RSTART + 8, RLENGTH - 8) + 100
         $0 = substr($0, 1, RSTART + 7) sprintf("%.8f", e) substr($0, RSTART + RLENGTH) } print }' frames.xyz > shifted.xyz
printf '[data]\ntrain = "shifted.xyz"\nvalidation_frames = 6\n[model]\nfrom = "straight.h5"\n[training]\nmax_steps = 2\n[output]\nfolder = "tuned"\n' > tune.toml
expect 0 'lie [0-9.]* eV/atom above those of .*straight.h5; energies of atoms are moved (eV): H' "$cartan" potential train tune.toml
expect 0 'started_from: straight.h5' "$cartan" data info tuned/model.h5
grep -v '^from' tune.toml > fresh.toml
expect 0 'lie [0-9.]* eV/atom above those of .*straight.h5' "$cartan" potential train fresh.toml --from straight.h5 --out flag
expect 0 'started_from: straight.h5' "$cartan" data info flag/model.h5
sed 's/^N /O /' shifted.xyz > without.xyz
expect 3 'shifted.xyz: frame [0-9]*: has N, which no frame of .*without.xyz with an energy has' "$cartan" potential train tune.toml --data without.xyz --data.validation shifted.xyz --out x
expect 2 'which this run would replace' "$cartan" potential train tune.toml --from tuned/model.h5 --out tuned --force
expect 2 'has a scale of its own' "$cartan" potential train tune.toml --model.scale 0.5 --out x
expect 2 'model.kind is nequip, but model.from .*straight.h5 is tensornet' "$cartan" potential train tune.toml --model.kind nequip --out x
expect 2 'model.channels is of tensornet, but model.from .*n/model.h5 is nequip' "$cartan" potential train tune.toml --from n/model.h5 --model.channels 16 --out x
sed 's/^C /Si /' frames.xyz > silicon.xyz
expect 3 'silicon.xyz: frame [0-9]*: .*Si, the model was trained for H C N O' "$cartan" potential train tune.toml --data silicon.xyz --out silicon
expect 3 'silicon.xyz: frame 0: .*Si' "$cartan" potential eval straight.h5 silicon.xyz
expect 3 'silicon.xyz: frame 0: .*Si' "$cartan" potential relax straight.h5 silicon.xyz
printf 'not a checkpoint' > weights.pth
expect 3 'weights.pth: .*is no model that is read' "$cartan" potential import weights.pth --out imported.h5
expect 3 'straight.h5: .*is no model that is read' "$cartan" potential import straight.h5 --out imported.h5
expect 4 'absent.pth' "$cartan" potential import absent.pth --out imported.h5

# the models of data/models: small, and a committee
for model in "$root"/data/models/*.h5; do
  expect 0 '"forces_rmse_ev_per_ang": 0\.[0-2]' "$cartan" potential eval "$model" "$root/data/xtb_molecules.h5" --range ::30 --json
  expect 0 '^network: ' "$cartan" data info "$model"
  checks=$((checks + 1))
  [ "$(wc -c < "$model")" -le 150000 ] || complain "$model is larger than 150 kB"
done
expect 0 'members apart' "$cartan" potential eval "$root"/data/models/*.h5 "$root/data/xtb_molecules.h5" --range ::60

echo "$checks checks, $failures failures"
[ $failures -eq 0 ]
