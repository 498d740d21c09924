#!/bin/sh
# The verbs `cartan completion fit`, `eval`, `predict` and `compare`: files, numbers, exit codes, bad entries.
#
#   tests/apps/completion_verbs.sh CARTAN SOURCE    the command, the root of the source tree
set -u
cartan=$1 source=$2
. "$(dirname "$0")/expect.sh"
present() { checks=$((checks + 1)); [ -s "$1" ] || complain "no $1"; }
# value KEY: the first number of that key in the JSON in `out`
value() { sed -n "s/^ *\"$1\": \([^,]*\).*/\1/p" out | head -n 1; }
# score SET KEY: of the object SET
score() { sed -n "/\"$1\": {/,/}/s/^ *\"$2\": \([^,]*\).*/\1/p" out | head -n 1; }
holds() { checks=$((checks + 1)); awk "BEGIN { exit !($1) }" || complain "not so: $1"; }
completion() { "$cartan" completion "$@"; }

# the data are what their commands make
trade=$source/data/trade.csv communities=$source/data/communities.tns
checks=$((checks + 1)); sh "$source/data/make_trade.sh" | cmp -s - "$trade" || complain "data/make_trade.sh makes another table"
checks=$((checks + 1)); sh "$source/data/make_communities.sh" | cmp -s - "$communities" || complain "data/make_communities.sh makes another list"

# a table with names
columns="--inputs exporter,importer,year --target log_flow"
expect 0 '"converged": true' completion fit "$trade" $columns --ranks 3 --figures --out trade.h5 --json
holds "$(score test rmse) > 0.2 && $(score test rmse) < 0.45 && $(score test coverage_90) > 0.82"
for file in trade.h5 trade_factor_0.svg trade_learning.svg trade_error_2.svg; do present $file; done
expect 0 'cartan-completion' "$cartan" data info trade.h5
expect 0 '"rmse"' completion eval trade.h5 "$trade" $columns --json
holds "$(value n) == 4336 && $(value rmse) < 0.4 && $(value coverage_90) > 0.85 && $(value fallbacks) == 0"
expect 0 '6912' completion predict trade.h5 --out p.csv
expect 0 '"Arn","Bel","2010",' cat p.csv
expect 0 '6913' wc -l p.csv
expect 2 'exists; --force' completion predict trade.h5 --out p.csv
printf 'exporter,importer,year\nArn,Bel,2010\nNew,Bel,2010\n' > places.csv
expect 0 '1 of 2 entries have an index of which nothing is known' completion predict trade.h5 places.csv --inputs exporter,importer,year --out q.csv
expect 0 '"?","Bel","2010",.*,1$' cat q.csv
expect 2 'give --inputs and --target' completion eval trade.h5 "$communities"

# entries as text, HDF5 and npy give the same model
awk '{ print $1, $2, $3, ($4 + 0.5 * $1 % 3) }' "$communities" > c.tns
expect 0 '"relative_error"' completion fit c.tns --method cp --ranks 2 --max-iterations 20 --tolerance 0.001 --out one.h5 --json
expect 0 . completion fit c.tns --method cp --ranks 2 --max-iterations 20 --tolerance 0.001 --out two.h5 --threads 1
expect 0 'same' sh -c 'cmp one.h5 two.h5 && echo same'
expect 0 '(60, 40, 6)' sh -c "'$cartan' completion predict one.h5 --out all.npy && '$cartan' data info all.npy"
expect 0 '"n": 14400' completion eval one.h5 all.npy --json
holds "$(value rmse) < 1e-9"
expect 0 . completion predict one.h5 --out all.h5
expect 0 . completion predict one.h5 c.tns --out some.csv
expect 0 '14401' wc -l some.csv

# counts, and methods that need them
expect 0 '"poisson"' completion fit "$communities" --method cp --loss poisson --ranks 4 --out counts.h5 --json
expect 2 'needs counts, whole and not negative' completion fit c.tns --method cp --loss poisson --out bad.h5

# without any option the method is chosen; fibres of the data as factors; how many components
expect 0 '"message": ".* candidates"' completion fit "$trade" $columns --out auto.h5 --json
holds "$(score test rmse) < 0.36"
expect 0 '"rmse"' completion eval auto.h5 "$trade" $columns --json
expect 0 'notable, mode 2' completion fit "$trade" $columns --method cur --ranks 3 --figures --out cur.h5
present cur_factor_1.svg
expect 0 '"coverage_90"' completion eval cur.h5 "$trade" $columns --json
expect 0 '"rank": 4' completion ranks "$communities" --by validation --ranks 2,4,6 --folds 3 --restarts 1 --max-iterations 50 --figure ranks.svg --json
present ranks.svg
expect 0 'consistency' completion ranks "$communities" --by consistency --ranks 1,2 --max-iterations 50
expect 0 'fits' completion ranks "$communities" --by structure --format train --largest 2 --max-iterations 20
expect 2 'expected rising numbers' completion ranks "$communities" --ranks 3,2
expect 2 'square\|n, n, m\|(60, 40, 6)' completion ranks "$communities" --by rescal

# several methods on the same splits
expect 0 'mean .*additive .*cp .*tucker .*train ' sh -c "'$cartan' completion compare '$trade' $columns --methods mean,additive,cp,tucker,train --ranks 2 --seeds 2 --figure compare.svg | tr '\n' ' '"
present compare.svg
expect 0 '"rmse_deviation"' completion compare "$trade" $columns --methods additive,cp --seeds 2 --json
expect 2 "perhaps 'additive' is meant" completion compare "$trade" $columns --methods aditive
expect 2 'none of the methods has such an option' completion compare "$trade" $columns --methods mean --ranks 3

# what is wrong is said
expect 2 "perhaps 'tucker' is meant" completion fit "$trade" $columns --method tuker --out bad.h5
expect 2 '\-\-ranks: the method additive has no such option; perhaps --ridge\|--ranks: the method additive has no such option' completion fit "$trade" $columns --method additive --ranks 3 --out bad.h5
expect 2 'ridge must be' completion fit "$trade" $columns --ridge=-1 --out bad.h5
printf '1 1 1\n1 0 2\n' > bad.tns
expect 3 'line 2: index 0 of mode 1; indices start at 1: --zero-based' completion fit bad.tns --out bad.h5
printf '1 1 1\n1 1 2\n2 2 3\n' > bad.tns
expect 3 'entry (0, 0) is there 2 times' completion fit bad.tns --out bad.h5
expect 0 . completion fit bad.tns --duplicates sum --method mean --validation 0 --test 0 --out sum.h5
expect 3 'line 3: index 2 of mode 0; the shape (1, 5) ends at 1' completion fit bad.tns --shape 1,5 --out bad.h5
printf '1 1 nan\n' > bad.tns
expect 3 'line 1: the value is nan' completion fit bad.tns --out bad.h5
expect 3 "no column 'flow'" completion fit "$trade" --inputs exporter,importer --target flow --out bad.h5
expect 3 'is there [0-9]* times' completion fit "$trade" --inputs exporter,importer --target log_flow --out bad.h5
expect 4 'nothing.tns' completion fit nothing.tns --out bad.h5
expect 3 . completion eval "$trade" "$trade"
checks=$((checks + 1)); [ ! -e bad.h5 ] || complain "a fit that failed left a file"

echo "completion verbs: $checks checks, $failures failed"
[ $failures -eq 0 ]
