#!/bin/sh
# The verbs `cartan chebyshev fit`, `eval` and `electrostatics`: files, numbers, exit codes.
#
#   tests/apps/chebyshev_verbs.sh CARTAN SOURCE MAKE_FOREIGN    the command, the root of the source tree, and a
#                                                               program that writes an HDF5 file of another kind
set -u
cartan=$1 source=$2 make_foreign=$3
. "$(dirname "$0")/expect.sh"
absent() { checks=$((checks + 1)); [ ! -e "$1" ] || complain "$1 was left"; }
present() { checks=$((checks + 1)); [ -s "$1" ] || complain "no $1"; }
# value KEY: a number of the JSON in `out`
value() { sed -n "s/^ *\"$1\": \"\\{0,1\\}\\([^\",]*\\).*/\\1/p" out; }
# holds EXPRESSION: of numbers, in awk
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }
keys() { for key in ranks degrees rel_error_max rel_error_l2 compression seconds; do
  checks=$((checks + 1)); grep -q "\"$key\": " out || complain "--json has no $key"; done; }

fit() { "$cartan" chebyshev fit "$@"; }
eval_() { "$cartan" chebyshev eval "$@"; }
charges() { "$cartan" chebyshev electrostatics "$@"; }

# a function given as text, its values and gradients
expect 0 'converged' fit 'exp(-(x^2+y^2+z^2))' --box -3,3 --dim 3 --tolerance 1e-9 --slice z --slice z=1 --out g.h5 --json
keys
holds "$(value rel_error_max) <= 1e-9 && $(value rel_error_max) > 0 && $(value compression) > 10 && $(value seconds) > 0"
for file in g.h5 g_z.svg g_z2.svg; do present $file; done
expect 0 'svg' cat g_z.svg
expect 0 'cartan-chebyshev' "$cartan" data info g.h5
expect 0 . eval_ g.h5 --at 0.5,-0.5,1 --gradient
holds "$(awk 'NR == 2 { print $4 }' out) - exp(-1.5) < 1e-8 && exp(-1.5) - $(awk 'NR == 2 { print $4 }' out) < 1e-8"
holds "($(awk 'NR == 2 { print $7 }' out) + 2*exp(-1.5))^2 < 1e-14"
printf '# three points\n0, 0, 0\n\n1 1 1   # another\n3\t-3 3\n' > points.txt
expect 0 '"n": 3' eval_ g.h5 points.txt --json
expect 0 'written values.npy' eval_ g.h5 points.txt --out values.npy
expect 0 '(3, 4)' "$cartan" data info values.npy
expect 2 'exists; --force' eval_ g.h5 points.txt --out values.npy
expect 2 'lies outside of the box' eval_ g.h5 --at 0,0,4
expect 0 '^0 0 4 ' eval_ g.h5 --at 0,0,4 --outside nearest
expect 0 ' 0$' eval_ g.h5 --at 0,0,4 --outside zero
expect 2 'goes with a field' eval_ g.h5 --at 0,0,4 --outside direct
expect 2 '2 numbers' eval_ g.h5 --at 0,0
expect 2 'points are expected' eval_ g.h5
printf '0 0 0\n1 1\n' > short.txt
expect 3 'short.txt: line 2: 2 numbers' eval_ g.h5 short.txt
printf '0 0 0\n1 1 nan\n' > nan.txt
expect 3 'nan.txt: line 2' eval_ g.h5 nan.txt
expect 4 'none.txt' eval_ g.h5 none.txt
printf '\357\273\2770,0,0\r\n1,1,1\r\n' > bom.txt
expect 0 '"n": 2' eval_ g.h5 bom.txt --json
printf '0 0 0\r1 1 1\r' > cr.txt
expect 3 'cr.txt: line 1: has carriage returns' eval_ g.h5 cr.txt
printf '0 0 \033[31m0\n' > escape.txt
expect 3 'line 1: a point: .\\x1b\[31m0' eval_ g.h5 escape.txt
checks=$((checks + 1)); grep -q "$(printf '\033')" err && complain 'a control byte reaches the terminal'
: > empty.txt
expect 3 'has no points' eval_ g.h5 empty.txt

# equal runs give equal bytes, whenever they run
expect 0 . fit "exp(-x*x-y)" --dim 2 --out same1.h5
sleep 0.01
expect 0 . fit "exp(-x*x-y)" --dim 2 --out same2.h5
checks=$((checks + 1)); cmp -s same1.h5 same2.h5 || complain "two equal fits differ"

