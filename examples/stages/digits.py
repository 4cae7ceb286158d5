"""What the three stages share: the handwritten digits that come with scikit-learn, and how a number is told to Nocturne."""
import json
import os
from importlib.util import find_spec

import numpy as np


def images():
    """1,257 images to learn from and 540 that no training sees, 64 numbers from 0 to 1 each; always the same split.

    Read without importing scikit-learn: that takes a second, and two stages of three have no other use for it.
    """
    folder = find_spec("sklearn").submodule_search_locations[0]
    table = np.loadtxt(os.path.join(folder, "datasets", "data", "digits.csv.gz"), delimiter=",", dtype=np.float32)
    table = np.random.default_rng(0).permutation(table)
    x, y = table[:, :-1] / 16, table[:, -1].astype(int)
    return x[540:], x[:540], y[540:], y[:540]


def say(**numbers):
    print("nocturne: " + json.dumps({"result": numbers}), flush=True)
