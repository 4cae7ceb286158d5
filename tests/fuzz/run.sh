#!/bin/sh
# The fuzzers of what comes from outside: the study file, a trial's lines, the service's port, lease messages, what a
# service says of a study, and of a rollout to the C SDK.
# An input that takes 5 seconds is a finding, too.
#
#   sh tests/fuzz/run.sh [SECONDS [NAME…]]     60 seconds each; findings lie in build/fuzz/findings
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60}
[ $# -gt 0 ] && shift
cd "$root"
command -v clang >/dev/null || { echo "run.sh: no clang: the packages clang, llvm and libclang-rt-dev are needed" >&2; exit 1; }
mkdir -p build
cmake --preset fuzz >build/fuzz.log 2>&1 && cmake --build --preset fuzz >>build/fuzz.log 2>&1 || {
    tail -n 20 build/fuzz.log >&2
    exit 1
}
mkdir -p build/fuzz/findings build/fuzz/corpus
bad=
run() { # what it finds new goes into a corpus of this build, not into the repository
    mkdir -p "build/fuzz/corpus/$1"
    [ -d "tests/fuzz/corpus/$1" ] && seeds="tests/fuzz/corpus/$1" || seeds=
    [ "$1" = study ] && length=65536 || length=4096
    "build/fuzz/bin/fuzz_$1" -max_total_time="$seconds" -timeout=5 -report_slow_units=1 -max_len=$length -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$1-" "build/fuzz/corpus/$1" $seeds >"build/fuzz/findings/$1.log" 2>&1
}
for pair in ${*:-study:contract http:lease parcel:event page:notify otlp:ruleset curve}; do # two at a time
    pids=
    for name in $(echo "$pair" | tr : ' '); do
        run "$name" &
        pids="$pids $!:$name"
    done
    for one in $pids; do
        name=${one#*:}
        if wait "${one%%:*}"; then
            echo "fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/findings/$name.log") runs in $seconds s, no finding"
        else
            tail -n 40 "build/fuzz/findings/$name.log" >&2
            bad="$bad $name"
        fi
    done
done
[ -z "$bad" ] || { echo "fuzzers that found something:$bad (build/fuzz/findings)" >&2; exit 1; }
