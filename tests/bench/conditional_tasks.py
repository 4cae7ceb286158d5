"""Spaces where a choice says what else there is to choose. Made of bbob functions, as ln(1 + value above the optimum)
plus an offset, so that the choice matters only once each branch is tuned."""
import functools
import math

import numpy as np

from task import Param, Task, coco


def height(f, x):
    _, p, best = coco("bbob", f, len(x))
    return math.log1p(float(p(np.array(x))) - best)


class Branches(Task):
    """A categorical chooses a function: {branch: (bbob function, variables of its own, offset)}. The first `shared`
    variables of each function are the same parameters in all branches."""

    family = "conditional"

    def __init__(self, name, branches, tuned=False, shared=0):
        self.name, self.tuned, self._branches, self._shared = name, tuned, branches, shared

    @functools.lru_cache
    def params(self):
        out = [Param("branch", "categorical", values=tuple(self._branches))]
        out += [Param(f"shared{i}", "float", -5, 5) for i in range(self._shared)]
        for b, (_, d, _) in self._branches.items():
            out += [Param(f"{b}{i}", "float", -5, 5, when=("branch", (b,))) for i in range(d)]
        return out

    def true(self, config):
        b = config["branch"]
        f, d, offset = self._branches[b]
        return height(f, [config[f"shared{i}"] for i in range(self._shared)] + [config[f"{b}{i}"] for i in range(d)]) + offset

    def bounds(self):
        return min(offset for _, _, offset in self._branches.values()), self._median


class Nested(Task):
    """A choice within a choice: {outer: {inner: (bbob function, variables, offset)}}."""

    family = "conditional"

    def __init__(self, name, tree, tuned=False):
        self.name, self._tree, self.tuned = name, tree, tuned

    @functools.lru_cache
    def params(self):
        out = [Param("outer", "categorical", values=tuple(self._tree))]
        for o, leaves in self._tree.items():
            out += [Param(f"{o}_inner", "categorical", values=tuple(leaves), when=("outer", (o,)))]
            for i, (_, d, _) in leaves.items():
                out += [Param(f"{o}_{i}{k}", "float", -5, 5, when=(f"{o}_inner", (i,))) for k in range(d)]
        return out

    def true(self, config):
        o = config["outer"]
        i = config[f"{o}_inner"]
        f, d, offset = self._tree[o][i]
        return height(f, [config[f"{o}_{i}{k}"] for k in range(d)]) + offset

    def bounds(self):
        return min(offset for leaves in self._tree.values() for _, _, offset in leaves.values()), self._median


def all_branches():
    yield Branches("branches-a", {"r": (8, 3, 0.5), "s": (1, 2, 1.0), "t": (15, 2, 0.0)})
    yield Branches("branches-c", {"a": (6, 2, 0.2), "b": (13, 3, 0.0), "c": (22, 2, 0.4)}, tuned=True)
    yield Branches("branches-d", {"a": (3, 2, 0.0), "b": (7, 5, 0.3)}, tuned=True)
    yield Branches("branches-e", {"a": (5, 2, 0.5), "b": (8, 2, 0.2), "c": (20, 3, 0.0), "d": (15, 3, 0.6)}, tuned=True)
    yield Branches("branches-b", {"u": (10, 2, 0.3), "v": (21, 3, 0.0), "w": (17, 2, 0.6)}, tuned=True)
    yield Branches("branches-f", {"a": (2, 2, 0.4), "b": (17, 3, 0.0), "c": (8, 2, 0.3), "d": (6, 2, 0.8), "e": (21, 2, 0.1)})
    yield Branches("branches-g", {"a": (1, 3, 0.6), "b": (8, 3, 0.0)})
    yield Branches("branches-h", {"a": (14, 2, 0.3), "b": (1, 10, 0.0)})
    yield Branches("branches-i", {"a": (6, 1, 0.3), "b": (10, 1, 0.0), "c": (8, 1, 0.5)}, shared=2)
    yield Branches("branches-j", {k: (f, 2, 0.1 * i) for i, (k, f) in enumerate(zip("abcdefgh", (12, 11, 9, 8, 7, 6, 2, 1)))})
    yield Branches("branches-k", {"a": (20, 2, 0.0), "b": (11, 3, 0.0), "c": (13, 2, 0.0)})
    yield Nested("nested-a", {"p": {"x": (8, 2, 0.3), "y": (15, 2, 0.0)}, "q": {"x": (1, 2, 0.7), "y": (21, 3, 0.2)}})
    yield Nested("nested-b", {"p": {"x": (2, 2, 0.0), "y": (3, 3, 0.4), "z": (7, 2, 0.2)}, "q": {"x": (9, 5, 0.1), "y": (12, 2, 0.5)}})
    yield Branches("branches-l", {"a": (9, 3, 0.0), "b": (21, 2, 0.3), "c": (5, 3, 0.9), "d": (12, 2, 0.2)}, tuned=True)
    yield Branches("branches-m", {"a": (15, 3, 0.2), "b": (2, 3, 0.0)}, tuned=True)
    yield Branches("branches-n", {"a": (1, 1, 0.4), "b": (21, 1, 0.0), "c": (6, 1, 0.2), "d": (17, 1, 0.6)}, tuned=True, shared=1)
    yield Branches("branches-o", {"a": (7, 3, 0.0), "b": (8, 5, 0.1), "c": (14, 2, 0.5)}, tuned=True)
    yield Nested("nested-c", {"p": {"x": (20, 2, 0.2), "y": (1, 3, 0.5)}, "q": {"x": (10, 2, 0.0), "y": (15, 2, 0.3), "z": (5, 2, 1.0)}},
                 tuned=True)
    yield Nested("nested-d", {"p": {"x": (6, 3, 0.0), "y": (13, 2, 0.3)}, "q": {"x": (21, 2, 0.1), "y": (9, 2, 0.4)},
                              "r": {"x": (3, 2, 0.4), "y": (14, 3, 0.6)}}, tuned=True)
