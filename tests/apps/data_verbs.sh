#!/bin/sh
# The verbs `cartan data ...`: exit codes, messages, files.
#
#   tests/apps/data_verbs.sh CARTAN ROOT    CARTAN the command, ROOT the source tree
set -u
cartan=$1 root=$2
. "$(dirname "$0")/expect.sh"

frame() { printf '2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=%s run=%s pbc="F F F"\nH 0 0 0 1 0 0\nO 0 0 %s -1 0 0\n' "$1" "$2" "$1"; }
i=0
while [ $i -lt 20 ]; do frame $i $((i / 4)); i=$((i + 1)); done > good.xyz
head -n 30 good.xyz > truncated.xyz
sed 's/^O 0 0 7/O 0 x 7/' good.xyz > wrong.xyz

# codes
expect 0 'cartan [0-9]' "$cartan" --version
expect 0 'Exit codes' "$cartan" --help
expect 2 'required' "$cartan"
expect 2 'required' "$cartan" data info
expect 2 'nonsense' "$cartan" data info good.xyz --nonsense
expect 2 'no frame' "$cartan" data convert good.xyz o.h5 --range 99
expect 2 'start:stop:step' "$cartan" data convert good.xyz o.h5 --range 1:x
expect 2 'must end in' "$cartan" data convert good.xyz o.pdb
expect 3 'truncated.xyz: frame 7, line 30: the file ends after 0 of 2 atoms' "$cartan" data info truncated.xyz
expect 3 "wrong.xyz: frame 7, line 32: column pos, field 3: expected a finite number, found 'x'" "$cartan" data info wrong.xyz
expect 4 'absent.xyz: cannot open' "$cartan" data info absent.xyz
expect 4 'o.h5' "$cartan" data convert good.xyz no/such/o.h5
[ -e o.h5 ] && complain "a failed conversion left a file"
if [ -e /dev/full ]; then expect 4 'standard output' sh -c "'$cartan' data info good.xyz > /dev/full"; fi

# Ctrl-C and SIGTERM: a pipe that goes on after the signal
for signal in INT TERM; do
  checks=$((checks + 1))
  rm -f pipe.xyz
  mkfifo pipe.xyz
  "$cartan" data info pipe.xyz > out 2> err &
  reader=$!
  { cat good.xyz; sleep 0.3; kill -$signal $reader; sleep 0.1; cat good.xyz; } > pipe.xyz 2> /dev/null
  wait $reader
  got=$?
  [ $got -eq 130 ] || complain "SIG$signal ended with $got, expected 130"
done

# info
expect 0 'frames  *20' "$cartan" data info good.xyz
expect 0 '"n_frames": 20' "$cartan" data info good.xyz --json
[ -s err ] && complain "data info --json writes to standard error"
expect 0 'H 20, O 20' "$cartan" data info good.xyz --threads 1

expect 0 'charges  216, 0 e in all, with radii' "$cartan" data info "$root/data/salt.pqr"
expect 0 '"n_charges": 216' "$cartan" data info "$root/data/salt.pqr" --json
expect 2 'expected 1 frame or more, found -3' "$cartan" data split good.xyz --counts -3 --out-prefix n

# names that are not UTF-8, control bytes: JSON stays JSON, nothing raw reaches the terminal
printf '3\nProperties=species:S:1:pos:R:3 energy=-4.5 gr\366sse=1 b\033[1m=2\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n' > latin.xyz
expect 0 'gr.*xf6sse' "$cartan" data info latin.xyz --json
expect 0 'gr.*xf6sse' "$cartan" data info latin.xyz
LC_ALL=C grep -q "$(printf '[\366\033]')" out && complain "data info prints raw bytes of a file"
odd=$(printf 'l\366.xyz') && cp latin.xyz "$odd"
expect 0 '"n_frames": 1' "$cartan" data info "$odd" --json
LC_ALL=C grep -q "$(printf '\366')" out && complain "data info --json prints bytes that are not UTF-8"

# what a file states and nothing uses is listed; names of labels are options
printf '1\nProperties=species:S:1:pos:R:3:magmoms:R:1 spin=2 step=3 mine=-7\nO 0 0 0 1.5\n' > spin.xyz
expect 0 'not used  *magmoms: a spin' "$cartan" data info spin.xyz
expect 0 '^  *spin: a spin' "$cartan" data info spin.xyz
expect 0 '"name": "step"' "$cartan" data info spin.xyz --json
expect 0 'energy  *-7 to -7 eV' "$cartan" data info spin.xyz --energy-key mine
expect 3 'no frame has yours, which energy_key names; the first has no label; keys mine, spin, step; columns magmoms' "$cartan" data info spin.xyz --energy-key yours
expect 0 'energy=-7' sh -c '"$0" data convert spin.xyz own.xyz --energy-key mine && cat own.xyz' "$cartan"
sed 's/energy=5 /& REF_energy=6 /' good.xyz > two.xyz
expect 3 'two.xyz: frame 5, line 22: energy (5) and REF_energy (6) contradict each other; --energy-key' "$cartan" data info two.xyz
expect 2 'has no such key' "$cartan" data split good.xyz --by step --fractions 0.5,0.5 --out-prefix n

# convert, there and back
for kind in h5 npz extxyz; do
  expect 0 '20 frames' "$cartan" data convert good.xyz a.$kind
  expect 0 'frames  *20' "$cartan" data info a.$kind
  expect 2 'exists' "$cartan" data convert good.xyz a.$kind
  expect 0 '20 frames' "$cartan" data convert good.xyz a.$kind --force
