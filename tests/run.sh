#!/bin/sh
# Every test: installs what is missing, builds with ASan and UBSan, runs ctest.
# Arguments go to ctest, for example: sh tests/run.sh -R surrogate. Without any, the fuzzers run for a minute each, too.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/install.sh"

install_missing $build_packages $demo_packages $test_packages
[ $# -gt 0 ] || install_missing $fuzz_packages
if [ -n "${NOCTURNE_NEEDS_SLURM:-}" ]; then
    install_missing $slurm_packages
else # where they cannot be had, test_slurm says so and is skipped
    (install_missing $slurm_packages) || echo "run.sh: without Slurm's packages its test is skipped"
fi

cd "$root"
sh tests/bench/install.sh tasks
cmake --preset dev
cmake --build --preset dev
ctest --preset dev -j$(($(nproc) + 1)) "$@" # one more than cores: many tests wait
[ $# -gt 0 ] || sh tests/fuzz/run.sh 60
