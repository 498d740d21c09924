#!/bin/sh
# The verbs `cartan functional fit`, `eval` and `predict`: files, numbers, exit codes, bad tables.
#
#   tests/apps/functional_verbs.sh CARTAN SOURCE    the command, the root of the source tree
set -u
cartan=$1 source=$2
. "$(dirname "$0")/expect.sh"
present() { checks=$((checks + 1)); [ -s "$1" ] || complain "no $1"; }
# value KEY: the first number of that key in the JSON in `out`
value() { sed -n "s/^ *\"$1\": \([^,]*\).*/\1/p" out | head -n 1; }
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }
fit() { "$cartan" functional fit "$@"; }
quick="--max-sweeps 400 --tolerance 1e-4 --rank 2"

river=$source/data/river.csv
checks=$((checks + 1)); sh "$source/data/make_river.sh" | cmp -s - "$river" || complain "data/make_river.sh makes another table"
expect 0 '"converged": true' fit "$river" --inputs day,depth,site --categorical site --target temperature --folds 3 \
  --figures --out river.h5 --json $quick
model=$(sed -n '/"model"/,/}/s/^ *"rmse": \([^,]*\).*/\1/p' out)
additive=$(sed -n '/"additive model"/,/}/s/^ *"rmse": \([^,]*\).*/\1/p' out)
holds "$model > 0 && $model < 0.95 * $additive && $model < 0.8"
for name in 'mean of all' 'mean by ' 'additive model' 'ridge, Chebyshev'; do checks=$((checks + 1)); grep -q "\"$name" out || complain "no baseline $name"; done
for file in river.h5 river_day.svg river_depth.svg river_site.svg; do present $file; done
expect 0 'fill-opacity' cat river_day.svg
expect 0 'cartan-functional' "$cartan" data info river.h5
expect 0 '"coverage_90"' "$cartan" functional eval river.h5 "$river" --json
holds "$(value n) == 1500 && $(value rmse) < 0.8 && $(value coverage_90) > 0.86 && $(value coverage_90) < 0.96 && $(value nll) < 2"
expect 0 'written  *p.csv' "$cartan" functional predict river.h5 "$river" --out p.csv
expect 0 '1501' wc -l p.csv
expect 0 'row,temperature,temperature_deviation,temperature_low,temperature_high' cat p.csv
expect 2 'exists; --force' "$cartan" functional predict river.h5 "$river" --out p.csv
expect 0 'written  *p.h5' "$cartan" functional predict river.h5 "$river" --out p.h5 --coverage 0.5
expect 0 '(1500)' "$cartan" data info p.h5
expect 2 'exists; --force' fit "$river" --inputs day --target temperature --out river.h5

# equal fits give equal files
expect 0 . fit "$river" --inputs day --target temperature --rank 0 --tolerance 1e-3 --out one.h5
expect 0 . fit "$river" --inputs day --target temperature --rank 0 --tolerance 1e-3 --out two.h5 --threads 1
expect 0 'same' sh -c 'cmp one.h5 two.h5 && echo same'

# one table as text and as HDF5: the same model
expect 0 . fit p.h5 --inputs row --target temperature --out h.h5 $quick
# coordinates of mixed scale are scaled, which is said; equal rows with other values are noise
awk 'BEGIN { srand(5); print "big,small,y,skewed"
  for (i = 0; i < 400; i++) { a = i % 20; b = int(i / 20) % 10; y = sin(a / 4) + b / 5 + 0.3 * rand(); printf "%g,%g,%g,%g\n", 1e9 * a, 1e-6 * b, y, exp(2 * y + rand()) } }' > mixed.csv
expect 0 'big *continuous, scaled (x - 0) / 1.9e+10.*small *continuous, scaled (x - 0) / 9e-06' sh -c "'$cartan' functional fit mixed.csv --inputs big,small --target y --rank 1 --tolerance 1e-3 --out mixed.h5 | tr '\n' ' '"
expect 0 'skewed *logarithms above' fit mixed.csv --inputs big,small --target skewed --rank 1 --tolerance 1e-3 --out log.h5
expect 0 '"scale": "linear"' fit mixed.csv --inputs big,small --target skewed --rank 1 --tolerance 1e-3 --scale linear --out linear.h5 --json
expect 2 'scale' fit mixed.csv --inputs big,small --target skewed --scale cubic --out bad.h5
# times, several outputs, missing values
awk 'BEGIN { print "when,x,a,b"
  for (i = 0; i < 300; i++) printf "2020-%02d-%02dT%02d:00:00Z,%g,%s,%g\n", 1 + i % 12, 1 + i % 28, i % 24, i % 17,
    i % 9 ? sin(i % 12) + i % 17 : "NA", 3 - sin(i % 12) * (i % 17) }' > times.csv
