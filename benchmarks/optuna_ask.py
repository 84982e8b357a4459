"""Processor seconds of one ask of Optuna's GP sampler. Usage: optuna_ask.py DIMENSIONS TRIALS; prints JSON.

The study is filled at random up to TRIALS, then asked a few times; the objective is that of ask_latency."""
import json
import math
import random
import resource
import sys
import time
import warnings

import optuna
import torch

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
torch.set_num_threads(1)


def loss(x):
    return sum((v - 1.5) ** 2 + math.sin(3 * v) for v in x)


def main():
    dimensions, trials = int(sys.argv[1]), int(sys.argv[2])
    names = [f"x{i}" for i in range(dimensions)]
    distribution = optuna.distributions.FloatDistribution(-5.0, 5.0)
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=1))
    random.seed(1)
    for _ in range(trials):
        x = [random.uniform(-5, 5) for _ in names]
        study.add_trial(optuna.trial.create_trial(params=dict(zip(names, x)), value=loss(x),
                                                  distributions={name: distribution for name in names}))
    seconds, wall = [], []
    for _ in range(7 if trials <= 200 else 3):
        begin, begin_wall = time.process_time(), time.perf_counter()
        trial = study.ask({name: distribution for name in names})
        seconds.append(time.process_time() - begin)
        wall.append(time.perf_counter() - begin_wall)
        study.tell(trial, loss(trial.params[name] for name in names))
    seconds_after_first, wall_after_first = sorted(seconds[1:]), sorted(wall[1:])
    print(json.dumps({"strategy": "Optuna " + optuna.__version__ + " GPSampler", "dimensions": dimensions,
                      "trials": trials, "median_seconds": seconds_after_first[len(seconds_after_first) // 2],
                      "median_wall_seconds": wall_after_first[len(wall_after_first) // 2],
                      "dearest_seconds": max(seconds),
                      "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
