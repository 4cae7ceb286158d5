#!/bin/sh
# Every test: installs what is missing, builds with ASan and UBSan, runs ctest.
# Arguments go to ctest, for example: sh tests/run.sh -R surrogate
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/install.sh"

install_missing $build_packages $demo_packages $test_packages

cd "$root"
sh tests/bench/install.sh tasks
cmake --preset dev
cmake --build --preset dev
ctest --preset dev -j"$(nproc)" "$@"