# other dimensions, fixed degrees and ranks, crosses, single precision
expect 0 . fit 'sin(3*x)' --tolerance 1e-12 --out one.h5
expect 0 . fit 'x1*x2+x3*x4+cos(x5)' --dim 5 --tolerance 1e-6 --out five.h5
expect 0 '"sampling": "cross"' fit '1/(1.1+x*y*z)' --dim 3 --sampling cross --tolerance 1e-7 --out cross.h5 --json
expect 1 'not converged' fit '1/(1.1+x*y*z)' --dim 3 --degrees 20 --ranks 2 --tolerance 1e-7 --out low.h5
present low.h5
expect 0 . fit 'x*y' --dim 2 --dtype float32 --tolerance 1e-5 --out single.h5

# what is wrong is said
expect 2 "position 6: ')'" fit 'sin(x' --out bad.h5
expect 2 '; --dim 3 makes a function of 3 variables (now 1)' fit 'x*sin(z)' --out bad.h5
expect 2 "'w' is neither" fit 'x+w' --out bad.h5
expect 2 'nan at (' fit 'log(x)' --out bad.h5
expect 2 'above 0 and below 1' fit 'x' --tolerance 2 --out bad.h5
expect 2 'above 0 and below 1' fit 'x' --tolerance nan --out bad.h5
expect 2 'seed: must be at least 0, not -1' fit 'x' --seed -1 --out bad.h5
expect 2 'is nan at (-' fit 'log(x)' --out bad.h5
expect 2 '1 - 8\|1 to 8' fit 'x1' --dim 9 --out bad.h5
expect 2 'do not suffice' fit 'exp(x*y)' --dim 2 --max-evaluations 1500 --out bad.h5
expect 2 'float32 holds no less' fit 'x' --dtype float32 --tolerance 1e-9 --out bad.h5
expect 2 'from 1 to 1' fit 'x' --box 1,1 --out bad.h5
expect 2 'LOW,HIGH' fit 'x' --box 1,2,3 --out bad.h5
expect 2 "'a' is not a finite number" fit 'x' --box 1,a --out bad.h5
expect 4 'none.h5' fit none.h5 --out bad.h5
absent bad.h5
expect 2 'exists; --force' fit 'x' --out g.h5
printf 'not an HDF5 file' > broken.h5
expect 3 'broken.h5' fit broken.h5 --out bad.h5
expect 3 'broken.h5' eval_ broken.h5 --at 0
expect 3 "the format is 'cartan-frames'" eval_ "$source/data/xtb_molecules.h5" --at 0

# nothing but zeros: peaks that no sample meets, a function that is 0, a text that is
expect 1 'samples is 0' fit 'exp(-1e5*((x-0.3)^2+(y+0.2)^2+(z-0.55)^2))' --dim 3 --out zero.h5 --json
grep -q '"rel_error_max": null' out || complain 'an error of a function of which nothing was seen'
expect 1 'samples is 0' fit '0*x' --out zero.h5 --force
expect 0 '"rel_error_max": 0' fit '1-1' --out zero.h5 --force --json
# the error is relative to the largest value, as the text says, and L2 to the root mean square
expect 0 'max .* of the largest value, L2 .* of the root mean square' fit 'x' --out zero.h5 --force

# HDF5 files of other programs: what cannot be read is named, and passed over
"$make_foreign" foreign.h5 || complain 'no foreign.h5'
expect 0 '/t  float64 (20, 20)' "$cartan" data info foreign.h5
for line in '/rows  not read: records' '/name  not read: texts' \
  '/again  float64' '/twice  float64' '/loop/itself  not read: a group within itself' '/loop/top  not read: a group within itself' \
  '/link  not read: a soft' '/kind  not read: neither'; do
  expect 0 "$line" "$cartan" data info foreign.h5
done
expect 0 '"not_read": "texts' "$cartan" data info foreign.h5 --json
expect 0 . fit foreign.h5 --dataset t --degrees 15 --tolerance 1e-3 --out t.h5
expect 0 . fit foreign.h5 --degrees 15 --tolerance 1e-3 --out t.h5 --force
expect 3 'foreign.h5: /rows: records of several fields' fit foreign.h5 --dataset rows --out bad.h5
expect 3 'no dataset of this name' fit foreign.h5 --dataset other --out bad.h5

