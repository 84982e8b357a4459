#!/usr/bin/env python3
"""Accuracy of one fixed fine-tuning recipe in attune beside Python's torch and torchvision, in one run.

    benchmarks/fine_tuning.py clothing=photos --weights mobilenet_v2.safetensors --epochs 10 --seeds 5
    benchmarks/fine_tuning.py steel=neu.csv --weights mobilenet_v2.safetensors --shots 10 --epochs 30 --seeds 5
    benchmarks/fine_tuning.py cifar=cifar10-jpeg-subset --weights resnet20-cifar10.safetensors --learning-rate 0.005

Data are a folder of split folders, a CSV manifest (path,label,split), or a folder of train_batch.bin and
test_batch.bin. Both sides train the whole network by SGD with Nesterov momentum 0.9, weight decay 1e-4, label smoothing
0.1, a warm-up over a tenth and a cosine, on random resized crops (area from 0.35) or, at 32 pixels, shifts by up to 4,
and flips; the last epoch's weights are judged on the test part. With --shots each seed draws its training pictures, the
same on both sides. Prints a JSON line with accuracies, means, the mean difference with half its 95 % interval (Student's
t over seeds), and seconds from files to trained weights. Needs torch, torchvision and Pillow.
"""
import argparse
import csv
import json
import math
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from cifar_resnet20 import cifar_resnet20

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# What torchvision's networks drop in front of their last layer.
DROPOUT = {"mobilenet_v2": 0.2}
# Student's t at 97.5 % by degrees of freedom.
T975 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 14: 2.14, 19: 2.09}


def read_safetensors(path):
    import torch
    kinds = {"F32": torch.float32, "I64": torch.int64}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        content = bytearray(file.read())
    state = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            state[name] = torch.frombuffer(content[begin:end], dtype=kinds[entry["dtype"]]).reshape(entry["shape"])
    return state


def make_network(model, weights, classes, keep_head):
    import torch
    import torchvision
    if model == "resnet20":
        network = cifar_resnet20(10)
        network.load_state_dict(read_safetensors(weights))
        if not keep_head:
            network.linear = torch.nn.Linear(64, classes)
        return network
    network = getattr(torchvision.models, model)()
    network.load_state_dict(read_safetensors(weights))
    if hasattr(network, "fc"):
        network.fc = torch.nn.Linear(network.fc.in_features, classes)
    else:
        network.classifier[-1] = torch.nn.Linear(network.classifier[-1].in_features, classes)
    return network


class Pictures:
    """A data set of (open file or array, label) for torch's DataLoader."""

    def __init__(self, samples, transform):
        self.samples, self.transform = samples, transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        from PIL import Image
        source, label = self.samples[index]
        image = Image.open(source).convert("RGB") if isinstance(source, str) else Image.fromarray(source)
        return self.transform(image), label


def transforms_of(side, small):
    from torchvision import transforms as t
    tail = [t.ToTensor(), t.Normalize(MEAN, STD)]
    if small:
        train = [t.RandomCrop(32, padding=4, padding_mode="reflect"), t.RandomHorizontalFlip()]
        return t.Compose(train + tail), t.Compose(tail)
    resized = round(side * 8 / 7)
    train = [t.Resize((resized, resized)), t.RandomResizedCrop(side, (0.35, 1)), t.RandomHorizontalFlip()]
    return t.Compose(train + tail), t.Compose([t.Resize((resized, resized)), t.CenterCrop(side)] + tail)


def read_cifar(path):
    import numpy
    records = numpy.fromfile(path, numpy.uint8).reshape(-1, 3073)
    pictures = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return [(numpy.ascontiguousarray(picture), int(label)) for picture, label in zip(pictures, records[:, 0])]


