#!/bin/sh
# The verbs `cartan operator generate`, `train`, `eval` and `predict`: files, numbers, exit codes, interrupts, bad files.
#
#   tests/apps/operator_data_verbs.sh CARTAN SOURCE    the command, the root of the source tree
set -u
cartan=$1 source=$2
. "$(dirname "$0")/expect.sh"
present() { checks=$((checks + 1)); [ -s "$1" ] || complain "no $1"; }
same() { checks=$((checks + 1)); cmp -s "$1" "$2" || complain "$1 and $2 differ"; }
# value KEY: the first number of that key in the JSON in `out`
value() { sed -n "s/^ *\"$1\": \([^,]*\).*/\1/p" out | head -n 1; }
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }
op() { "$cartan" operator "$@"; }

# samples: any threads, interrupted and gone on with, more of them, other options
expect 0 '"samples": 48' op generate darcy-small --points 9 --refine 2 --samples 48 --out darcy.h5 --json --threads 1
expect 0 'x (1, 9, 9), y (1, 9, 9)' op generate darcy-small --points 9 --refine 2 --samples 48 --out two.h5 --threads 2
same darcy.h5 two.h5
expect 2 'exists; --force' op generate darcy-small --samples 4 --out darcy.h5
expect 0 . op generate darcy-small --points 9 --refine 2 --samples 20 --out part.h5
expect 0 . op generate darcy-small --points 9 --refine 2 --samples 48 --out part.h5 --resume
expect 0 '(48, 1, 9, 9)' "$cartan" data info part.h5
expect 3 'its seed is another one' op generate darcy-small --points 9 --refine 2 --samples 60 --seed 2 --out part.h5 --resume
"$cartan" operator generate navier-stokes --points 16 --samples 4000 --out long.h5 --threads 1 2> err > out &
pid=$!
for k in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; [ -s long.h5.part ] && break; done
kill -INT $pid; wait $pid; code=$?
checks=$((checks + 1)); [ $code -eq 130 ] && grep -q 'go on with --resume' err || complain "an interrupted generate ended with $code"
checks=$((checks + 1)); [ ! -e long.h5 ] || complain "an interrupted generate left a file"
expect 2 "perhaps .cartan operator generate burgers. is meant" op generate burger --samples 2 --out no.h5
expect 2 'viscosity: must be at least 0' op generate burgers --viscosity -1 --out no.h5
expect 1 'lost sample 0' op generate navier-stokes --points 16 --viscosity 1e-12 --sigma 1e9 --step 1 --samples 1 --out lost.h5

# training
cat > run.toml <<'END'
[data]
train = "darcy.h5"
validation_fraction = 0.25
tests = ["two.h5"]
[model]
modes = [4, 4]
hidden_channels = 8
layers = 2
[augment]
transpose = true
reflect = "ends"
[training]
epochs = 6
batch_size = 6
warmup_steps = 5
learning_rate = 1e-2
[output]
folder = "run"
END
expect 0 '"seconds_per_epoch"' op train run.toml --json
holds "$(value parameters) > 1000 && $(value rel_l2) < 0.9 && $(value rel_h1) > 0 && $(value n_samples) == 48"
for file in model.h5 checkpoint.h5 history.csv learning_curve.svg run.toml sample.svg worst.svg spectra.svg; do present run/$file; done
expect 2 'exists; --force' op train run.toml
expect 0 'relative L2' op train run/run.toml --out again
expect 0 'perhaps\|epochs' op train run.toml --out half --training.max_steps 12
expect 0 'going on from' op train run.toml --out half --resume --training.max_steps 0
expect 0 'changed since the checkpoint: training.learning_rate was 0.01, is 0.02' op train run.toml --out half --resume --training.learning_rate 0.02
# kill -9 once a checkpoint is there, twice, then --resume: the same bytes as the straight run
long="--training.epochs 60 --training.checkpoint_every_steps 1"
expect 0 'finished' op train run.toml --out killed $long
mv killed/model.h5 straight.h5; rm -rf killed
for again in "" --resume; do
  touch mark
  "$cartan" operator train run.toml --out killed $long $again > killed.txt 2>&1 &
  victim=$!
  for k in $(seq 500); do [ killed/checkpoint.h5 -nt mark ] && break; sleep 0.02; done
  kill -9 $victim; wait $victim 2> /dev/null; code=$?
  checks=$((checks + 1)); [ $code -eq 137 ] || complain "a run to be killed ended with $code"
  checks=$((checks + 1)); [ -e killed/checkpoint.h5 ] && [ ! -e killed/model.h5 ] || complain "a run was not killed on its way"