# charges: a salt crystal, whose energy is Madelung's in the limit
salt=$source/data/salt.pqr
expect 0 . charges "$salt" --tolerance 1e-6 --slice z=7.05 --out field.h5 --json
keys
holds "$(value rel_error_max) <= 1e-6 && $(value n_charges) == 216 && $(value total_charge_e)^2 < 1e-20"
energy=$(value energy_ev)
holds "$energy < -108*14.3996/2.82*1.65 && $energy > -108*14.3996/2.82*1.75"
present field_z.svg
expect 0 'cartan-electrostatics' "$cartan" data info field.h5
expect 0 . eval_ field.h5 --at 5,5,5 --gradient
inside=$(awk 'NR == 2 { print $4 }' out)
expect 0 . charges "$salt" --tolerance 1e-9 --cutoff 7 --out fine.h5 --json
holds "($(value energy_ev) - $energy)^2 < (1e-6*$energy)^2"
expect 0 . eval_ fine.h5 --at 5,5,5
holds "($(awk 'NR == 2 { print $4 }' out) - $inside)^2 < 1e-10"
expect 2 'outside of the box' eval_ field.h5 --at 500,5,5
expect 0 '^500 5 5 ' eval_ field.h5 --at 500,5,5 --outside direct
expect 0 '"kernel": "yukawa"' charges "$salt" --kernel yukawa --screening 0.3 --out yukawa.h5 --json
expect 0 '"n_charges": 216' charges "$salt" --kernel yukawa --screening 10 --out yukawa.h5 --force --json
holds "($(value energy_ev) / -1.560945480933e-09 - 1)^2 < 1e-12"  # the direct sum
for bad in '--kernel yukawa' '--kernel slater' '--screening 1'; do
  expect 2 'screening goes with' charges "$salt" $bad --out b.h5
done
for bad in '--tolerance 0' '--tolerance nan' '--cutoff nan' '--cutoff 1e300' '--cutoff 1e-300' '--margin nan' '--screening inf'; do
  expect 2 'is no number from\|must be at least\|expected 0' charges "$salt" $bad --out b.h5
done
# the same crystal by its cell
awk '/^ATOM/ && $6 < 5 && $7 < 5 && $8 < 5' "$salt" > cell.pqr
expect 0 '"n_charges": 216' charges cell.pqr --lattice 5.64,5.64,5.64 --repeat 3,3,3 --out lattice.h5 --json
holds "($(value energy_ev) - $energy)^2 < (1e-8*$energy)^2"
expect 2 'go together' charges cell.pqr --repeat 3,3,3 --out b.h5
expect 2 'expected at least 1' charges cell.pqr --lattice 5,5,5 --repeat 3,0,3 --out b.h5
expect 2 'not positive' charges cell.pqr --lattice 5,-5,5 --repeat 3,1,3 --out b.h5
# one line of the file, the same charges from other kinds of files
awk '/^ATOM/ { print "HETATM" $2, "X Y 1", $6, $7, $8, $9, $10 }' "$salt" > glued.pqr
awk 'BEGIN { print 216; print "" } /^ATOM/ { print "Na", $6, $7, $8, $9 }' "$salt" > salt.xyz
awk '/^ATOM/ { printf "ATOM  %5d %-4s %-4s %4d    %8.3f%8.3f%8.3f%6.2f%6.2f          %2s%2s\n", $2, $3, "SOD", 1, $6, $7, $8, 1, $9, "X", ($9 > 0 ? "1+" : "1-") }' "$salt" > salt.pdb
for file in glued.pqr salt.xyz salt.pdb; do
  expect 0 . charges $file --tolerance 1e-6 --out other.h5 --force --json
  holds "($(value energy_ev) - $energy)^2 < (1e-9*$energy)^2"
done
expect 0 . charges salt.pdb --pdb-charges b-factor --out other.h5 --force --json
holds "($(value energy_ev) - $energy)^2 < (1e-9*$energy)^2"

