#!/usr/bin/python3
"""Trained networks for two_body.c: the same ansatz psi = g f and the same points, but f is a
multilayer perceptron of as many numbers as the sine features store.

The ground state minimises the Rayleigh quotient by Adam. The interaction comes from a network that
is trained to sqrt(density)/g, by the same formula as in two_body.c, with derivatives by automatic
differentiation. All in double. The learning rates of each network, for the state and for the density,
are the best of 1e-3, 3e-3, 1e-2, 3e-2, 0.1 on seed 0, which is not reported. "and L-BFGS": as many
iterations of L-BFGS as --polish says follow.

    two_body.py [--steps N] [--polish N] SYSTEM... > results

Prints a line for each run: method, numbers, seed, energy, relative error, error of the wave
function, error of the interaction, the same with 0.1 % noise, seconds; separated by tabs.
"""
import argparse
import time

import numpy
import torch

OMEGA, RANGE, POINTS = 0.5, 12, 256
SYSTEMS = {
    "coulomb": (1.25, lambda r: 1 / r, lambda r: 1 + r / 2),
    "spring": (2.25, lambda r: r * r / 2, lambda r: torch.exp(-r * r / 4)),
    "inverse-square": (1.25, lambda r: 2 / (r * r), lambda r: r),
}


class Sine(torch.nn.Module):
    def forward(self, x):
        return torch.sin(x)


NETWORKS = {  # widths, activation, learning rates; 97 numbers each
    "1-32-1 sine": ([1, 32, 1], Sine, (0.1, 0.1)),
    "1-8-8-1 tanh": ([1, 8, 8, 1], torch.nn.Tanh, (0.1, 0.03)),
}


def make_network(widths, activation):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), activation()]
    return torch.nn.Sequential(*layers[:-1])


def derivative(f, r):
    return torch.autograd.grad(f.sum(), r, create_graph=True)[0]


def train(network, loss, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        schedule.step()


def polish(network, loss, steps):
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=steps, history_size=50,
                                  tolerance_grad=1e-14, tolerance_change=1e-16,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


class Problem:
    def __init__(self, system):
        self.energy, self.V, self.exact = SYSTEMS[system]
        nodes, weights = numpy.polynomial.legendre.leggauss(POINTS)
        self.r = torch.tensor(RANGE * (1 + nodes) / 2).reshape(-1, 1)
        self.density_free = self.r**2 * torch.exp(-OMEGA * self.r**2 / 2)
        self.weight = torch.tensor(RANGE / 2 * weights).reshape(-1, 1) * self.density_free
        self.r.requires_grad_(True)
        with torch.no_grad():
            self.f = self.exact(self.r)
            density = self.density_free * self.f**2
            self.dense = density >= 0.01 * density.max()

    def rayleigh(self, network):
        f = network(self.r)
        slope = derivative(f, self.r)
        top = (self.weight * (slope**2 + self.V(self.r) * f**2)).sum()
        return 1.5 * OMEGA + top / (self.weight * f**2).sum()

    def wave_error(self, network):
        with torch.no_grad():
            def unit(f):
                return f / (self.weight * f**2).sum().sqrt()
            f, exact = unit(network(self.r)), unit(self.f)
            sign = torch.sign((self.weight * f * exact).sum())
            return (self.weight * (sign * f - exact)**2).sum().sqrt().item()

    def fit_loss(self, network, target):
        error = network(self.r) - target
        return (self.weight * error**2).sum() / (self.weight * target**2).sum()

    def interaction_error(self, network):
        f = network(self.r)
        first = derivative(f, self.r)
        second = derivative(first, self.r)
        with torch.no_grad():
            V = self.energy - 1.5 * OMEGA + (second + (2 / self.r - OMEGA * self.r) * first) / f
            weight = self.weight * self.f**2 * self.dense
            error = (weight * (V - self.V(self.r))**2).sum()
            return (error / (weight * self.V(self.r)**2).sum()).sqrt().item()


class Run:
    """A network for the state, and networks for the exact and the noisy density."""

    def __init__(self, problem, widths, activation, seed):
        torch.manual_seed(seed)
        self.problem, self.seconds = problem, 0
        self.state = make_network(widths, activation)
        self.fitted = [make_network(widths, activation) for _ in range(2)]
        self.targets = [problem.f * (1 + noise / 2 * torch.randn(problem.f.shape))
                        for noise in (0, 1e-3)]

    def improve(self, method, *settings):
        """Train by `method`, train or polish. Settings: for the state, for the densities."""
        start = time.process_time()
        method(self.state, lambda: self.problem.rayleigh(self.state), *settings[0])
        self.seconds += time.process_time() - start
        for network, target in zip(self.fitted, self.targets):
            method(network, lambda: self.problem.fit_loss(network, target), *settings[1])

    def report(self, name, seed):
        problem, energy = self.problem, self.problem.rayleigh(self.state).item()
        values = [energy, abs(energy / problem.energy - 1), problem.wave_error(self.state)]
        values += [problem.interaction_error(network) for network in self.fitted]
        numbers = sum(p.numel() for p in self.state.parameters())
        return "\t".join([name, str(numbers), str(seed)] +
                         [f"{v:.10g}" for v in values + [self.seconds]])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--polish", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rate", type=float)
    parser.add_argument("systems", nargs="+", choices=SYSTEMS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for system in options.systems:
        problem = Problem(system)
        for name, (widths, activation, rates) in NETWORKS.items():
            lines = []
            for seed in options.seeds:
                run = Run(problem, widths, activation, seed)
                run.improve(train, *((options.steps, options.rate or rate) for rate in rates))
                print(run.report(f"{system}: {name}, Adam", seed), flush=True)
                if options.polish:
                    run.improve(polish, (options.polish,), (options.polish,))
                    lines.append(run.report(f"{system}: {name}, and L-BFGS", seed))
            for line in lines:
                print(line, flush=True)


if __name__ == "__main__":
    main()
