"""Studies that Optuna made, through `attune` and back: optuna_check.py ATTUNE

Each study is imported by attune from Optuna's SQLite database and from its journal, exported again in both forms, opened
with optuna.load_study and compared with the original, trial by trial; then Optuna goes on with the export.
"""
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import warnings

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
ATTUNE = sys.argv[1]
problems = []


def check(holds, what):
    if not holds:
        problems.append(what)
        print("differs:", what)


def attune(*words):
    done = subprocess.run([ATTUNE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"attune {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def same(a, b):
    if a is None or b is None or isinstance(a, (str, bool)) or isinstance(b, (str, bool)):
        return type(a) is type(b) and a == b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= 1e-12 * max(abs(a), abs(b))


# ---------------------------------------------------------------- studies of Optuna's

def all_kinds(storage):
    """Every distribution, every state, reports that are no numbers, attributes of all types."""
    study = optuna.create_study(storage=storage, study_name="all kinds", sampler=optuna.samplers.RandomSampler(seed=1))
    study.set_user_attr("text", "größe µ")
    study.set_user_attr("list", [1, None, {"a": 2.5}])
    study.set_metric_names(["loss"])
    study.enqueue_trial({"lr": 0.01, "rate": 0.25, "units": 7, "batch": 16, "depth": 2, "opt": None, "flag": True, "count": 4,
                         "ratio": 0.5, "one": "only"})

    def objective(trial):
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        trial.suggest_float("rate", 0.0, 1.0)
        trial.suggest_float("momentum", 0.0, 0.95, step=0.05)
        units = trial.suggest_int("units", 4, 256, log=True)
        trial.suggest_int("batch", 8, 64, step=8)
        trial.suggest_int("depth", 1, 8)
        trial.suggest_categorical("opt", ["sgd", "adam", None, 3, 0.5, True, "3"])
        trial.suggest_categorical("flag", [True, False])
        trial.suggest_categorical("count", [1, 2, 4])
        trial.suggest_categorical("ratio", [0.5, 2])
        trial.suggest_categorical("one", ["only"])
        trial.set_user_attr("note", f"trial {trial.number}")
        trial.set_user_attr("numbers", {"a": [1, 2.5, None]})
        if trial.number % 5 == 3:
            raise ValueError("out of memory")
        for step, value in enumerate([lr * 2, float("nan"), float("inf"), -float("inf"), lr]):
            trial.report(value, step)
        if trial.number % 5 == 4:
            raise optuna.TrialPruned
        return float("inf") if trial.number == 5 else lr * units

    study.optimize(objective, n_trials=14, catch=(ValueError,))
    half = study.ask()  # is running for ever, with all that a trial has
    for trial in study.trials[:1]:
        for name, distribution in trial.distributions.items():
            half._suggest(name, distribution)
    study.enqueue_trial({name: value for name, value in study.trials[1].params.items()})
    return study


def several_objectives(storage):
    def constraints(trial):
        return trial.user_attrs["constraints"]

    study = optuna.create_study(storage=storage, study_name="several objectives", directions=["maximize", "minimize"],
                                sampler=optuna.samplers.NSGAIISampler(seed=2, constraints_func=constraints))

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_int("y", -5, 5)
        trial.set_user_attr("constraints", [x - 0.5, float(y)])
        return x, x * x + y

    study.optimize(objective, n_trials=12)
    return study


def conditional(storage):
    """Parameters that only some trials have: explained by a choice, by a number, and by nothing that is recorded."""
    study = optuna.create_study(storage=storage, study_name="conditional", direction="maximize",
                                sampler=optuna.samplers.RandomSampler(seed=3))

    def objective(trial):
        total = 0.0
        layers = trial.suggest_int("layers", 1, 3)
        for i in range(layers):
            total += trial.suggest_int(f"units_{i}", 4, 64 + trial.number)  # ranges may grow in Optuna
        if trial.suggest_categorical("opt", ["sgd", "adam", "none"]) == "sgd":
            total += trial.suggest_float("momentum", 0, 1)
            if trial.suggest_categorical("nesterov", [True, False]):
                total += trial.suggest_float("damping", 0, 0.5)
        if trial.number % 3 == 0:
            total += trial.suggest_float("sometimes", -1, 1)
        if trial.number == 7:
            raise ValueError("dies late")
        return total

    study.optimize(objective, n_trials=25, catch=(ValueError,))
    return study


# ---------------------------------------------------------------- comparing

def compare_trials(name, original, other, shifted=False):
    check([d.name for d in original.directions] == [d.name for d in other.directions], f"{name}: directions")
    check(original.metric_names == other.metric_names or original.metric_names is None, f"{name}: metric names")
    check(len(original.trials) == len(other.trials), f"{name}: {len(original.trials)} trials, then {len(other.trials)}")
    for key, value in original.user_attrs.items():
        there = other.user_attrs.get(key)
        check(there == (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))),
              f"{name}: attribute {key}: {value!r}, then {there!r}")
    for a, b in zip(original.trials, other.trials):
        what = f"{name}: trial {a.number}"
        check(a.state == b.state, f"{what}: {a.state}, then {b.state}")
        if a.state == TrialState.WAITING:
            x, y = a.system_attrs["fixed_params"], b.system_attrs["fixed_params"]
            check(x.keys() == y.keys() and all(same(v, y[k]) for k, v in x.items()), f"{what}: fixed values {x}, then {y}")
            continue
        extra = {key for key in b.params if key.endswith(" is set")}
        check(set(a.params) == set(b.params) - extra, f"{what}: parameters {sorted(a.params)}, then {sorted(b.params)}")
        for key, value in a.params.items():
            check(same(value, b.params.get(key)), f"{what}: {key}: {value!r}, then {b.params.get(key)!r}")
        check((a.values is None) == (b.values is None) and all(map(same, a.values or [], b.values or [])),
              f"{what}: values {a.values}, then {b.values}")
        check(a.intermediate_values.keys() == b.intermediate_values.keys() and
              all(same(v, b.intermediate_values[k]) for k, v in a.intermediate_values.items()), f"{what}: reports")
        check(a.datetime_start == b.datetime_start and a.datetime_complete == b.datetime_complete,
              f"{what}: dates {a.datetime_start} {a.datetime_complete}, then {b.datetime_start} {b.datetime_complete}")
        for key, value in a.user_attrs.items():
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            check(b.user_attrs.get(key) == text, f"{what}: attribute {key}: {value!r}, then {b.user_attrs.get(key)!r}")
        check(a.system_attrs.get("constraints") == b.system_attrs.get("constraints"), f"{what}: constraints")