# four charges in the dialects of other programs
four() {  # RECORD1 RECORD2 RECORD3 RECORD4 SHIFT
  printf '%-11s  N   ALA A   1    %8.3f%8.3f%8.3f -0.4000 1.8500\n' "$1" $(awk "BEGIN { print 1+$5, 2+$5, 3+$5 }")
  printf '%-11s  CA  ALA A   1    %8.3f%8.3f%8.3f  0.3000 2.2750\n' "$2" $(awk "BEGIN { print 2.4+$5, 2+$5, 3+$5 }")
  printf '%-11s  C   ALA A   2    %8.3f%8.3f%8.3f  0.6000 2.0000\n' "$3" $(awk "BEGIN { print 2.9+$5, 3.4+$5, 3+$5 }")
  printf '%-11s  O   HOH B   3    %8.3f%8.3f%8.3f -0.5000 1.7000\n' "$4" $(awk "BEGIN { print -2+$5, 4+$5, 5+$5 }")
}
plain() { four 'ATOM      1' 'ATOM      2' 'ATOM      3' 'HETATM    4' "$1"; }
plain 0 > plain.pqr
plain -150 > merged.pqr
four 'ATOM  186a0' 'ATOM  abcde' 'ATOM  fffff' HETATMabcdf 0 > hex.pqr
four 'ATOM  *****' 'ATOM  *****' 'ATOM  *****' 'HETATM*****' 0 > stars.pqr
four 'ATOM  A0000' 'ATOM100001' 'ATOM  100002' 'HETATMA0003' 0 > hybrid.pqr
{ echo 'MODEL        1'; plain 0; echo ENDMDL; echo 'MODEL        2'; plain 0.3; echo ENDMDL; } > models.pqr
{ plain 0; echo END; plain 0.3; echo END; } > end.pqr
plain 0 | sed 's/$/       N/' > element.pqr
for file in plain merged hex stars hybrid models end element; do
  expect 0 '"n_charges": 4' charges $file.pqr --out four.h5 --force --json
  holds "($(value total_charge_e))^2 < 1e-20 && ($(value energy_ev) + 1.4805433)^2 < 1e-12"
done
expect 0 'models.pqr: the first model alone is used: it ends with ENDMDL in line 6, 4 atoms' charges models.pqr --out four.h5 --force
grep -q 'first model' err || complain 'the note is not on standard error'
expect 0 'first model' charges end.pqr --out four.h5 --force --json
grep -q 'first model' out || complain 'the note is not in --json'

for k in 1 2; do expect 0 . charges plain.pqr --out same$k.h5 --force; done
checks=$((checks + 1)); cmp -s same1.h5 same2.h5 || complain "two equal fields differ"

# bad charges
bad() { printf "$1" > bad.pqr; }
ok='ATOM 1 N ALA 1 0.0 0.0 0.0 1.0 1.5\n'
bad "${ok}ATOM 2 C ALA 1 1.0 0.0 -1.0 1.5\n"
expect 3 'bad.pqr: line 2: a PQR atom has at least 10 fields' charges bad.pqr --out b.h5
bad "${ok}ATOM 2 C ALA A 1 1.0 0.0 -1.0 1.5\n"
expect 3 'bad.pqr: line 2: the residue number' charges bad.pqr --out b.h5
bad "${ok}ATOM 2 C ALA 1 1.0 zero 0.0 -1.0 1.5\n"
expect 3 "bad.pqr: line 2: y: a number is expected, found 'zero'" charges bad.pqr --out b.h5
bad "${ok}ATOM 2 C ALA 1 1.0 nan 0.0 -1.0 1.5\n"
expect 3 'bad.pqr: line 2: y is not finite' charges bad.pqr --out b.h5
bad "${ok}REMARK\nATOM 2 C ALA 1 0.0 0.0 0.0 -1.0 1.5\n"
expect 3 'bad.pqr: line 3: the charge is at the same place as that of line 1' charges bad.pqr --out b.h5
bad "${ok}ATOM 2 C ALA 1 1e308 0.0 0.0 -1.0 1.5\n"
expect 3 'bad.pqr: line 2: the coordinate x is 1e+308' charges bad.pqr --out b.h5
bad "${ok}ATOM 2 C ALA 1 1.0 0.0 0.0 1e300 1.5\n"
expect 3 'bad.pqr: line 2: the charge is 1e+300' charges bad.pqr --out b.h5
bad 'REMARK nothing\n'
expect 3 'has no ATOM' charges bad.pqr --out b.h5
bad ''
expect 3 'has no ATOM' charges bad.pqr --out b.h5
bad "$ok"
expect 2 'outside of the box' charges bad.pqr --box 1,2,1,2,1,2 --out b.h5
expect 2 'no width\|width above zero' charges bad.pqr --margin 0 --out b.h5
expect 4 'none.pqr' charges none.pqr --out b.h5
cp "$salt" salt.cif
expect 2 'must end in .pqr' charges salt.cif --out b.h5
expect 2 'tolerance' charges "$salt" --tolerance 1e-15 --out b.h5
absent b.h5

[ -w /dev/full ] && {
  "$cartan" chebyshev fit "x*y" --dim 2 --out full.h5 --force > /dev/null 2>&1
  checks=$((checks + 1))
  "$cartan" chebyshev eval full.h5 --at .1,.2 > /dev/full 2> err
  got=$?
  [ $got -eq 4 ] || { : > out; complain "eval to a full disk ended with $got, expected 4"; }
}
echo "$checks checks, $failures failed"
[ $failures -eq 0 ]
