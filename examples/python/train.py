#!/usr/bin/env python3
"""Handwritten digits (1,797 images that come with scikit-learn), learnt by a linear classifier on random features.

By hand:           python3 train.py --learning-rate 0.05 --batch-size 32 --patience 4
Under Nocturne:    nocturne run study.yaml

em is the share of 540 held-out images that are read right, tokens the images looked at in training until the stop. There
is no second version of this script: without Nocturne the SDK takes the parameters from the command line.
"""
import nocturne
from nocturne.sklearn import partial_fit
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split


def main():
    p = nocturne.params(learning_rate=0.01, batch_size=64, patience=5, threshold=1e-4, gamma=0.2, features=300)
    x, y = load_digits(return_X_y=True)
    x = RBFSampler(gamma=p.gamma, n_components=p.features, random_state=0).fit_transform(x / 16)
    train, held_out, y_train, y_held_out = train_test_split(x, y, test_size=540, random_state=0, stratify=y)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=p.learning_rate,
                          random_state=nocturne.seed() % 2**32)
    metrics = partial_fit(model, train, y_train, validation=(held_out, y_held_out), batch_size=p.batch_size, every=500,
                          most=60_000, stopping=nocturne.EarlyStopping(p.patience, p.threshold))
    nocturne.result(**metrics)


if __name__ == "__main__":
    main()
