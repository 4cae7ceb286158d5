#!/usr/bin/env python3
"""Reads 540 digits with an ONNX model that never saw them: how many are right, how large it is, how long one takes.

What it leaves is the table of what was taken for what: a row for each true digit.

By hand:   python3 evaluate.py small.onnx confusion.txt
"""
import os
import sys
import time

import numpy as np
import onnxruntime

from digits import images, say


def session(path):
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])


def latency_us(read, image, rounds=100, each=20):
    """The fastest of many short rounds: what else runs on the machine can only add to it."""
    fastest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(each):
            read(image)
        fastest = min(fastest, time.perf_counter() - start)
    return 1e6 * fastest / each


def confusion(truth, seen):
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (truth, seen), 1)
    return table


def main():
    path, output = sys.argv[1:]
    model = session(path)
    name = model.get_inputs()[0].name
    _, held_out, _, truth = images()

    def read(x):
        return model.run(None, {name: x})[0]

    table = confusion(truth, read(held_out))
    np.savetxt(output, table, fmt="%3d")
    say(accuracy=float(table.trace() / table.sum()), bytes=os.path.getsize(path), latency_us=latency_us(read, held_out[:1]))


if __name__ == "__main__":
    main()
