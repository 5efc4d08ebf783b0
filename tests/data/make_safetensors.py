#!/usr/bin/env python3
"""Write safetensors.h: a container written with only Python's json, struct and zlib, with the checksum
that docs/format.md describes. Usage: make_safetensors.py > safetensors.h"""
import json
import struct
import zlib

metadata = {"snnk.kind": "test", "a.note": 'two\nlines, a "quote" and \u00e9', "seed": str(2**64 - 1)}
tensors = {  # name: dtype, shape, bytes, in the order of the file
    "w": ("F64", [2], struct.pack("<2d", 0.1, -3.0)),
    "b": ("F32", [2, 3], struct.pack("<6f", 1.5, -2.0, 0.25, 3.0, -4.5, 6.0)),
    "none": ("F32", [0, 5], b""),
    "bytes": ("U8", [3], bytes([1, 2, 255])),
}

canonical = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in sorted(metadata.items()))
for name, (dtype, shape, data) in sorted(tensors.items()):
    canonical += name.encode() + b"\0" + dtype.encode() + b"\0"
    canonical += b"".join(struct.pack("<Q", d) for d in shape) + data
metadata["snnk.checksum"] = "%08x" % zlib.crc32(canonical)

header, begin = {"__metadata__": metadata}, 0
for name, (dtype, shape, data) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + len(data)]}
    begin += len(data)
text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
text += b" " * (-(8 + len(text)) % 8)
blob = struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())

print("/* Made by make_safetensors.py: the container, written by another program. */")
print("#ifndef SNNK_TESTS_SAFETENSORS_H\n#define SNNK_TESTS_SAFETENSORS_H\n")
print('#define GOLDEN_CHECKSUM "%s"\n' % metadata["snnk.checksum"])
print("/* clang-format off */")
print("static const unsigned char golden[%d] = {" % len(blob))
for i in range(0, len(blob), 16):
    print("    " + ", ".join("0x%02x" % b for b in blob[i:i + 16]) + ",")
print("};\n/* clang-format on */\n\n#endif")