def python_training(options, samples, seed):
    import torch
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    layout = torch.contiguous_format if options.device == "cpu" else torch.channels_last
    classes = 1 + max(label for _, label in samples["train"])
    network = make_network(options.model, options.weights, classes, options.keep_head).to(device, memory_format=layout)
    for_training, for_test = transforms_of(options.image_size, options.small)
    loading = dict(num_workers=options.workers, persistent_workers=options.workers > 0, pin_memory=options.device != "cpu")
    began = time.perf_counter()
    loader = torch.utils.data.DataLoader(Pictures(samples["train"], for_training), options.batch, shuffle=True, **loading)
    optimizer = torch.optim.SGD(network.parameters(), options.learning_rate, 0.9, weight_decay=1e-4, nesterov=True)
    total = options.epochs * len(loader)
    warm = round(0.1 * total)

    def factor(step):
        if step < warm:
            return 0.1 + 0.9 * step / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    half = options.precision == "bfloat16"
    for _ in range(options.epochs):
        network.train()
        for images, labels in loader:
            images = images.to(device, memory_format=layout, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = loss_of(network(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    return accuracy_of(network, samples["test"], for_test, device, loading), seconds


def accuracy_of(network, samples, transform, device, loading):
    import torch
    network.eval()
    right = 0
    with torch.inference_mode():
        for images, labels in torch.utils.data.DataLoader(Pictures(samples, transform), 64, **loading):
            right += int((network(images.to(device)).argmax(1).cpu() == labels).sum())
    return right / len(samples)


def attune_trainings(options, sources):
    """One process for all seeds, as on the other side: what a device costs at its first use is paid once."""
    seeds = ",".join(str(seed) for seed in range(1, options.seeds + 1))
    command = [os.path.join(options.build, "bin", "fine_tuning"), "--cifar" if options.small else "--data",
               ",".join(sources), "--weights", options.weights, "--seeds", seeds, "--epochs", str(options.epochs),
               "--batch", str(options.batch), "--learning-rate", str(options.learning_rate), "--image-size",
               str(options.image_size), "--device", options.device, "--precision", options.precision,
               "--head-dropout", str(DROPOUT.get(options.model, 0)), "--threads", str(options.threads)]
    answer = subprocess.run(command + ["--keep-head"] * options.keep_head, check=True, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    return [line["test_accuracy"] for line in lines], [line["seconds"] for line in lines]


def list_samples(path):
    """Rows (absolute path, label name, split) of a manifest or of split folders."""
    if os.path.isfile(path):
        root = os.path.dirname(os.path.abspath(path))
        with open(path, newline="") as file:
            return [(os.path.join(root, row["path"]), row["label"], row["split"]) for row in csv.DictReader(file)]
    rows = []
    for split in sorted(os.listdir(path)):
        if os.path.isdir(os.path.join(path, split)):
            for label in sorted(os.listdir(os.path.join(path, split))):
                for name in sorted(os.listdir(os.path.join(path, split, label))):
                    rows.append((os.path.abspath(os.path.join(path, split, label, name)), label, split))
    return rows


def draw_shots(rows, shots, seed):
    """`shots` training rows of each class, drawn by the seed; rows of other splits stay."""
    chance = random.Random(seed)
    kept = [row for row in rows if row[2] != "train"]
    for label in sorted({label for _, label, _ in rows}):
        kept += chance.sample([row for row in rows if row[1] == label and row[2] == "train"], shots)
    return kept


def write_manifest(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        writer.writerows(rows)


def compare(name, path, options):
    options.small = os.path.exists(os.path.join(path, "train_batch.bin"))
    rows = [] if options.small else list_samples(path)
    names = sorted({label for _, label, _ in rows})
    theirs, their_seconds, sources = [], [], [path]
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            if options.small:
                samples = {part: read_cifar(os.path.join(path, part + "_batch.bin")) for part in ("train", "test")}
            else:
                drawn = draw_shots(rows, options.shots, seed) if options.shots else rows
                sources = (sources if seed > 1 else []) + [os.path.join(folder, f"{seed}.csv")]
                write_manifest(drawn, sources[-1])
                samples = {part: [(file, names.index(label)) for file, label, split in drawn if split == part]
                           for part in ("train", "test")}
            accuracy, seconds = python_training(options, samples, seed)
            theirs.append(round(accuracy, 4))
            their_seconds.append(round(seconds, 2))
            print(f"{name} seed {seed}: Python {theirs[-1]} in {their_seconds[-1]} s", file=sys.stderr, flush=True)
        ours, our_seconds = attune_trainings(options, sources)
    differences = [a - b for a, b in zip(ours, theirs)]
    answer = {"data": name, "model": options.model, "device": options.device, "epochs": options.epochs,
              "shots": options.shots, "attune": [round(accuracy, 4) for accuracy in ours], "python": theirs,
              "attune_mean": round(statistics.mean(ours), 4), "python_mean": round(statistics.mean(theirs), 4),
              "difference": round(statistics.mean(differences), 4),
              "attune_seconds": [round(seconds, 2) for seconds in our_seconds], "python_seconds": their_seconds}
    if len(differences) - 1 in T975:
        answer["half_interval"] = round(T975[len(differences) - 1] * statistics.stdev(differences)
                                        / math.sqrt(len(differences)), 4)
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="NAME=PATH")
    parser.add_argument("--build", default="build")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--model", default="mobilenet_v2", help="resnet20 (of CIFAR) or a name of torchvision")
    parser.add_argument("--keep-head", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, default=0, help="training pictures a class; 0: all")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--workers", type=int, default=2, help="processes that load pictures in Python")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16")
    options = parser.parse_args()
    for entry in options.data:
        name, _, path = entry.rpartition("=")
        compare(name or path, path, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
