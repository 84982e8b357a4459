"""A study of ours opened by TensorBoard and MLflow themselves: trackers_check.py ATTUNE

The study is made over ask and tell, exported in both forms, and every parameter, report, result and state that those
packages read is compared with what was told.
"""
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # since version 3 its clients want to be asked
from mlflow.entities import RunStatus, ViewType
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

ATTUNE = sys.argv[1]
problems = []


def check(holds, what):
    if not holds:
        problems.append(what)
        print("differs:", what)


def number(value):
    return value if isinstance(value, (int, float)) else float(value)  # "nan", "inf" and "-inf" travel as texts


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def single(value):
    """As a float32 has it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def make_study(folder):
    """Returns what was told: trial -> configuration, reports, final metrics, state."""
    space = [{"name": "lr", "type": "continuous", "low": 1e-4, "high": 1, "scale": "log"},
             {"name": "layers", "type": "integer", "low": 1, "high": 8},
             {"name": "opt", "type": "categorical", "choices": ["sgd", "größe µ", "it's"]},
             {"name": "nesterov", "type": "categorical", "choices": [True, False], "when": {"opt": ["sgd"]}}]
    create = {"create": {"space": space, "objectives": [{"metric": "accuracy", "direction": "maximize"}],
                         "strategy": {"name": "random"}, "stopping": {"name": "off"}, "seed": 4,
                         "storage": str(folder / "study.attune")}}
    program = subprocess.Popen([ATTUNE, "ask-tell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(request):
        program.stdin.write(json.dumps(request) + "\n")
        program.stdin.flush()
        answer = json.loads(program.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"ask-tell: {request}: {answer['error']}")
        return answer

    say(create)
    told = {}
    for i in range(12):
        asked = say({"ask": {"count": 1}})["asked"][0]
        trial = asked["trial"]
        reports = {}
        for step in range(1, 4):
            metrics = {"accuracy": "nan" if i == 5 and step == 2 else 0.1 * i + 0.01 * step, "val/loss": 1.0 / step}
            say({"report": {"trial": trial, "step": step, "metrics": metrics}})
            reports[step] = {name: number(value) for name, value in metrics.items()}
        if i % 4 == 3:
            say({"fail": {"trial": trial, "reason": "out of memory", "kind": "configuration"}})
            told[trial] = (asked["configuration"], reports, {}, "failed")
        else:
            say({"tell": {"trial": trial, "metrics": {"accuracy": 0.1 * i}}})
            told[trial] = (asked["configuration"], reports, {"accuracy": 0.1 * i}, "completed")
    program.stdin.close()
    program.wait()
    return told


def check_tensorboard(folder, told):
    runs = sorted(path.name for path in folder.iterdir())
    check(len(runs) == len(told), f"TensorBoard: {len(runs)} runs of {len(told)} trials")
    for trial, (configuration, reports, metrics, state) in told.items():
        what = f"TensorBoard: trial {trial}"
        events = EventAccumulator(str(folder / f"trial-{trial:05d}"))
        events.Reload()
        tags = set(events.Tags()["scalars"])
        names = {name for values in reports.values() for name in values}
        check(tags == names | {f"final/{name}" for name in metrics}, f"{what}: tags {sorted(tags)}")
        for name in names:
            got = [(event.step, event.value) for event in events.Scalars(name)]
            wanted = [(step, single(values[name])) for step, values in reports.items()]
            check(len(got) == len(wanted) and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(got, wanted)),
                  f"{what}: {name}: {wanted}, then {got}")
        for name, value in metrics.items():
            check([event.value for event in events.Scalars(f"final/{name}")] == [single(value)], f"{what}: final/{name}")

        def session(tag):
            content = events.summary_metadata[f"_hparams_/{tag}"].plugin_data.content
            return plugin_data_pb2.HParamsPluginData.FromString(content)

        values = session("session_start_info").session_start_info.hparams
        got = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
        check(got == configuration, f"{what}: configuration {configuration}, then {got}")
        status = session("session_end_info").session_end_info.status
        check(status == (1 if state == "completed" else 2), f"{what}: status {status} of a {state} trial")


def check_mlflow(folder, told):
    client = MlflowClient(tracking_uri=folder.as_uri())
    experiments = [e for e in client.search_experiments() if e.name != "Default"]
    check(len(experiments) == 1, f"MLflow: {len(experiments)} experiments")
    runs = {run.info.run_name: run for run in client.search_runs([experiments[0].experiment_id], max_results=1000,
                                                                  run_view_type=ViewType.ALL)}
    check(len(runs) == len(told), f"MLflow: {len(runs)} runs of {len(told)} trials")
    for trial, (configuration, reports, metrics, state) in told.items():
        what = f"MLflow: trial {trial}"
        run = runs[f"trial-{trial}"]
        wanted = RunStatus.FINISHED if state == "completed" else RunStatus.FAILED
        check(run.info.status == RunStatus.to_string(wanted), f"{what}: {run.info.status} of a {state} trial")
        for name, value in configuration.items():
            text = run.data.params.get(name)
            kept = text == value if isinstance(value, str) else \
                text == str(value).lower() if isinstance(value, bool) else text is not None and float(text) == value
            check(kept, f"{what}: {name}: {value!r}, then {text!r}")
        check(len(run.data.params) == len(configuration), f"{what}: parameters {sorted(run.data.params)}")
        for name in {name for values in reports.values() for name in values}:
            got = [(m.step, m.value) for m in sorted(client.get_metric_history(run.info.run_id, name), key=lambda m: m.step)]
            wanted = [(step, values[name]) for step, values in reports.items()]
            check(len(got) == len(wanted) and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(got, wanted)),
                  f"{what}: {name}: {wanted}, then {got}")
        final = {name: value for name, value in run.data.metrics.items() if name.startswith("final ")}
        check(final == {f"final {name}": value for name, value in metrics.items()}, f"{what}: {final}")


def main():
    with tempfile.TemporaryDirectory(prefix="größe ") as folder:
        folder = pathlib.Path(folder)
        told = make_study(folder)
        for form, place in (("tensorboard", "logs"), ("mlflow", "mlruns")):
            done = subprocess.run([ATTUNE, "export", str(folder / "study.attune"), "--format", form, "--to",
                                   str(folder / place)], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"attune export --format {form}: {done.stderr}")
        check_tensorboard(folder / "logs", told)
        check_mlflow(folder / "mlruns", told)
        print(f"{len(told)} trials compared; problems: {len(problems)}")
    return 1 if problems else 0


sys.exit(main())
