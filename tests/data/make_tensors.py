#!/usr/bin/env python3
"""Write tensors.h: a container as other programs write them, with every element type, made with only
Python's json and struct. Usage: make_tensors.py > tensors.h"""
import json
import struct

tensors = {  # name: dtype, shape, bytes, in the order of the file
    "bool": ("BOOL", [3], bytes([0, 1, 1])),
    "u8": ("U8", [2], struct.pack("<2B", 0, 255)),
    "i8": ("I8", [2], struct.pack("<2b", -128, 127)),
    "u16": ("U16", [2], struct.pack("<2H", 1, 65535)),
    "i16": ("I16", [2], struct.pack("<2h", -32768, 32767)),
    "u32": ("U32", [2], struct.pack("<2I", 2**24 + 1, 2**32 - 1)),
    "i32": ("I32", [2], struct.pack("<2i", -2**31, 2**24 + 3)),
    "u64": ("U64", [1], struct.pack("<Q", 2**64 - 1)),
    "i64": ("I64", [2], struct.pack("<2q", -2**63, -3)),
    # Zeros, the smallest subnormal, the largest subnormal, the smallest normal, 1 and its neighbour, the largest.
    "f16": ("F16", [2, 4], struct.pack("<8e", 0.0, -0.0, 2.0**-24, -1023 * 2.0**-24, 2.0**-14, 1.0,
                                       1 + 2.0**-10, -65504.0)),
    "bf16": ("BF16", [3], struct.pack("<3H", 0x3f80, 0xc049, 0x0001)),
    "f64": ("F64", [2], struct.pack("<2d", 0.1, -1e-310)),
    "model.layers.0.weight": ("F32", [2, 3], struct.pack("<6f", 1.5, -2.0, 0.25, 3.0, -4.5, 6.0)),
    "scalar": ("F32", [], struct.pack("<f", -7.5)),
    "none": ("F32", [0, 5], b""),
    "nine": ("F32", [1] * 9, struct.pack("<f", 1.0)),
    "nan": ("F32", [2, 2, 2], struct.pack("<8f", 1, 2, 3, 4, 5, float("nan"), 7, 8)),
    "infinite": ("F16", [2], struct.pack("<2H", 0x3c00, 0xfc00)),
    "wide": ("F64", [2], struct.pack("<2d", 1.0, 1e39)),
    "nan16": ("BF16", [], struct.pack("<H", 0x7fc0)),
}
header, begin = {"__metadata__": {"format": "pt"}}, 0
for name, (dtype, shape, data) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + len(data)]}
    begin += len(data)
text = json.dumps(header).encode()
blob = struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())

print("/* Made by make_tensors.py: a file of another program, with every element type. */")
print("#ifndef SNNK_TESTS_TENSORS_H\n#define SNNK_TESTS_TENSORS_H\n")
print("/* clang-format off */")
print("static const unsigned char others[%d] = {" % len(blob))
for i in range(0, len(blob), 16):
    print("    " + ", ".join("0x%02x" % b for b in blob[i:i + 16]) + ",")
print("};\n/* clang-format on */\n\n#endif")
