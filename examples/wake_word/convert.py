#!/usr/bin/env python3
"""Extract the weights of a perceptron from an ONNX file, as .npy files.

    convert.py MODEL.onnx DIRECTORY

The graph must be Flatten, then Gemm and Relu in turn, and Gemm and Sigmoid at the end, each on the
output of the one before it; anything else is refused. Writes hidden.0.weight.npy (outputs x inputs),
hidden.0.bias.npy, ... and output.weight.npy, output.bias.npy.
"""
import os
import struct
import sys

# ---- Protocol buffers: (field number, value) of a message; values with a length are bytes ----


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire in (1, 2, 5):
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                sys.exit("the file ends within a field")
        else:
            sys.exit(f"unknown wire type {wire} at byte {at}")
        yield key >> 3, value


def first(data, number, default=None):
    return next((value for field, value in fields(data) if field == number), default)


def every(data, number):
    return [value for field, value in fields(data) if field == number]


# ---- The parts of ONNX that are needed (numbers from onnx.proto) ----

FLOAT = 1


def tensor(message):
    """Returns (name, shape, bytes of little-endian float32)."""
    shape = []
    for value in every(message, 1):  # dims: one by one, or packed
        if isinstance(value, int):
            shape.append(value)
            continue
        at = 0
        while at < len(value):
            size, at = varint(value, at)
            shape.append(size)
    name, kind = first(message, 8, b"").decode(), first(message, 2)
    values = first(message, 9)
    count = 1
    for size in shape:
        count *= size
    if kind != FLOAT or values is None or len(values) != 4 * count:
        sys.exit(f"{name}: not raw float32 of shape {shape}")
    return name, shape, values


def attributes(node):
    """Returns {name: value}, for floats and integers only."""
    found = {}
    for message in every(node, 5):
        real = first(message, 2)
        found[first(message, 1).decode()] = (
            struct.unpack("<f", real)[0] if real is not None else first(message, 3, 0))
    return found


WANTED = {
    "Flatten": {"axis": 1},
    "Gemm": {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1},
    "Relu": {},
    "Sigmoid": {},
}
DEFAULTS = {"Flatten": {"axis": 1}, "Gemm": {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}}


def layers(model):
    """Returns [(W, b)], each (name, shape, bytes), of a graph that is a perceptron."""
    graph = first(model, 7)
    if graph is None:
        sys.exit("no graph")
    weights = {name: (name, shape, values)
               for name, shape, values in map(tensor, every(graph, 5))}
    kinds, found, value = [], [], first(every(graph, 11)[0], 1)
    for node in every(graph, 1):
        kind, inputs = first(node, 4).decode(), every(node, 1)
        kinds.append(kind)
        if kind not in WANTED or {**DEFAULTS.get(kind, {}), **attributes(node)} != WANTED[kind]:
            sys.exit(f"unsupported node {kind} {attributes(node)}")
        if inputs[0] != value:
            sys.exit(f"the input of {kind} is not the output of the node before it")
        if kind == "Gemm":
            found.append((weights[inputs[1].decode()], weights[inputs[2].decode()]))
        value = first(node, 2)
    if kinds != ["Flatten"] + ["Gemm", "Relu"] * (len(found) - 1) + ["Gemm", "Sigmoid"]:
        sys.exit(f"not a perceptron: {' '.join(kinds)}")
    if value != first(every(graph, 12)[0], 1):
        sys.exit("the output of the graph is not that of its last node")
    return found


def write_npy(path, shape, values):
    shape_text = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape_text}), }}"
    header = header.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: convert.py MODEL.onnx DIRECTORY")
    with open(sys.argv[1], "rb") as file:
        found = layers(file.read())
    for k, (weight, bias) in enumerate(found):
        name = f"hidden.{k}" if k + 1 < len(found) else "output"
        for part, (_, shape, values) in (("weight", weight), ("bias", bias)):
            write_npy(os.path.join(sys.argv[2], f"{name}.{part}.npy"), shape, values)


main()
