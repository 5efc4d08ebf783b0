#!/bin/sh
# Tests of what the snnk program makes of data: numbers, columns, classes. test_cli_data.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Numbers that need more digits than a float has ----
# A column of times, y = 3 + i / 2: floats near 1.7e9 are 128 apart. Up to the rounding of features and weights to float,
# half an ulp of 1 each, and of y up to 8.
awk 'BEGIN { print "t,y"; for (i = 0; i < 10; i++) printf "%d,%g\n", 1700000000 + i, 3 + i / 2 }' >times.csv
# Targets of 1e8 + x, where floats are 8 apart.
awk 'BEGIN { print "x,y"; for (i = 0; i < 4; i++) printf "%d,%d\n", i, 100000000 + i }' >far.csv
for how in "heldout" "gcv"; do
    for file in times far; do
        gives "$file, $how" 0 "$snnk" fit --train $file.csv --task regression --features identity --ridge 0 \
            --choose $how --keep-statistics --save $file.st --test $file.csv --json
        json "$file, $how" "j['test_rmse'] < 1e-6 and j['test_r2'] > 1 - 1e-12"
    done
    gives "predict of times" 0 "$snnk" predict times.st times.csv
    if [ "$(tail -n 1 out)" = 7.5 ]; then ok; else not_ok "predict of times"; fi
    # Twice the rows give the same line, and so do the rows that are left.
    gives "update" 0 "$snnk" update far.st --train far.csv
    gives "eval after update" 0 "$snnk" eval far.st --test far.csv --json
    json "eval after update" "j['rmse'] < 1e-6"
    gives "forget" 0 "$snnk" forget far.st --train far.csv
    gives "eval after forget" 0 "$snnk" eval far.st --test far.csv --json
    json "eval after forget" "j['rmse'] < 1e-6"
done

report cli_data
