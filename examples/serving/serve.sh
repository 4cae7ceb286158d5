#!/bin/sh
# The whole loop on real data, in three to five minutes on two cores: a study finds how words are said for the fewest tokens;
# its winner is tried on live traffic and promoted; the traffic changes; that is noticed, the study tuned anew on what people
# ask now, its winner tried and promoted. Nobody is asked, and nothing is acted: see README.md.
# Stop it (Ctrl-C, kill -9) whenever you like: the same command goes on.
# A folder as first argument keeps the results somewhere else than in build/serving.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/examples/install.sh"
results=${1:-$root/build/serving}
dictionary=/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict

install_missing $build_packages $demo_packages python3

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
exec python3 -B "$here/loop.py" --data "$data" "$results"