done
expect 0 'going on from' op train run.toml --out killed $long --resume
same killed/model.h5 straight.h5
# modes that are added: said in the log, in the model, gone on with to the same bytes
grow="--growth.rule epochs --growth.start 2,2 --model.modes 4,4 --training.schedule constant"
expect 0 'epoch 1: modes (2, 2)' sh -c "'$cartan' operator train run.toml --out grown $grow 2>&1"
expect 0 'modes = \[4,4\]' "$cartan" data info grown/model.h5
mv grown/model.h5 straight.h5; rm -rf grown
expect 0 . op train run.toml --out grown $grow --training.max_steps 5
expect 0 'going on with modes (2, 2)' sh -c "'$cartan' operator train run.toml --out grown $grow --resume --training.max_steps 0 2>&1"
same grown/model.h5 straight.h5
expect 2 '\[growth\] start (5, 2) is above' op train run.toml --out bad --growth.rule epochs --growth.start 5,2
expect 2 '\[growth\] the model is a cosine' op train run.toml --out bad --model.kind cosine $grow
expect 2 'growth starts with few modes' op train run.toml --out bad --model.from run/model.h5 $grow
# padding that goes on with the fields
expect 0 'relative L2' op train run.toml --out continued --model.padding 0.25 --model.continuation 2 --training.epochs 1
expect 2 'without padding' op train run.toml --out bad --model.continuation 2
expect 3 'line 2: data.tarin' sh -c "sed s/train/tarin/ run.toml > bad.toml; '$cartan' operator train bad.toml"
expect 2 'training.epochs: must be at least 0\|--training.epochs' op train run.toml --out bad --training.epochs -3

"$cartan" operator train --help-keys > keys.txt
awk '/^```$/ { on = 0 } on; /^```toml$/ { on = 1 }' "$source/docs/operator_run_file.md" > page.txt
checks=$((checks + 1)); cmp -s page.txt keys.txt || complain "docs/operator_run_file.md is not up to date; tools/run_file_page.sh makes it"

# errors and predictions
expect 0 'relative L2 .*relative H1' sh -c "'$cartan' operator eval run/model.h5 two.h5 | tr '\n' ' '"
expect 0 '"n_samples": 48' op eval run/model.h5 two.h5 --json --figures fig
for file in fig_sample.svg fig_worst.svg fig_spectra.svg; do present $file; done
one=$(value rel_l2)
expect 0 '"rel_l2"' op eval run/model.h5 two.h5 --json --batch 5 --threads 2
holds "$one - $(value rel_l2) < 1e-14 && $(value rel_l2) - $one < 1e-14"  # sums of float64 by other blocks
expect 0 'y of 48 samples' op predict run/model.h5 two.h5 --out p.h5
expect 0 '(48, 1, 9, 9)' "$cartan" data info p.h5
expect 2 'exists; --force' op predict run/model.h5 two.h5 --out p.h5

# rollouts
expect 0 . op generate kuramoto-sivashinsky --points 32 --length 32 --warm-up 20 --frames-out 6 --samples 12 --out ks.h5
cat > ks.toml <<'END'
[data]
train = "ks.h5"
frames_in = 1
frames_out = 2
validation = "ks.h5"
[model]
modes = [8]
hidden_channels = 8
layers = 2
[loss]
rollout = 2
noise = 0.01
[training]
epochs = 2
END
expect 0 'L2, last frame' op train ks.toml --out ks
for file in growth.svg rollout.svg; do present ks/$file; done
expect 0 '"samples_lost": 0' op predict ks/model.h5 ks.h5 --steps 5 --filter-order 16 --out ks_p.h5 --figure strip.svg --json
present strip.svg

# what is wrong is said
expect 3 'has 1 channels, the model needs 2\|has a grid of' op eval run/model.h5 ks.h5
expect 3 . op eval ks.h5 two.h5
head -c 5000 two.h5 > cut.h5
expect 3 'cut.h5' op eval run/model.h5 cut.h5
printf 'nothing' > text.pt
expect 3 'text.pt' op train run.toml --data text.pt --out bad
expect 4 'absent.h5' op eval run/model.h5 absent.h5
# no room left on the disk: an error, and no half a file
if [ -w /dev/full ]; then expect 4 . op generate darcy-small --points 9 --samples 2 --out /dev/full/x.h5; fi

echo "$checks checks, $failures failures"
[ $failures -eq 0 ]
