"""Other people's policies of early stopping, in the calls of equal_cost.py: Syne Tune's schedulers, one trial at a time.

    sh tests/bench/install.sh multi-fidelity

The scheduler is driven as Syne Tune's own Tuner drives it, with checkpoints: what it pauses goes on where it was, and costs
only what is still to run. A trial's last report is its result.
"""
import contextlib
import datetime
import functools
import io
import logging
import math
import warnings

import numpy as np

# Of Syne Tune 0.13, the last that has all of them; what is not said is its default. PASHA is left out: one trial at a time, it
# never raises its limit to the whole training, and only what is complete counts.
SYNE = {
    "asha": ("ASHA", {}),
    "asha-promotion": ("ASHA", {"type": "promotion"}),
    "bohb": ("BOHB", {}),
    "bohb-promotion": ("BOHB", {"type": "promotion"}),
    "mobster": ("MOBSTER", {}),
    "mobster-promotion": ("MOBSTER", {"type": "promotion"}),
    "hypertune": ("HyperTune", {"type": "promotion", "brackets": 4}),
    "dyhpo": ("DyHPO", {}),
    "hyperband": ("SyncHyperband", {}),
    "sync-bohb": ("SyncBOHB", {}),
}


@functools.cache
def floor(task):
    """The utility that nine tenths of the table's reports exceed: a Gaussian process is told nothing worse, because a loss of
    1e38 (boost-diabetes) or a training that diverged would be all that it sees. No ranking among the good changes."""
    values = [task.value(dict(zip(task.metrics, report))) for curve in task.curves[0] for report in curve]
    return float(np.quantile([v for v in values if math.isfinite(v)], 0.1))


def syne_space(task):
    from syne_tune import config_space as c
    space = {}
    for name, p in task.parameters.items():
        if p["type"] == "categorical":
            space[name] = c.choice(p["values"])
        elif p["type"] == "ordinal":
            space[name] = c.ordinal(p["values"], kind="nn-log" if p["scale"] == "log" else "nn")
        elif p["type"] == "int":
            space[name] = (c.lograndint if p["scale"] == "log" else c.randint)(*p["range"])
        else:
            space[name] = (c.loguniform if p["scale"] == "log" else c.uniform)(*p["range"])
    return space


@contextlib.contextmanager
def quiet():
    """Without the hints to install what is not needed here, which are printed."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def syne_scheduler(task, name, seed):
    with quiet():
        from syne_tune.optimizer import baselines
        kind, more = SYNE[name]
        synchronous = kind.startswith("Sync")
        options = {"mode": "max", "random_seed": seed, "grace_period": 1, "search_options": {"debug_log": False},
                   "max_resource_level" if synchronous else "max_t": task.reports, **more}
        if task.baseline:
            options["points_to_evaluate"] = [task.baseline]
        return getattr(baselines, kind)(syne_space(task), metric="utility", resource_attr="report", **options)


class SyneTune:
    def __init__(self, task, arm, seed):
        self.task, self.floor, self.trials = task, floor(task), {}
        self.scheduler = syne_scheduler(task, arm.partition(":")[2], seed)

    def ask(self):
        from syne_tune.backend.trial_status import Trial
        s = self.scheduler.suggest(trial_id=len(self.trials))
        if not s.spawn_new_trial_id:
            return s.checkpoint_trial_id, self.trials[s.checkpoint_trial_id].config
        trial = Trial(len(self.trials), s.config, datetime.datetime.now())
        self.trials[trial.trial_id] = trial
        self.scheduler.on_trial_add(trial=trial)
        return trial.trial_id, trial.config

    def hand_in(self, trial, step, value):
        """Whether the scheduler wants this trial to go on; if not, it is told that it has been taken away."""
        from syne_tune.optimizer.scheduler import SchedulerDecision
        result = {"utility": max(value, self.floor), "report": step + 1}
        decision = self.scheduler.on_trial_result(self.trials[trial], result)
        if decision != SchedulerDecision.CONTINUE:
            self.scheduler.on_trial_remove(self.trials[trial])
        elif step + 1 == self.task.reports:
            self.scheduler.on_trial_complete(self.trials[trial], result)
        return decision == SchedulerDecision.CONTINUE

    def report(self, trial, step, metrics):
        return step + 1 < self.task.reports and not self.hand_in(trial, step, self.task.value(metrics))

    def tell(self, trial, outcome):
        value = self.task.value(outcome) if self.task.feasible(outcome) else -math.inf
        self.hand_in(trial, self.task.reports - 1, value)

    def pruned(self, trial):
        pass

    def close(self):
        pass
