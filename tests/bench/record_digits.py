"""Records learning curves of a small network on scikit-learn's handwritten digits: a second task for stopping.py, with
other metrics (a loss to be minimised, no tokens) and trainings of a fixed length. 8 × 6 × 4 × 3 = 576 trainings of 40
epochs, about five CPU-minutes.

    python3 tests/bench/record_digits.py tests/bench/digits_curves.csv.gz
"""
import gzip
import itertools
import os
import sys
import warnings

os.environ["OPENBLAS_NUM_THREADS"] = "1"
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

RATE = [1e-4, 3e-4, 1e-3, 3e-3, 6e-3, 1e-2, 3e-2, 1e-1]
BATCH = [8, 16, 32, 64, 128, 256]
ALPHA = [1e-5, 1e-3, 1e-1, 1]
SEEDS = [1, 2, 3]
EPOCHS = 40


def train(key):
    rate, batch, alpha, seed = key
    warnings.filterwarnings("ignore")
    x, y = load_digits(return_X_y=True)
    a, b, ya, yb = train_test_split(x / 16, y, train_size=900, test_size=600, random_state=0, stratify=y)
    model = MLPClassifier((24,), learning_rate_init=rate, batch_size=batch, alpha=alpha, random_state=seed)
    rng, losses = np.random.default_rng(seed), []
    for _ in range(EPOCHS):
        for part in np.array_split(rng.permutation(len(ya)), max(1, len(ya) // batch)):
            model.partial_fit(a[part], ya[part], classes=np.arange(10))
        losses.append(log_loss(yb, model.predict_proba(b), labels=np.arange(10)))
    return " ".join(f"{v:.4g}" for v in losses)


def main():
    keys = list(itertools.product(RATE, BATCH, ALPHA, SEEDS))
    with ProcessPoolExecutor(2) as pool, gzip.open(sys.argv[1], "wt") as out:
        print("learning_rate,batch_size,alpha,seed,curve", file=out)
        for i, (key, curve) in enumerate(zip(keys, pool.map(train, keys, chunksize=4))):
            print(",".join(f"{v:g}" for v in key) + "," + curve, file=out)
            if i % 24 == 0:
                print(f"{i} of {len(keys)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