def compare_distributions(name, original, other):
    """Where Optuna's ranges never changed, they come back as they were."""
    for a, b in zip(original.trials, other.trials):
        for key, distribution in a.distributions.items():
            check(distribution == b.distributions.get(key),
                  f"{name}: trial {a.number}: {key}: {distribution}, then {b.distributions.get(key)}")


def go_on(name, storage, study_name):
    study = optuna.load_study(storage=storage, study_name=study_name, sampler=optuna.samplers.RandomSampler(seed=9))
    before = len(study.trials)
    trial = study.ask(dict(next(t for t in study.trials if t.distributions).distributions))
    study.tell(trial, [1.0] * len(study.directions))
    check(len(study.trials) >= before, f"{name}: Optuna goes on with it")
    check(study.trials[trial.number].state == TrialState.COMPLETE, f"{name}: a further trial is complete")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        databases = {"sqlite": (f"sqlite:///{folder}/optuna.db", folder / "optuna.db"),
                     "journal": (JournalStorage(JournalFileBackend(str(folder / "optuna.log"))), folder / "optuna.log")}
        for kind, (storage, path) in databases.items():
            for make in (all_kinds, several_objectives, conditional):
                original = make(storage)
                name = original.study_name
                ours = folder / f"{kind}-{make.__name__}.attune"
                attune("studies", "import", path, ours, "--study", name)
                for form, suffix in (("optuna", "log"), ("optuna-sqlite", "db")):
                    to = folder / f"{kind}-{make.__name__}-back.{suffix}"
                    attune("export", ours, "--format", form, "--to", to)
                    back = f"sqlite:///{to}" if suffix == "db" else JournalStorage(JournalFileBackend(str(to)))
                    label = f"{name} ({kind}, then {form})"
                    compare_trials(label, optuna.load_study(storage=storage, study_name=name),
                                   optuna.load_study(storage=back, study_name=name))
                    if make is not conditional:
                        compare_distributions(label, original, optuna.load_study(storage=back, study_name=name))
                    # Once more round: what we wrote we read.
                    again = folder / f"{kind}-{make.__name__}-{suffix}.attune"
                    attune("studies", "import", to, again)
                    first, second = (list(csv.DictReader(attune("export", study, "--format", "csv").splitlines()))
                                     for study in (ours, again))  # columns may change their places
                    check(first == second, f"{label}: a second import differs from the first")
                    go_on(label, back, name)
                print(f"{name} ({kind}): {len(original.trials)} trials compared")
    print("problems:", len(problems))
    return 1 if problems else 0


sys.exit(main())
