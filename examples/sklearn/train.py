"""A training script as people have them: it knows nothing of Nocturne, and prints its score in its own words."""
import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--patience", type=int, default=10)
parser.add_argument("--batch-size", type=int, default=200)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.3, random_state=0)
model = MLPClassifier(
    (32,), early_stopping=True, n_iter_no_change=args.patience, batch_size=args.batch_size,
    learning_rate_init=args.lr, max_iter=500, random_state=args.seed)
model.fit(x_train, y_train)
print(f"trained for {model.n_iter_} epochs, seen {int(np.ceil(0.9 * len(x_train))) * model.n_iter_} samples")
print(f"Mean accuracy: {model.score(x_test, y_test):.4f}")
