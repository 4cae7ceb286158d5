"""A trial program for tests/test_control.py: a curve instead of a training, so that a study takes seconds.

EM rises towards a ceiling that depends on --rate (best near 0.1), in steps of 100 tokens. Its checkpoint is its state as
JSON. TOY_MODE says what else it does: ignore (SIGTERM and messages ignored, and no end once it was told to stop), flood,
crash (once, half-way), late (reports after its result), odd (reports out of order, repeated, with gaps and extras),
outside, missing (bad checkpoints), mute (no checkpoint).

It never runs ahead of whom it reports to: before it looks for messages it waits until all it has said has been thought
over. TOY_WAITS=checkpoint: after its first one it waits to be killed; TOY_WAITS=clone: one that goes on from another's does.
TOY_WAITS=better: of the four trials 1 to 4, which run together, each ends an interval after those with a better rate, which it
knows by the folder TOY_SHARED: so the worst is judged when all have come as far.

TOY_PLAN={"4": [0.4, 0.9]}: the EM of a trial's steps, the last of it for the rest of its twelve; null: a report without one.
Trials without a plan are worse the later they come. Each step waits to be judged. TOY_MODE=deaf: it does not look at its
checkpoint.
"""
import json
import math
import os
import select
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../workers/sdk/python/src"))
import nocturne  # noqa: E402

p = nocturne.params(rate=0.1, patience=5, threshold=1e-3)
mode = os.environ.get("TOY_MODE", "")
plan, waits = json.loads(os.environ.get("TOY_PLAN", "null")), os.environ.get("TOY_WAITS")
most = 12 if plan else 40
state = {"step": 0, "em": 0.0, "stopping": None, "told": []}
rate = [p.rate]

if mode == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "flood":
    for i in range(20000):
        nocturne.report(i, em=0.5, tokens=i + 1)
    nocturne.result(em=0.5, tokens=20000)
    sys.exit()
if mode == "odd":
    for step, em, tokens in [(0, 0.1, 100), (0, 0.1, 100), (3, 0.3, 400), (1, 0.2, 200), (2, 0.25, 300)]:
        nocturne.report(step, em=em, tokens=tokens)
    nocturne.report(4, em=0.4)
    nocturne.report(5, tokens=600)
    nocturne.report(6, em=0.5, tokens=700, loss=1.5, **{"a b": 2})
    nocturne.result(em=0.5, tokens=700)
    sys.exit()

if nocturne.resume_from and mode not in ("crash", "deaf"):
    with open(nocturne.resume_from) as f:
        state = json.load(f)
stopping = nocturne.EarlyStopping(p.patience, p.threshold, metric="em")
if state["stopping"]:
    stopping.load_state_dict(state["stopping"])
if mode != "ignore":
    nocturne.should_stop()  # from now on SIGTERM is a wish: a stop may answer the very first report
nocturne.on_set("rate", lambda v: (rate.__setitem__(0, v), state["told"].append(v)))


def wait_for_the_end():
    while True:
        signal.pause()


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return None


def coordinator():
    """The parent of our guards."""
    pid, name = os.getppid(), "nocturne-guard"
    while name == "nocturne-guard":
        with open(f"/proc/{pid}/stat") as f:
            pid = f.read().rpartition(")")[2].split()[1]
        name = name_of(pid)
    return pid


def switches(pid):
    """How often each thread of a process has gone to sleep; None: one of them is awake, or sleeps only until the program
    that it starts has begun: until then that one has its own name."""
    count = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as f:
            field = dict(line.split(":", 1) for line in f.read().splitlines())
        if field["State"].split()[0] != "S":
            return None
        with open(f"/proc/{pid}/task/{thread}/children") as f:
            children = f.read().split()
        if name_of(pid) in map(name_of, children):
            return None
        count.append((thread, field["voluntary_ctxt_switches"]))
    return count


def wait_for_thought():
    """Until the coordinator sleeps in all its threads, and none has been awake between two looks: it has read what we
    said, has judged it, and what it answers is here."""
    pid, before = coordinator(), None
    while before is None or before != switches(pid):
        time.sleep(0.001)
        before = switches(pid)


def is_told():
    """Something has been said to us."""
    return bool(select.select([int(os.environ["NOCTURNE_FD"])], [], [], 0)[0])


def save():
    if mode == "mute":
        return
    path = os.path.join(nocturne.folder(), "state.json")
    state["stopping"] = stopping.state_dict()
    with open(path + ".new", "w") as f:
        json.dump(state, f)
    os.replace(path + ".new", path)
    if mode == "outside":
        path = "/etc/hostname"
    if mode == "missing":
        path = os.path.join(nocturne.folder(), "none.json")
    nocturne.checkpoint(path)


shared, number = os.environ.get("TOY_SHARED"), int(os.environ.get("NOCTURNE_TRIAL", "0"))
loss = abs(math.log10(p.rate / 0.1))


def next_em(em):
    if plan:
        of = plan.get(str(number), [0.1 - 0.001 * number])
        return of[min(state["step"], len(of) - 1)]
    ceiling = 0.6 - 0.15 * abs(math.log10(rate[0] / 0.1))
    return em + 0.15 * (ceiling - em)


def say_step(step):
    if waits == "better" and 1 <= number <= 4:
        with open(f"{shared}/{number}.new", "w") as f:
            json.dump([loss, step], f)
        os.replace(f"{shared}/{number}.new", f"{shared}/{number}")


def others():
    """[(loss, step)] of the four; None: some are not here yet."""
    try:
        return [json.load(open(f"{shared}/{n}")) for n in range(1, 5)]
    except OSError:
        return None


def wait_for_better(step):
    while waits == "better" and 1 <= number <= 4:
        all_ = others()
        if all_ and all(at >= step for other, at in all_ if other < loss):
            return
        time.sleep(0.001)


say_step(0)
best = state["em"] or 0
if waits == "clone" and nocturne.resume_from:
    wait_for_the_end()
while state["step"] < most:
    state["em"] = next_em(state["em"])
    said = {} if state["em"] is None else {"em": state["em"]}
    best = max(best, said.get("em", best))
    if (state["step"] + 1) % 5 == 0:
        wait_for_better(state["step"] + 1)
    nocturne.report(state["step"], tokens=100 * (state["step"] + 1), **said)
    state["step"] += 1
    over = not plan and stopping.update(state["em"])
    if plan or state["step"] % 4 == 0:
        save()
    if waits == "checkpoint" and state["step"] == 4:
        wait_for_the_end()
    if mode == "crash" and state["step"] == most // 2 and os.environ["NOCTURNE_ATTEMPT"] == "1":
        os.kill(os.getpid(), signal.SIGSEGV)
    if plan or state["step"] % 5 == 0 or over:
        wait_for_thought()
        say_step(state["step"])
    if mode == "ignore":
        continue
    if nocturne.should_stop() or over:
        break
say_step(1e9)
if mode == "ignore" and is_told():
    wait_for_the_end()
save()
if mode == "crash" and nocturne.resume_from:
    with open(nocturne.resume_from) as f:
        nocturne.log(f"found a checkpoint of step {json.load(f)['step']}")
nocturne.result(em=best, tokens=100 * state["step"], resumed=1.0 if nocturne.resume_from else 0.0, told=len(state["told"]))
if mode == "late":
    nocturne.report(99, em=0.99, tokens=9900)
    nocturne.result(em=0.99, tokens=1)
