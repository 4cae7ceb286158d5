"""The same as probe.c, through the Python SDK."""
import json
import math
import os
import sys
import time

import nocturne

if sys.argv[1] == "measure":
    n = int(sys.argv[2])
    start = time.perf_counter()
    for i in range(n):
        nocturne.report(i, em=0.5 + 1e-9 * i, tokens=100000 * (i + 1))
        nocturne.should_stop()
    print(json.dumps({"us": (time.perf_counter() - start) / n * 1e6}))
    sys.exit()

p = nocturne.params(learning_rate=0.5, patience=3, threshold=0.0, model="mlp")
first, awaited = sys.argv[sys.argv.index("--wait") + 1:][:2] if "--wait" in sys.argv else (0, None)
rate = [p.learning_rate]
nocturne.on_set("learning_rate", lambda v: rate.__setitem__(0, v))
if sys.argv[1] == "items":
    for i in nocturne.shuffled(range(int(sys.argv[2]))):
        nocturne.item(f'q{i} "ä"', em=i % 2, tokens=float(i))
        while awaited and not os.path.exists(awaited):
            time.sleep(0.005)
        if nocturne.should_stop():
            break
    nocturne.item("a tab\t", em=math.nan)
    sys.exit()
stopping = nocturne.EarlyStopping(p.patience, p.threshold, metric="em")
step = 0
for value in sys.argv[1].split(","):
    nocturne.report(step, em=float(value), tokens=100 * (step + 1))
    step += 1
    stopping.update(float(value))
    while awaited and step >= int(first) and not os.path.exists(awaited):
        time.sleep(0.005)
    if nocturne.should_stop():
        break
if nocturne.resume_from:
    nocturne.log(nocturne.resume_from)
nocturne.result(em=stopping.best, tokens=100 * step)
print(json.dumps({"rate": rate[0], "patience": stopping.patience, "threshold": stopping.threshold, "bad": stopping.bad,
                  "steps": step, "why": nocturne.stop_reason(), "model": p.model, "seed": nocturne.seed()}),
      file=sys.stderr)
