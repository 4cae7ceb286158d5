#!/bin/sh
# The main job, end to end, on real data, in one and a half to three minutes on two cores: installs what is
# missing, builds, prepares the CMU dictionary, runs a study, prints and exports the winner.
# Stop it (Ctrl-C, kill -9) whenever you like: the same command goes on.
# A folder as first argument keeps the results somewhere else than in build/overnight.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/install.sh"
results=${1:-$root/build/overnight}
dictionary=/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict

install_missing $build_packages $demo_packages

echo "building (Release) in build/release"
cd "$root"
mkdir -p build "$results"
cmake --workflow --preset release >build/release.log 2>&1 || {
    tail -n 20 build/release.log >&2
    die "the build failed; the whole output is in build/release.log"
}
PATH=$root/build/release/bin:$PATH

data=$root/examples/g2p/g2p.data
[ -s "$data" ] || {
    echo "preparing the dictionary: clean, split, align"
    g2p_prep "$dictionary" "$data"
}

echo "running the study examples/g2p/study.yaml"
db=$results/nocturne.db
nocturne run examples/g2p/study.yaml --db "$db"
nocturne export g2p --db "$db" --format yaml -o "$results/best.yaml"
echo
echo "The best configuration, in $results/best.yaml:"
sed 's/^/  /' "$results/best.yaml"
