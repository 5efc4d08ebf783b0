#!/usr/bin/python3
"""SIREN for siren_image.c, trained by Adam with PyTorch: brightness = f(x, y).

Three hidden layers sin(30 (W x + b)), then a linear one (Sitzmann et al. 2020).

    siren_image.py IMAGE.npy FOLDER [--steps N] [--hidden H] > results

--hidden: width of the SIREN. IMAGE.npy is what image.py writes. Prints a line for each run: method,
numbers, seed, PSNR, CPU seconds; separated by tabs. FOLDER gets the PSNR of seed 1 against seconds
(torch_curve.txt).

The learning rate is the best of seven, 3e-4 ... 1e-2, after 1000 steps on seed 0, which is not
reported.
"""
import argparse
import math
import os
import time

import numpy
import torch

OMEGA = 30


class Sine(torch.nn.Module):
    def __init__(self, inputs, outputs, first=False):
        super().__init__()
        self.linear = torch.nn.Linear(inputs, outputs)
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / OMEGA
        torch.nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(OMEGA * self.linear(x))


def siren(hidden):
    return torch.nn.Sequential(Sine(2, hidden, True), Sine(hidden, hidden), Sine(hidden, hidden),
                               torch.nn.Linear(hidden, 1))


RATE = 2e-3


def psnr(error):
    return -10 * math.log10(error)


def train(network, X, y, steps):
    """(PSNR, seconds, [(seconds, PSNR)])"""
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    curve, start = [], time.process_time()
    for step in range(steps):
        optimizer.zero_grad()
        loss = ((network(X) - y)**2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            curve.append((time.process_time() - start, psnr(loss.item())))
    seconds = time.process_time() - start
    with torch.no_grad():
        final = psnr(((network(X).clamp(0, 1) - y)**2).mean().item())
    return final, seconds, curve + [(seconds, final)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("image")
    parser.add_argument("folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    image = numpy.load(options.image)
    side = image.shape[0]
    centers = (torch.arange(side) + 0.5) / side * 2 - 1
    X = torch.stack(torch.meshgrid(centers, centers, indexing="ij"), -1).reshape(-1, 2)
    y = torch.tensor(image).reshape(-1, 1)
    for seed in options.seeds:
        torch.manual_seed(seed)
        network = siren(options.hidden)
        final, seconds, curve = train(network, X, y, options.steps)
        numbers = sum(p.numel() for p in network.parameters())
        print("SIREN, PyTorch", numbers, seed, f"{final:.4f}", f"{seconds:.3f}", sep="\t",
              flush=True)
        if seed == 1:
            numpy.savetxt(os.path.join(options.folder, "torch_curve.txt"), curve, "%.4f")


if __name__ == "__main__":
    main()
