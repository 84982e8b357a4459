"""Optuna's TPE with its Hyperband pruner beside freeze-thaw on the LCBench surrogate, in one run.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install optuna numpy
    /tmp/venv/bin/python benchmarks/freeze_thaw_lcbench.py --program build/bin/freeze_thaw_lcbench \
        --folder ../shared/data/learning-curves

Each method trains until one of its fully trained trials is as good as the best of 100 fully trained random ones (the target of
the program's run for that task and repeat), or until a fifth of their epochs is spent. Prints the share of their epochs that it took.
"""

import argparse
import json
import statistics
import struct
import subprocess
import sys

import numpy as np
import optuna

EPOCHS = 52
RANDOM_TRIALS = 100


class Surrogate:
    """The network that the JSON file describes, for validation accuracy alone."""

    def __init__(self, folder):
        raw = open(f"{folder}/lcbench-surrogate.safetensors", "rb").read()
        size = struct.unpack("<Q", raw[:8])[0]
        self.w = {}
        for name, t in json.loads(raw[8 : 8 + size]).items():
            if name == "__metadata__" or t["dtype"] != "F32":
                continue
            begin, end = (8 + size + o for o in t["data_offsets"])
            self.w[name] = np.frombuffer(raw[begin:end], np.float32).reshape(t["shape"])
        self.j = json.load(open(f"{folder}/lcbench-surrogate.json"))

    def linear(self, name, x):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, name, x):
        x = (x - self.w[name + ".running_mean"]) / np.sqrt(self.w[name + ".running_var"] + 1e-5)
        return x * self.w[name + ".weight"] + self.w[name + ".bias"]

    def curve(self, task, p):
        columns = [np.arange(1, EPOCHS + 1, dtype=float)]
        columns += [np.full(EPOCHS, float(p[c["name"]])) for c in self.j["continuous_inputs"][1:]]
        z = [np.tile(self.w["embds_fct.0.weight"][self.j["task_index"][task]], (EPOCHS, 1))]
        for x, c in zip(columns, self.j["continuous_inputs"]):
            x = np.log(x + self.j["log_epsilon"]) if c["log"] else x
            z.append(((x - c["shift"]) / c["scale"])[:, None])
        h = self.linear("first_layer", np.concatenate(z, 1).astype(np.float32))
        for i in range(3):
            u = self.linear(f"layers.{i}.linear0", self.norm(f"layers.{i}.norm", h))
            half = u.shape[1] // 2
            h = h + self.linear(f"layers.{i}.linear1", u[:, :half] * np.maximum(u[:, half:], 0))
        y = 1 / (1 + np.exp(-self.linear("head", np.maximum(self.norm("last_normalization", h), 0))[:, 1]))
        o = self.j["outputs"][1]
        return np.exp(y * o["scale"] + o["shift"]) - 1e-12


def suggest(trial):
    return {
        "batch_size": trial.suggest_int("batch_size", 16, 512, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "momentum": trial.suggest_float("momentum", 0.1, 0.99),
        "weight_decay": trial.suggest_float("weight_decay", 1e-5, 1e-1),
        "num_layers": trial.suggest_int("num_layers", 1, 5),
        "max_units": trial.suggest_int("max_units", 64, 1024, log=True),
        "max_dropout": trial.suggest_float("max_dropout", 0, 1),
    }


def tpe_hyperband(surrogate, task, seed, target, budget):
    """Epochs until the target was reached, or None."""
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3),
    )
    spent = 0
    while spent < budget:
        trial = study.ask()
        curve = surrogate.curve(task, suggest(trial))
        for epoch in range(1, EPOCHS + 1):
            spent += 1
            trial.report(float(curve[epoch - 1]), epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(curve[-1]))
            if curve[-1] >= target and spent <= budget:
                return spent
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--tasks", default="")
    options = parser.parse_args()
    command = [options.program, options.folder, "--repeats", str(options.repeats)]
    if options.tasks:
        command += ["--tasks", options.tasks]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    surrogate = Surrogate(options.folder)
    whole = RANDOM_TRIALS * EPOCHS
    for task, repeat, target in sorted({(r["task"], r["repeat"], r["target"]) for r in rows}):
        spent = tpe_hyperband(surrogate, task, repeat, target, 0.2 * whole)
        share = None if spent is None else spent / whole
        print(f"{task} optuna: {share}", file=sys.stderr)
        rows.append({"task": task, "repeat": repeat, "method": "optuna tpe+hyperband", "target": target, "share_of_epochs": share})
    print(json.dumps(rows, indent=1))
    for method in sorted({r["method"] for r in rows}):
        shares = [r["share_of_epochs"] for r in rows if r["method"] == method]
        reached = sum(s is not None for s in shares)
        median = statistics.median(1.0 if s is None else s for s in shares)
        print(f"{method:30} median {100 * median:.1f} %{' (not reached)' if median == 1 else ''}, "
              f"reached in {reached} of {len(shares)}", file=sys.stderr)


if __name__ == "__main__":
    main()
