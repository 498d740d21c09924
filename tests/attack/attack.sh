#!/usr/bin/env bash
# Attacks the promises about files and runs: damaged bytes, kills, full disks, changed inputs.
#
#   tests/attack/attack.sh BUILD [--short] [--kills N] [--only PART,...] [--keep DIR]
#
# BUILD is a build with apps and tests; parts are damage, kills, disk, fuzz. In full it takes some ten minutes on
# two cores, with --short (a test of ctest) less than one. Prints a line of counts for each; ends with 1 when one
# of them shows a fault. The numbers that are drawn are the same in every run (SEED=N draws others), the moments
# at which processes die are not.
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
shift
short=false kills=100 only= keep=
while [ $# -gt 0 ]; do
  case $1 in
    --short) short=true kills=6 ;;
    --kills) kills=$2; shift ;;
    --only) only=$2; shift ;;
    --keep) keep=$2; shift ;;
    *) echo "attack.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
cartan=$build/apps/cartan tests=$build/tests
for program in "$cartan" "$tests/attack_damage" "$tests/make_model"; do
  [ -x "$program" ] || { echo "attack.sh: $program is not built" >&2; exit 2; }
done
root=$(cd "$(dirname "$0")/../.." && pwd)
memory=/dev/shm
[ -w $memory ] || memory=${TMPDIR:-/tmp}
work=$(mktemp -d "$memory/cartan-attack.XXXXXX") && cd "$work" || exit 2
mounted=
leave() {
  [ -z "$mounted" ] || umount "$mounted"
  cd /
  if [ -n "$keep" ]; then mkdir -p "$keep" && cp -r "$work/." "$keep"; fi
  rm -rf "$work"
}
trap leave EXIT
RANDOM=${SEED:-11}
status=0
fault() { echo "FAULT: $*"; status=1; }
part() { [ -z "$only" ] || [[ ,$only, == *,$1,* ]]; }
quiet() { "$@" > out 2> err; }

# What is attacked: small files, so that every byte can be tried.
"$tests/make_model" model.h5 2 1 float32 2 || exit 2
quiet "$cartan" data convert "$root/data/xtb_molecules.h5" frames.xyz --range ::40 || exit 2
quiet "$cartan" data convert frames.xyz frames.h5 --range :3 || exit 2
awk 'BEGIN { for (k = 0; k < 1100; ++k) printf "1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-%d.5\nH 0 0 %d 0.5 0 0\n", k % 7, k }' > many.xyz
quiet "$cartan" data convert many.xyz many.h5 || exit 2
head -11 frames.xyz > start.xyz
cat > run.toml << 'END'
[data]
train = "frames.xyz"
validation_frames = 4
[model]
channels = 2
layers = 1
radial = 2
cutoff = 4.0
[training]
max_steps = 40
batch_size = 2
checkpoint_every_steps = 3
[output]
folder = "straight"
END
quiet "$cartan" potential train run.toml --threads 1 || { cat err; exit 2; }
# Dynamics whose checkpoint is written every few steps. In the array `command`, so that a signal meets the program and
# no shell around it.
md() {  # STEPS OUT
  command=("$cartan" potential md model.h5 frames.xyz --ensemble nvt --dt 0.2 --steps "$1" --seed 5 --sample-every 20
    --threads 1 --checkpoint-seconds 0.004 --out "$2")
}
md 200 whole.h5
quiet "${command[@]}" || { cat err; exit 2; }
quiet "$cartan" chebyshev electrostatics "$root/data/salt.pqr" --tolerance 1e-2 --out field.h5 || { cat err; exit 2; }

if part damage; then
  # A run that is killed leaves a log; one with some frames is wanted.
  md 100000 cut.h5
  for try in 1 2 3 4 5 6 7 8 9; do
    rm -f cut.*
    "${command[@]}" > /dev/null 2>&1 &
    victim=$!
    for wait in 1 2 3 4 5 6 7 8 9; do
      sleep 0.05
      [ "$(stat -c %s cut.h5.part 2> /dev/null || echo 0)" -gt 8000 ] && break
    done
    kill -KILL $victim 2> /dev/null
    wait $victim 2> /dev/null
    [ -s cut.h5.part ] && [ "$(stat -c %s cut.h5.part)" -gt 8000 ] && break
  done
  # KIND FILE and the stride of --short
  damage() {
    local stride=1 perturb
    $short && stride=$3
    for perturb in "" 165; do
      $short && [ -z "$perturb" ] && continue
      [ -n "${4:-}" ] && ! $short && stride=$4
      MALLOC_PERTURB_=$perturb "$tests/attack_damage" "$1" "$2" --stride $stride --first $((RANDOM % stride)) || status=1
      [ -n "$perturb" ] || echo "  again with MALLOC_PERTURB_:"
    done
  }
  damage frames frames.h5 97
  damage range frames.h5 97
  damage range many.h5 1201 11
  damage model model.h5 97
  damage tree straight/checkpoint.h5 197 3  # every byte takes a quarter of an hour
  damage trajectory whole.h5 397
  damage tree whole.restart.h5 97
  damage tree field.h5 397 3
  # How long it is depends on the machine: the places tried do not.
  size=$(stat -c %s cut.h5.part 2> /dev/null || echo 0)
  if [ "$size" -gt 0 ]; then damage log cut.h5.part $((size / 50 + 1)) $((size / 20000 + 1)); else fault "no log was left"; fi
