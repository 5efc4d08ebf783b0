#!/usr/bin/python3
"""A small convolutional network by gradient, beside examples/closed_form.c: about 106,000 numbers,
two layers of 3 x 3 filters with pooling and two dense layers, by Adam, in PyTorch.

    convnet.py DIRECTORY [--cpu-seconds S] [--epochs N] [--threads T]

It trains on the images of Fashion-MNIST or MNIST in IDX files, for S seconds of processor time or,
by default, for N = 15 epochs, with a learning rate that falls to 0 by a cosine. It prints one JSON
object: test accuracy, processor seconds, epochs, numbers. Needs Debian's python3-torch.
"""
import argparse
import gzip
import json
import math
import os
import time

import torch


def read(directory, name):
    path = os.path.join(directory, name)
    opened = gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb")
    with opened as file:
        data = file.read()
    dims = data[3]
    return torch.frombuffer(bytearray(data[4 + 4 * dims:]), dtype=torch.uint8)


def load(directory, prefix):
    images = read(directory, prefix + "-images-idx3-ubyte").float().reshape(-1, 1, 28, 28) / 255
    return images, read(directory, prefix + "-labels-idx1-ubyte").long()


def network():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(32 * 49, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, 10))


def accuracy(model, images, labels):
    with torch.no_grad():
        right = sum((model(images[i:i + 1000]).argmax(1) == labels[i:i + 1000]).sum().item()
                    for i in range(0, len(images), 1000))
    return right / len(images)


def main():
    parser = argparse.ArgumentParser(description="A small convolutional network by gradient.")
    parser.add_argument("directory")
    parser.add_argument("--cpu-seconds", type=float)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    train, test = load(options.directory, "train"), load(options.directory, "t10k")
    model, epochs = network(), 0
    optimizer = torch.optim.Adam(model.parameters())
    start, done = time.process_time(), 0
    while done < 1:
        order = torch.randperm(len(train[0]))
        for i in range(0, len(order) - 127, 128):
            spent, seen = time.process_time() - start, epochs + i / len(order)
            done = spent / options.cpu_seconds if options.cpu_seconds else seen / options.epochs
            if done >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (1 + math.cos(math.pi * done))
            batch = order[i:i + 128]
            loss = torch.nn.functional.cross_entropy(model(train[0][batch]), train[1][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        epochs += (i + 128) / len(order) if done >= 1 else 1
    seconds = time.process_time() - start
    print(json.dumps({"accuracy": accuracy(model, *test), "cpu_seconds": round(seconds, 1),
                      "epochs": round(epochs, 1),
                      "parameters": sum(p.numel() for p in model.parameters())}))


main()
