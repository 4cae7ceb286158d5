"""Records whole learning curves of g2p_train, for the benchmarks of early stopping: 12 × 12 × 4 = 576 trainings, about
twenty CPU-minutes on two cores.

    python3 tests/bench/record_curves.py G2P_TRAIN G2P_DATA tests/bench/g2p_curves.csv.gz

The small variant of examples/g2p/quick.yaml, never stopped before its cap of 1.5M letters. Patience and threshold only
cut a curve, so one recording says what every patience and threshold would have given, exactly: the result of a
training is the best EM up to its stop. A row: batch_size, learning_rate, seed, then 'right:letters' of each
evaluation, `right` of VALIDATION words.
"""
import gzip
import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BATCH = [8, 12, 16, 24, 32, 48, 64, 96, 160, 256, 512, 1024]
RATE = [3e-4, 6e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 4e-3, 6e-3, 1e-2, 1.5e-2, 2e-2, 3e-2]
SEEDS = [1, 2, 3, 4]
VALIDATION = 3000


def train(program, data, batch, rate, seed):
    out = subprocess.run(
        [program, "--data", data, "--words", "20000", "--hidden", "64", "--every", "20000", "--cap", "1500000",
         "--validation", str(VALIDATION), "--seed", str(seed), "--lr", str(rate), "--batch", str(batch),
         "--patience", "100000", "--threshold", "0"],
        check=True, capture_output=True, text=True).stdout
    reports = [json.loads(line.removeprefix("nocturne: ")).get("report") for line in out.strip().splitlines()]
    return " ".join(f"{round(r['em'] * VALIDATION)}:{r['tokens']}" for r in reports if r)


def main():
    program, data, path = sys.argv[1:]
    todo = list(itertools.product(BATCH, RATE, SEEDS))
    with ThreadPoolExecutor(2) as pool, gzip.open(path, "wt") as out:
        print("batch_size,learning_rate,seed,curve", file=out)
        for i, (key, curve) in enumerate(zip(todo, pool.map(lambda k: train(program, data, *k), todo))):
            print(f"{key[0]},{key[1]:g},{key[2]},{curve}", file=out)
            if i % 24 == 0:
                print(f"{i} of {len(todo)}", file=sys.stderr, flush=True)


main()
