"""What Optuna's samplers find on the problems of `fronts`: prints the same JSON.

Usage: fronts_optuna.py FRONTS_PROGRAM gp|tpe|nsga2 PROBLEM SEEDS 20,40,80"""
import json
import statistics
import subprocess
import sys
import time
import warnings

import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def suggest(trial, space):
    configuration = {}
    for p in space:
        when = p.get("when")
        if when and any(configuration.get(c["parameter"]) not in c["values"] for c in conditions(when)):
            continue
        log = p.get("scale") == "log"
        if p["type"] == "categorical":
            configuration[p["name"]] = trial.suggest_categorical(p["name"], p["choices"])
        elif p["type"] == "integer":
            configuration[p["name"]] = trial.suggest_int(p["name"], p["low"], p["high"], log=log)
        else:
            configuration[p["name"]] = trial.suggest_float(p["name"], p["low"], p["high"], log=log)
    return configuration


def conditions(when):
    """Of the one kind that these problems have: a choice that must be one of some values."""
    values = when.get("in") or [when.get("equals", when.get("value"))]
    return [{"parameter": when["parameter"], "values": values}]


def main():
    program, kind, problem, seeds, at = sys.argv[1:6]
    at = [int(n) for n in at.split(",")]
    server = subprocess.Popen([program, "--serve", problem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    about = json.loads(server.stdout.readline())
    if kind == "gp":
        import torch
        torch.set_num_threads(1)
    make = {"gp": optuna.samplers.GPSampler, "nsga2": optuna.samplers.NSGAIISampler,
            "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)}[kind]
    missing, seconds = {n: [] for n in at}, 0.0
    for seed in range(int(seeds)):
        server.stdin.write(json.dumps({"seed": seed}) + "\n")
        study = optuna.create_study(sampler=make(seed=seed), directions=["minimize"] * about["losses"])
        for number in range(1, at[-1] + 1):
            begin = time.process_time()
            trial = study.ask()
            configuration = suggest(trial, about["space"])
            seconds += time.process_time() - begin
            server.stdin.write(json.dumps({"configuration": configuration}) + "\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            study.tell(trial, answer["losses"])
            if number in missing:
                missing[number].append(answer["missing"])
    print(json.dumps({"method": "optuna_" + kind, "problem": problem, "parallel": 1, "seeds": int(seeds),
                      "milliseconds_an_ask": 1e3 * seconds / int(seeds) / at[-1],
                      "at": {str(n): {"median": statistics.median(v), "all": v} for n, v in missing.items()}}))


main()
