#!/usr/bin/python3
"""Make a small gray image of a photograph.

    image.py PHOTOGRAPH SIDE OUT.npy

SIDE must divide the side of the square photograph. Pixels are means of blocks, 0 ... 1, as float32.
"""
import sys

import numpy
from PIL import Image

path, side, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
pixels = numpy.asarray(Image.open(path).convert("L"), dtype=numpy.float64) / 255
block = pixels.shape[0] // side
if pixels.shape != (side * block, side * block):
    sys.exit(f"{path} is {pixels.shape[1]} x {pixels.shape[0]}: {side} does not divide that")
numpy.save(out, pixels.reshape(side, block, side, block).mean((1, 3)).astype(numpy.float32))
