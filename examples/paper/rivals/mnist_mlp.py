#!/usr/bin/python3
"""Dense networks 784 -> h -> 10 with relu for mnist_mlp.c, trained with PyTorch.

    mnist_mlp.py NAME FOLDER [--epochs N] [--hidden H ...] > RESULTS

FOLDER has the four IDX files, with or without .gz. Adam, batches of 128, cosine schedule, all
60,000 images, the last epoch counts; pixels as in mnist_mlp.c. The rate was chosen on seed 0, which
is not reported, from 1e-3, 2e-3 and 4e-3 (h = 128, MNIST).
Prints a line for each run: method, numbers, seed, accuracy, trainable numbers, CPU seconds;
separated by tabs.
"""
import argparse
import gzip
import os
import time

import numpy
import torch

RATE = 4e-3
BATCH = 128


def read(folder, name, header):
    path = os.path.join(folder, name)
    opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz")
    with opened:
        return numpy.frombuffer(opened.read(), numpy.uint8, offset=header)


def images(folder, part):
    X = read(folder, f"{part}-images-idx3-ubyte", 16).reshape(-1, 784).astype(numpy.float32) / 255
    return X, torch.tensor(read(folder, f"{part}-labels-idx1-ubyte", 8).astype(numpy.int64))


def train(X, labels, hidden, epochs):
    """(network, seconds)"""
    start = time.process_time()
    network = torch.nn.Sequential(torch.nn.Linear(784, hidden), torch.nn.ReLU(),
                                  torch.nn.Linear(hidden, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = epochs * -(-len(X) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(X[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return network, time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, nargs="+", default=[2, 32, 64, 128])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("name")
    parser.add_argument("folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    X, labels = images(options.folder, "train")
    test, test_labels = images(options.folder, "t10k")
    means = X.mean(0)
    X, test = torch.tensor(X - means), torch.tensor(test - means)
    for hidden in options.hidden:
        for seed in options.seeds:
            torch.manual_seed(seed)
            network, seconds = train(X, labels, hidden, options.epochs)
            with torch.no_grad():
                right = (network(test).argmax(1) == test_labels).double().mean().item()
            numbers = sum(p.numel() for p in network.parameters())
            print(f"{options.name}: dense, PyTorch", numbers, seed, f"{right:.4f}", numbers,
                  f"{seconds:.3f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