fi

# Starts `command` with --resume again and again and kills it, at most $1 times, until it ends by itself. Adds to
# `delivered`.
killed() {
  local most=$1 number=0 victim signal before
  while :; do
    before=$delivered
    "${command[@]}" --resume > killed.out 2> killed.err &
    victim=$!
    if [ $number -lt "$most" ]; then
      signal=KILL
      [ $((RANDOM % 2)) -eq 0 ] && signal=INT
      sleep 0.$(printf %03d $((RANDOM % longest)))
      kill -$signal $victim 2> /dev/null && delivered=$((delivered + 1))
    fi
    wait $victim 2> /dev/null
    code=$?
    number=$((number + 1))
    case $code in
      0) return 0 ;;
      130 | 137) ;;
      *) fault "$what --resume ended with $code: $(tail -2 killed.err)"; return 1 ;;
    esac
    [ $before -eq $delivered ] && return 1
  done
}
if part kills; then
  train=("$cartan" potential train run.toml --threads 1 --out killed)
  quiet "${train[@]}" || exit 2
  cp killed/model.h5 straight.model
  for what in train md; do
    delivered=0 runs=0 left=0
    [ $what = train ] && command=("${train[@]}") || md 200 killed.h5
    longest=$( [ $what = train ] && echo 600 || echo 250)
    while [ $delivered -lt $kills ]; do
      rm -rf killed killed.h5* killed.restart* killed.svg
      killed $((1 + RANDOM % 5)) || break
      runs=$((runs + 1))
      if [ $what = train ]; then
        cmp -s killed/model.h5 straight.model || fault "a training that was killed gives other bits"
      else
        for end in .h5 .restart.h5 .svg; do
          cmp -s killed$end whole$end || fault "dynamics that were killed give another killed$end"
        done
      fi
      # What died less than a second before the next save stays until a later one.
      left=$((left + $(ls -d killed*.tmp.* killed/*.tmp.* killed*.part 2> /dev/null | wc -l)))
    done
    echo "kills of $what: $delivered (KILL and INT) in $runs runs that went on to the end, their files compared; $left pieces of files younger than a second were left"
    [ $delivered -ge $kills ] || fault "kills of $what ended early"
  done
fi

if part disk; then
  # A file system of few pages where we may mount one, otherwise a limit on the length of files.
  mkdir small
  if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=64k cartan-attack small 2> /dev/null; then mounted=$work/small; fi
  sizes="4 8 16 24 32 48 64 96 128 192 256"
  $short && sizes="4 16 48 128"
  tried=0 refusals=0
  # full NAME COMMAND...: COMMAND writes small/NAME at every size of the disk; an older file must stay what it was.
  full() {
    local name=$1 size code
    shift
    for size in $sizes; do
      rm -rf small/*
      if [ -n "$mounted" ]; then mount -o remount,size=${size}k "$mounted" || continue; fi
      printf 'before\n' > small/$name
      if [ -n "$mounted" ]; then
        "$@" > out 2> err
      else
        (ulimit -f $size; trap '' XFSZ; exec "$@") > out 2> err
      fi
      code=$?
      tried=$((tried + 1))
      case $code in
        0) ;;
        4)
          refusals=$((refusals + 1))
          [ "$(cat small/$name)" = before ] || fault "$1 $2 $3 on a disk of $size kB: the file that was there is gone"
          ;;
        *) fault "$1 $2 $3 on a disk of $size kB ended with $code: $(tail -1 err)" ;;
      esac
      ls -A small | grep -e '\.tmp\.' > /dev/null && fault "$2 $3 on a disk of $size kB left $(ls small)"
    done
  }
  full f.h5 "$cartan" data convert many.xyz small/f.h5 --force
  full f.xyz "$cartan" data convert many.h5 small/f.xyz --force
  full f.npz "$cartan" data convert many.xyz small/f.npz --force
  full model.h5 "$cartan" potential train run.toml --threads 1 --out small --force
  full t.h5 "$cartan" potential md model.h5 frames.xyz --ensemble nve --steps 60 --sample-every 1 --threads 1 --out small/t.h5 --force
  full g.h5 "$cartan" chebyshev fit 'exp(-x*y)' --dim 2 --out small/g.h5 --force
  full p.xyz "$cartan" potential eval model.h5 frames.xyz --out small/p.xyz --force
  echo "full disks ($([ -n "$mounted" ] && echo 'tmpfs' || echo 'ulimit -f')): $tried runs, $refusals of them ended with code 4 and left what was there"
  [ $refusals -gt 0 ] || fault "no disk was full"
fi

if part fuzz; then
  copies=3000
  $short && copies=100
  "$tests/fuzz/make_fuzz_seeds" seeds || fault "no seeds"
  for program in "$tests"/fuzz/replay_*; do
    name=${program##*/replay_}
    MALLOC_PERTURB_=85 OMP_NUM_THREADS=1 "$program" seeds/$name $copies > out 2> err || { fault "replay of $name: $(tail -3 err)"; continue; }
    echo "replay of $name: $(tail -1 out)"
  done
fi
[ $status -eq 0 ] && echo "no fault"
exit $status