expect 0 '"outputs"' sh -c "'$cartan' functional fit times.csv --inputs when,x --target a,b --noise gaussian --out t.h5 --rank 2 --tolerance 1e-2 && '$cartan' functional eval t.h5 times.csv --drop-missing --json"
expect 3 "line 2: 'a' is missing; --drop-missing" "$cartan" functional eval t.h5 times.csv
sed 's/2020-\(..\)-\(..\)T[^,]*/\1/' times.csv > plain.csv
expect 3 'holds no times; the model was fitted to times' "$cartan" functional eval t.h5 plain.csv

# the published method, beside the same baselines
expect 0 'funbat_cp .*ridge' sh -c "'$cartan' functional fit '$river' --inputs day,depth --target temperature --method funbat_cp --rank 2 --epochs 20 --length 0.2 --out f.h5 | tr '\n' ' '"

# what is wrong is said
expect 3 "no column 'dya'; perhaps 'day'" fit "$river" --inputs dya --target temperature --out bad.h5
expect 3 "holds words ('[a-z]*' in line 2).*--categorical site" fit "$river" --inputs day,site --target temperature --out bad.h5
expect 2 "'site' is not one of --inputs" fit "$river" --inputs day --categorical site --target temperature --out bad.h5
expect 2 "'day' is one of --inputs" fit "$river" --inputs day --target day --out bad.h5
expect 2 'stands there twice' fit "$river" --inputs day,day --target temperature --out bad.h5
expect 2 'perhaps matern32' fit "$river" --inputs day --target temperature --kernel day=matren32 --out bad.h5
expect 2 'positive number' fit "$river" --inputs day --periodic day=-1 --target temperature --out bad.h5
expect 2 'rank: must be at least 0' fit "$river" --inputs day --target temperature --rank -1 --out bad.h5
printf 'a,b,y\n1,5,1\n2,5,2\n3,5,2.5\n' > constant.csv
expect 2 'b is 5 in all of 3 rows' fit constant.csv --inputs a,b --target y --out bad.h5
printf 'a,y\n1,1\n' > one.csv
expect 2 'two at least' fit one.csv --inputs a --target y --out bad.h5
printf 'a,y\n1,1\nnan,2\n3,3\n4,1\n' > hole.csv
expect 3 "line 3: 'a' is missing; --drop-missing" fit hole.csv --inputs a --target y --out bad.h5
expect 0 'left out 1 of 4 rows' fit hole.csv --inputs a --target y --drop-missing --rank 0 --out hole.h5
printf 'a,y\n01/02/2020,1\n02/02/2020,2\n' > stamp.csv
expect 3 "where numbers or times such as 2013-03-01" fit stamp.csv --inputs a --target y --out bad.h5
printf 'a,y\n2020-01-02,1\n2020-13-45,2\n2020-01-04,2\n' > stamp.csv
expect 3 "words ('2020-13-45' in line 3) where numbers or times" fit stamp.csv --inputs a --target y --out bad.h5
printf 'a,y\n1,1e200\n2,2e200\n3,1e200\n' > big.csv
expect 2 'whose square leaves the range' fit big.csv --inputs a --target y --out bad.h5
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 200; i++) { a = (37 * i) % 199; b = (71 * i) % 197; printf "%g,%g,%.17g\n", a, b, 1e9 + 2 * a + b } }' > exact.csv
expect 0 '"model"' fit exact.csv --inputs a,b --target y --no-conformal --out exact.h5 --json
holds "$(sed -n '/"model"/,/}/s/^ *"rmse": \([^,]*\).*/\1/p' out) < 0.1"
holds "$(sed -n '/"ridge/,/}/s/^ *"rmse": \([^,]*\).*/\1/p' out) < 0.01"
printf 'a,y\n1,x\n2,3\n' > target.csv
expect 3 "'x' in line 2) where numbers are expected" fit target.csv --inputs a --target y --out bad.h5
expect 4 'none.csv' fit none.csv --inputs a --target y --out bad.h5
expect 3 "expected 'cartan-functional'" "$cartan" functional eval p.h5 "$river"
head -c 3000 river.h5 > torn.h5
expect 3 'torn.h5' "$cartan" functional eval torn.h5 "$river"
checks=$((checks + 1)); [ ! -e bad.h5 ] || complain "bad.h5 was left"

echo "functional verbs: $checks checks, $failures failed"
[ $failures -eq 0 ]
