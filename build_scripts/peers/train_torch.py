#!/usr/bin/env python3
"""Train one of our recipes' models with PyTorch, for its speed alone.

    train_torch.py MODEL THREADS BATCH BATCHES

MODEL is wrn10_2, mosaic10_cnn or mosaic10_pmoe.  Prints a line of JSON, then for every line it reads runs BATCHES steps
and prints their seconds.  Images are random, made beforehand and augmented by nobody: only the steps are timed.  The
memory format of convolutions is whichever of the two was faster in a trial.
"""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """norm, ReLU, 3x3, norm, ReLU, 3x3, and the input added; a 1x1 of that input where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        changes = stride != 1 or inputs != outputs
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else nn.Identity()

    def forward(self, x):
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        return self.conv2(F.relu(self.norm2(y), inplace=True)) + self.skip(x)


class Pool(nn.Module):
    """The mean over all pixels."""

    def forward(self, x):
        return x.mean((2, 3))


def wide_residual(widen):
    """WRN-10, the weights of `cifar-wrn --depth 10`."""
    layers, channels = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
    for group in range(3):
        layers.append(Block(channels, (16 << group) * widen, 2 if group else 1))
        channels = (16 << group) * widen
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), Pool(), nn.Linear(channels, 10))


class PatchMoe(nn.Module):
    """Joint routing of paper 1 (eq. 4), kept patches gathered and all experts in one batched product."""

    def __init__(self, side, experts, kept, filters):
        super().__init__()
        self.side, self.kept = side, kept
        self.router = nn.Parameter(0.01 * torch.randn(experts, side * side))
        self.weight = nn.Parameter(0.02 * torch.randn(experts, side * side, filters))
        self.bias = nn.Parameter(torch.zeros(experts, 1, filters))
        self.out = nn.Linear(experts * filters, 10, bias=False)

    def forward(self, x):
        patches = F.unfold(x, self.side, stride=self.side).transpose(1, 2)  # [batch][n][side * side]
        scores, picks = (patches @ self.router.T).transpose(1, 2).topk(self.kept)  # [batch][k][l]
        batch = torch.arange(len(x)).view(-1, 1, 1)
        kept = patches[batch, picks].permute(1, 0, 2, 3)  # [k][batch][l][side * side]
        experts = kept.shape[0]
        made = F.relu(torch.baddbmm(self.bias, kept.reshape(experts, -1, kept.shape[3]), self.weight))
        made = made.view(experts, len(x), self.kept, -1) * scores.softmax(2).permute(1, 0, 2).unsqueeze(3)
        return self.out(made.mean(2).permute(1, 0, 2).reshape(len(x), -1))


def patch_cnn(side, filters):
    """Every filter sees every patch (eq. 5)."""
    return nn.Sequential(nn.Conv2d(1, filters, side, side), nn.ReLU(), Pool(), nn.Linear(filters, 10, bias=False))


MODELS = {
    "wrn10_2": (lambda: wide_residual(2), (3, 32, 32)),
    "mosaic10_cnn": (lambda: patch_cnn(28, 640), (1, 112, 112)),
    "mosaic10_pmoe": (lambda: PatchMoe(28, 20, 2, 32), (1, 112, 112)),
}


def trainer(name, batch, memory_format):
    """A function of a number of steps that returns their seconds."""
    torch.manual_seed(1)
    build, shape = MODELS[name]
    model = build().to(memory_format=memory_format)
    if name.startswith("wrn"):
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    else:
        optimizer = torch.optim.Adam(model.parameters(), 0.004)
    images = [torch.rand(batch, *shape).contiguous(memory_format=memory_format) for _ in range(4)]
    labels = torch.arange(batch) % 10

    def steps(count):
        begin = time.perf_counter()
        for step in range(count):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(images[step % 4]), labels).backward()
            optimizer.step()
        return time.perf_counter() - begin

    return steps


def main():
    """Read lines, time steps."""
    name, threads, batch, batches = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    formats = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
    trainers = {format: trainer(name, batch, formats[format]) for format in formats}
    for steps in trainers.values():
        steps(2)
    trial = {format: min(steps(2), steps(2)) for format, steps in trainers.items()}
    fastest = min(trial, key=trial.get)
    about = {"version": torch.__version__, "onednn": torch.backends.mkldnn.is_available(), "format": fastest}
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(trainers[fastest](batches), flush=True)


main()
