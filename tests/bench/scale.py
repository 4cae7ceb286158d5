#!/usr/bin/env python3
"""Does anything slow with the number of trials? The same operations in a study of 1,000 and of 100,000 trials.

    NOCTURNE_BIN=build/release/bin python3 tests/bench/scale.py [--small 1000] [--large 100000]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from throughput import ours  # noqa: E402

BIN = os.path.join(os.path.abspath(os.environ["NOCTURNE_BIN"]), "nocturne")


def median_ms(action, times):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


class Pipe:
    def __init__(self, folder, db):
        self.p = subprocess.Popen([BIN, "advise", "study.yaml", "--db", db], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        answer = json.loads(self.p.stdout.readline())
        assert "error" not in answer, answer
        return answer

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def operations(folder, db, trials):
    command = lambda *args: subprocess.run([BIN, *args, "--db", db], cwd=folder, check=True, capture_output=True)  # noqa: E731
    began = time.perf_counter()
    pipe = Pipe(folder, db)
    pipe.say({"best": True})
    out = {"open": 1000 * (time.perf_counter() - began)}
    asked, metrics = [], {"em": 0.5, "tokens": 5e6}
    out["ask"] = median_ms(lambda: asked.append(pipe.say({"ask": 1})["trials"][0]["trial"]), 200)
    it = iter(asked)
    out["report"] = median_ms(lambda: pipe.say({"report": next(it), "step": 1, "metrics": metrics}), 200)
    it = iter(asked)
    out["tell"] = median_ms(lambda: pipe.say({"tell": next(it), "metrics": metrics}), 200)
    out["best"] = median_ms(lambda: pipe.say({"best": True}), 200)
    pipe.close()
    out["status"] = median_ms(lambda: command("status"), 11)
    out["show"] = median_ms(lambda: command("show", "500"), 11)
    out["enqueue"] = median_ms(lambda: command("enqueue", "patience=3", "threshold=0.01", "batch_size=64", "learning_rate=0.001"), 5)
    out["export"] = median_ms(lambda: command("export", "--format", "env"), 5)
    out["trials"] = median_ms(lambda: command("trials"), 3)
    out["doctor --rebuild"] = median_ms(lambda: command("doctor", "--rebuild"), 3)
    out["bytes a trial"] = os.path.getsize(os.path.join(folder, db)) / trials
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=100000)
    o = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="nocturne-scale-")
    rows = []
    for n in (o.small, o.large):
        ours(folder, BIN, n, 64, db=f"{n}.db")
        rows.append(operations(folder, f"{n}.db", n))
    print(f"{'':18} {o.small:>10} {o.large:>10}   ratio   (milliseconds, medians; commands with their process)")
    for key in rows[0]:
        print(f"{key:18} {rows[0][key]:10.2f} {rows[1][key]:10.2f} {rows[1][key] / rows[0][key]:7.1f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
