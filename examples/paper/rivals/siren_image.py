#!/usr/bin/python3
"""Networks of sines for siren_image.c, trained by Adam: brightness = f(x, y).

  SIREN       three hidden layers sin(30 (W x + b)), then a linear one (Sitzmann et al. 2020)
  SNNK-SIREN  the last hidden layer is replaced by an SNNK layer with features
              Phi(x) = sqrt 2 sin(30 (G x + c)): G and c are random and stay as drawn. Psi is
              trained, and multiplied with the linear layer. What that saves goes into wider
              layers before it: both networks store as many numbers (G and c come from a seed)

    siren_image.py IMAGE.npy FOLDER [--steps N] [--hidden H] [--features M] > results

--hidden: width of the SIREN. --features: the least number of SNNK features; those that are left
when the hidden layers are as wide as they can be are added. IMAGE.npy is what image.py writes.
Prints a line for each run: method, numbers, seed, PSNR, CPU seconds; separated by tabs. FOLDER gets
the pictures of seed 1 (siren.txt, snnk_siren.txt), and their PSNR against seconds
(siren_curve.txt, snnk_siren_curve.txt).

Learning rates are the best after 1000 steps on seed 0, which is not reported. For SIREN seven were
tried, 3e-4 ... 1e-2; for SNNK-SIREN nine combinations of 1e-3, 2e-3 or 3e-3 with those of Psi 1, 5,
10 or 20 times as large, and G of 1, 2 or 3 times the usual spread.
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


class Snnk(torch.nn.Module):
    """Psi Phi(x) + b. SPREAD 1: the projections 30 G x have the spread of a SIREN's hidden layer."""

    SPREAD = 2

    def __init__(self, inputs, features, outputs):
        super().__init__()
        G = torch.randn(features, inputs) * self.SPREAD * math.sqrt(2 / inputs) / OMEGA
        self.register_buffer("G", G)
        self.register_buffer("c", torch.rand(features) * 2 * math.pi / OMEGA)
        self.psi = torch.nn.Linear(features, outputs)
        bound = math.sqrt(3 / features)
        torch.nn.init.uniform_(self.psi.weight, -bound, bound)

    def forward(self, x):
        phi = torch.sin(OMEGA * torch.nn.functional.linear(x, self.G, self.c))
        return self.psi(math.sqrt(2) * phi)


def siren(hidden, features):
    return torch.nn.Sequential(Sine(2, hidden, True), Sine(hidden, hidden), Sine(hidden, hidden),
                               torch.nn.Linear(hidden, 1))


def snnk_siren(hidden, features):
    """As many numbers as siren(hidden): wide has 3 w + w (w + 1) in its two layers of sines."""
    numbers = 3 * hidden + 2 * hidden * (hidden + 1) + hidden + 1
    wide = hidden
    while (wide + 1) * (wide + 5) + features + 1 <= numbers:
        wide += 1
    features = numbers - wide * (wide + 4) - 1
    return torch.nn.Sequential(Sine(2, wide, True), Sine(wide, wide), Snnk(wide, features, 1))


# Learning rates of all parameters but Psi, and of Psi.
METHODS = {"SIREN": (siren, 2e-3, 0), "SNNK-SIREN": (snnk_siren, 2e-3, 1e-2)}


def psnr(error):
    return -10 * math.log10(error)


def train(network, X, y, steps, rate, psi_rate):
    """(PSNR, seconds, [(seconds, PSNR)])"""
    groups = [{"params": [], "lr": rate}, {"params": [], "lr": psi_rate}]
    for name, parameter in network.named_parameters():
        groups["psi" in name]["params"].append(parameter)
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
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
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
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
    for method in options.methods:
        make, *rates = METHODS[method]
        name = method.lower().replace("-", "_")
        for seed in options.seeds:
            torch.manual_seed(seed)
            network = make(options.hidden, options.features)
            final, seconds, curve = train(network, X, y, options.steps, *rates)
            numbers = sum(p.numel() for p in network.parameters())
            print(method, numbers, seed, f"{final:.4f}", f"{seconds:.3f}", sep="\t", flush=True)
            if seed == 1:
                with torch.no_grad():
                    picture = network(X).reshape(side, side).clamp(0, 1).numpy()
                numpy.savetxt(os.path.join(options.folder, name + ".txt"), picture, "%.4f")
                numpy.savetxt(os.path.join(options.folder, name + "_curve.txt"), curve, "%.4f")


if __name__ == "__main__":
    main()