done
expect 0 '20 frames' "$cartan" data convert good.xyz folder/
expect 0 'frames  *20' "$cartan" data info folder
expect 0 '20 frames' "$cartan" data convert a.h5 b.extxyz
cmp -s a.extxyz b.extxyz || complain "frames changed on their way through .h5"
expect 0 '5 frames' "$cartan" data convert good.xyz five.xyz --range 15:
expect 0 '"min": 15.0' "$cartan" data info five.xyz --json
expect 0 '1 frame ' "$cartan" data convert good.xyz ha.xyz --range 1 --units hartree --force-units hartree/bohr
expect 0 'energy=27.211386245988 ' cat ha.xyz
expect 0 'H 0 0 0 51.422067' cat ha.xyz
expect 2 'expected an energy and a length' "$cartan" data convert good.xyz x.xyz --force-units hartree
expect 2 'units' "$cartan" data convert a.npz x.xyz --units hartree

# compressed text, charges of ions, files of other programs, reasons
frame 5 0 | gzip > five.xyz.gz
expect 0 '"min": 5.0' "$cartan" data info five.xyz.gz --json
frame 5 0 | gzip | head -c 60 > cut.xyz.gz
expect 3 'cut.xyz.gz: line [0-9]*, byte 60 of the compressed file: .*truncated' "$cartan" data info cut.xyz.gz
expect 2 'gzip the file' "$cartan" data convert good.xyz o.xyz.gz
printf '1\nProperties=species:S:1:pos:R:3:velo:R:3 energy=-1 charge=1\nH 0 0 0 0 0 0.1\n' > ion.xyz
expect 0 'lacks: velocities' "$cartan" data convert ion.xyz ion.npz
expect 0 'charge  *1 to 1 e' "$cartan" data info ion.npz
expect 0 'lacks: charge, velocities' "$cartan" data convert ion.xyz ion/
printf ' vasp.6.3.0 20Jan22\n' > OUTCAR
expect 3 'an OUTCAR of VASP (ase convert' "$cartan" data info OUTCAR
expect 3 'an OUTCAR of VASP' "$cartan" data convert OUTCAR o.xyz
printf '1\ngdb 1\t157.7\nH 2.2*^-6 0 0 0.1\n4401\nH\nInChI\n' > qm9.xyz
expect 0 'QM9' "$cartan" data info qm9.xyz
gzip -c "$root/data/salt.pqr" > salt.pqr.gz
expect 0 'charges  216' "$cartan" data info salt.pqr.gz

# split
expect 0 'p_train.xyz: 12 frames' "$cartan" data split good.xyz --fractions 0.6,0.2,0.2 --out-prefix p --seed 3
expect 0 '"n_frames": 4' "$cartan" data info p_test.xyz --json
cat p_train.xyz p_valid.xyz p_test.xyz | grep energy | sort > all
grep energy b.extxyz | sort > before
cmp -s all before || complain "the parts of a split are not the whole"
cp p_train.xyz first
expect 2 'exists' "$cartan" data split good.xyz --fractions 0.6,0.2,0.2 --out-prefix p --seed 3
expect 0 'p_train.xyz' "$cartan" data split good.xyz --fractions 0.6,0.2,0.2 --out-prefix p --seed 3 --force
cmp -s first p_train.xyz || complain "a split with the same seed differs"
expect 0 'p_train.xyz' "$cartan" data split good.xyz --fractions 0.6,0.2,0.2 --out-prefix p --seed 4 --force
cmp -s first p_train.xyz && complain "a split does not depend on the seed"
expect 0 '11 of 20 frames not used' "$cartan" data split good.xyz --counts 7,2 --out-prefix q --format h5
expect 0 'frames  *7' "$cartan" data info q_train.h5
expect 0 'g_train.xyz: 12 frames' "$cartan" data split --by run good.xyz --fractions 0.6,0.2,0.2 --out-prefix g
for part in train valid test; do grep -o 'run=[0-9]*' g_$part.xyz | sort -u; done > runs
[ "$(sort runs | uniq -d | wc -l)" = 0 ] && [ "$(wc -l < runs)" = 5 ] || complain "--by run takes runs apart"
expect 2 'no such key' "$cartan" data split good.xyz --by nothing --fractions 0.5,0.5 --out-prefix n
for bad in -1 1.5 x 99999999999999999999; do expect 2 'seed' "$cartan" data split good.xyz --fractions 0.5,0.5 --out-prefix n --seed $bad; done
expect 2 'more than 1' "$cartan" data split good.xyz --fractions 0.9,0.9 --out-prefix n
expect 2 'has 20' "$cartan" data split good.xyz --counts 30 --out-prefix n
expect 2 'one of' "$cartan" data split good.xyz --out-prefix n
expect 2 'exclude' "$cartan" data split good.xyz --counts 3 --fractions 0.5 --out-prefix n

# the examples of the help run as printed
ln -s "$root/data" data
for verb in info convert split; do
  example=$("$cartan" data $verb --help | sed -n '/^Example:/{n;s/^ *cartan //p;}')
  [ -n "$example" ] || complain "data $verb --help has no example"
  input=$(echo "$example" | grep -o 'data/[^ ]*')
  if [ -e "$input" ]; then
    # shellcheck disable=SC2086  # the words of the example
    expect 0 . "$cartan" $example
  else
    echo "skipped: the example of data $verb, $input is absent"
  fi
done

echo "$checks checks, $failures failed"
[ $failures -eq 0 ]
