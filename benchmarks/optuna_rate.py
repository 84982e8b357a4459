"""Trials a second of Optuna's storages, with ten reports each. Usage: optuna_rate.py FOLDER PROCESSES; prints JSON."""
import json
import multiprocessing
import os
import sys
import time
import warnings

import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
TRIALS = 24


def storage_of(kind, folder):
    if kind == "journal":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        return JournalStorage(JournalFileBackend(os.path.join(folder, "optuna.log")))
    return "sqlite:///" + os.path.join(folder, "optuna.db")


def work(kind, folder, name, trials):
    study = optuna.load_study(study_name=name, storage=storage_of(kind, folder),
                              sampler=optuna.samplers.RandomSampler())
    for _ in range(trials):
        trial = study.ask()
        trial.suggest_float("lr", 1e-4, 1, log=True)
        trial.suggest_int("layers", 1, 8)
        trial.suggest_categorical("optimizer", ["sgd", "adam"])
        for step in range(10):
            trial.report(0.1 * step, step)
        study.tell(trial, 0.9)


def rate(kind, folder, processes):
    name = f"study-{processes}"
    optuna.create_study(study_name=name, storage=storage_of(kind, folder), direction="maximize")
    each = max(1, TRIALS // processes)
    jobs = [multiprocessing.Process(target=work, args=(kind, folder, name, each)) for _ in range(processes)]
    begin = time.perf_counter()
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    return each * processes / (time.perf_counter() - begin)


def main():
    folder, processes = sys.argv[1], int(sys.argv[2])
    out = {"storage": "Optuna " + optuna.__version__}
    for kind in ("journal", "sqlite"):
        out[kind] = {f"trials_a_second_{n}": rate(kind, folder, n) for n in (1, processes)}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
