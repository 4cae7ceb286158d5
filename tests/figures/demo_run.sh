#!/bin/sh
# The runs behind the demo's figures: the study of examples/overnight.sh under ten study seeds,
# and random search with 50 trials under the same seeds. About an hour on two cores; resumable.
# Usage: sh tests/figures/demo_run.sh [FOLDER]; then: python3 tests/figures/demo_table.py [FOLDER]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/build/figures}
bin=${NOCTURNE_BIN:-$root/build/release/bin}
PATH=$bin:$PATH
mkdir -p "$folder"
cp "$root/examples/g2p/study.yaml" "$folder/gp.yaml"
ln -sf "$root/examples/g2p/g2p.data" "$folder/g2p.data"
sed -e 's/sampler: gp/sampler: random/' -e 's/^confirm:.*/confirm: {top: 0, seeds: 0}/' \
    -e 's/trials: 40/trials: 50/' "$folder/gp.yaml" >"$folder/random.yaml"
for seed in ${SEEDS:-1 2 3 4 5 6 7 8 9 10}; do
    for sampler in ${SAMPLERS:-gp random}; do
        nocturne run "$folder/$sampler.yaml" --seed "$seed" --db "$folder/$sampler$seed.db" >>"$folder/$sampler$seed.log"
    done
done
