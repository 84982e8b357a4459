#!/usr/bin/env python3
"""Training and loading rates of attune beside Python's torch and torchvision, alternating in one run.

    benchmarks/training_rate.py --build build --repeats 3
    benchmarks/training_rate.py --build build --loading photos
    benchmarks/training_rate.py --build build --device cuda --steps 60

Needs Debian's python3-torch and python3-torchvision, which use the very libtorch that attune links. Both sides
train with the same network, batch, threads and optimizer, each in its better memory layout. On a CUDA device both
train in bfloat16 and channels-last, with pictures that come from the host as bytes. Prints JSON lines.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from cifar_resnet20 import cifar_resnet20

CASES = [("mobilenet_v2", 224, 16), ("mobilenet_v2", 128, 16), ("resnet18", 224, 16), ("resnet18", 128, 16),
         ("resnet20", 32, 128)]
DEVICE_CASES = [("resnet50", 224, 128), ("mobilenet_v2", 224, 128), ("resnet18", 224, 128)]


def python_rate(model, side, batch, steps, warm_up, threads, channels_last):
    import torch
    import torchvision
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    network = cifar_resnet20(10) if model == "resnet20" else getattr(torchvision.models, model)(num_classes=10)
    network.train()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(memory_format=layout)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    pixels = torch.randint(0, 256, (batch * (steps + warm_up), 3, side, side), dtype=torch.uint8)
    labels = torch.arange(batch * (steps + warm_up)) % 10
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255
    loss_of = torch.nn.CrossEntropyLoss()
    for step in range(steps + warm_up):
        if step == warm_up:
            began, used = time.perf_counter(), time.process_time()
        rows = slice(step * batch, (step + 1) * batch)
        images = ((pixels[rows].float() - mean) / std).contiguous(memory_format=layout)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(images), labels[rows])
        loss.backward()
        optimizer.step()
        loss.item()
    images = batch * steps
    return images / (time.perf_counter() - began), images / (time.process_time() - used)


def python_device_rate(model, side, batch, steps, warm_up, device):
    """Eager torch at its best: bytes from pinned memory, channels-last, autocast, cuDNN's own search, no loss read
    before the end (which attune reads after every update)."""
    import torch
    import torchvision
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    network = getattr(torchvision.models, model)(num_classes=10).to(device, memory_format=torch.channels_last)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    pixels = torch.randint(0, 256, (batch * 8, 3, side, side), dtype=torch.uint8).pin_memory()
    labels = (torch.arange(batch * 8) % 10).pin_memory()
    mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1) * 255
    loss_of = torch.nn.CrossEntropyLoss()
    for step in range(steps + warm_up):
        if step == warm_up:
            torch.cuda.synchronize()
            began = time.perf_counter()
        rows = slice(step % 8 * batch, (step % 8 + 1) * batch)
        images = pixels[rows].to(device, non_blocking=True)
        truth = labels[rows].to(device, non_blocking=True)
        images = ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(network(images), truth)
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()
    return batch * steps / (time.perf_counter() - began)


def attune_device_rate(program, model, side, batch, steps, warm_up, device):
    command = [program, "--model", model, "--image-size", str(side), "--batch", str(batch), "--steps", str(steps),
               "--warm-up", str(warm_up), "--threads", "8", "--channels-last", "--precision", "bfloat16",
               "--device", device]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["images_a_second"]


def compare_on_device(options):
    program = os.path.join(options.build, "bin", "training_rate")
    for model, side, batch in DEVICE_CASES:
        if options.only and options.only != model:
            continue
        ours, theirs = [], []
        for _ in range(options.repeats):
            arguments = (model, side, batch, options.steps, 15, options.device)
            theirs.append(python_device_rate(*arguments))
            ours.append(attune_device_rate(program, *arguments))
        print(json.dumps({"model": model, "image_size": side, "batch": batch, "device": options.device,
                          "precision": "bfloat16", "attune": [round(rate, 1) for rate in ours],
                          "python": [round(rate, 1) for rate in theirs],
                          "ratio": round(statistics.median(ours) / statistics.median(theirs), 3)}), flush=True)


def attune_rate(program, model, side, batch, steps, warm_up, threads, channels_last):
    command = [program, "--model", model, "--image-size", str(side), "--batch", str(batch), "--steps", str(steps),
               "--warm-up", str(warm_up), "--threads", str(threads)] + (["--channels-last"] if channels_last else [])
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer["images_a_second"], answer["images_a_processor_second"]


def summary(rates):
    """Median and range by wall clock and by processor time, for the better of the two layouts."""
    best = max(rates.values(), key=lambda runs: statistics.median(cpu for _, cpu in runs))
    wall, cpu = zip(*best)
    return {"images_a_second": round(statistics.median(wall), 2), "range": [round(min(wall), 2), round(max(wall), 2)],
            "images_a_processor_second": round(statistics.median(cpu), 2),
            "processor_range": [round(min(cpu), 2), round(max(cpu), 2)]}


def compare_training(options):
    program = os.path.join(options.build, "bin", "training_rate")
    for model, side, batch in CASES:
        if options.only and options.only != model:
            continue
        theirs, ours = {False: [], True: []}, {False: [], True: []}
        for _ in range(options.repeats):
            for last in (False, True):
                arguments = (model, side, batch, options.steps, 2, options.threads, last)
                theirs[last].append(python_rate(*arguments))
                ours[last].append(attune_rate(program, *arguments))
        a, b = summary(ours), summary(theirs)
        print(json.dumps({"model": model, "image_size": side, "batch": batch, "threads": options.threads,
                          "attune": a, "python": b,
                          "ratio_by_processor_time": round(a["images_a_processor_second"]
                                                           / b["images_a_processor_second"], 3)}), flush=True)


def python_loading_rate(folder, threads, resized_crops):
    import torch
    import torchvision
    from torchvision import transforms
    crops = transforms.RandomResizedCrop(224) if resized_crops else transforms.RandomCrop(224)
    steps = transforms.Compose([transforms.Resize(256), crops, transforms.RandomHorizontalFlip(),
                                transforms.ToTensor(),
                                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    data = torchvision.datasets.ImageFolder(folder, steps)
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, num_workers=threads)
    torch.set_num_threads(1)
    before = os.times()
    began = time.perf_counter()
    count = sum(len(labels) for _, labels in loader)
    seconds = time.perf_counter() - began
    del loader
    after = os.times()
    used = sum(after[i] - before[i] for i in range(4))  # with the workers, who have ended
    return count / seconds, count / used


def compare_loading(options):
    program = os.path.join(options.build, "bin", "loading_rate")
    theirs, ours = [], []
    command = [program, "--data", options.loading, "--threads", str(options.threads)]
    for _ in range(options.repeats):
        theirs.append(python_loading_rate(options.loading, options.threads, options.resized_crops))
        answer = json.loads(subprocess.run(command + ["--resized-crops"] * options.resized_crops, check=True,
                                           capture_output=True, text=True).stdout)
        ours.append((answer["images_a_second"], answer["images_a_processor_second"]))
    a, b = summary({0: ours}), summary({0: theirs})
    print(json.dumps({"loading": options.loading, "resized_crops": options.resized_crops, "threads": options.threads,
                      "attune": a, "python": b,
                      "ratio": round(a["images_a_second"] / b["images_a_second"], 3),
                      "ratio_by_processor_time": round(a["images_a_processor_second"]
                                                       / b["images_a_processor_second"], 3)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", help="one of the networks")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--loading", help="a folder of class folders: compare loading instead of training")
    parser.add_argument("--resized-crops", action="store_true", help="with --loading: crops of any size, resized")
    options = parser.parse_args()
    if options.loading:
        compare_loading(options)
    elif options.device != "cpu":
        compare_on_device(options)
    else:
        compare_training(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
