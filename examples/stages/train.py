#!/usr/bin/env python3
"""Learns the digits with a network or with boosted trees, and leaves the model as ONNX in 32-bit floats.

By hand:   python3 train.py --model mlp --hidden 64 --lr 1e-3 --output model.onnx
"""
import argparse
import os

import onnx
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from digits import images, say


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["mlp", "boosted"], default="mlp")
    parser.add_argument("--hidden", type=int, default=64, help="of the network: its units")
    parser.add_argument("--lr", type=float, default=1e-3, help="of the network")
    parser.add_argument("--depth", type=int, default=3, help="of each tree")
    parser.add_argument("--rate", type=float, default=0.1, help="how much each tree counts")
    parser.add_argument("--patience", type=int, default=10, help="epochs, or rounds of trees, without an improvement")
    parser.add_argument("--threshold", type=float, default=1e-4, help="what is an improvement")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True)
    return parser.parse_args()


def network(o, seed):
    return MLPClassifier((o.hidden,), learning_rate_init=o.lr, early_stopping=True, n_iter_no_change=o.patience, tol=o.threshold,
                         max_iter=200, random_state=seed)


def boosted(o, seed):
    return GradientBoostingClassifier(max_depth=o.depth, learning_rate=o.rate, subsample=0.5, max_features="sqrt",
                                      n_iter_no_change=o.patience, tol=o.threshold, n_estimators=100, random_state=seed)


def main():
    o = options()
    x, held_out, y, truth = images()
    model = {"mlp": network, "boosted": boosted}[o.model](o, o.seed % 2**32)
    with threadpool_limits(1):  # trials share the cores already
        model.fit(x, y)
    passes = model.n_iter_ if o.model == "mlp" else model.n_estimators_
    onnx.save(to_onnx(model, x[:1], options={"zipmap": False}, target_opset=21), o.output)
    say(samples=passes * int(0.9 * len(x)),  # a tenth judges when to stop
        float_accuracy=model.score(held_out, truth), float_bytes=os.path.getsize(o.output))


if __name__ == "__main__":
    main()
