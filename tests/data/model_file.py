"""Model files as docs/format.md describes them, for the scripts here that write some without the library."""
import json
import struct
import zlib

CODES = {"F32": "f", "F64": "d", "U32": "I"}


def tensor(dtype, values):
    """A tensor for `blob`, from a list or a list of rows."""
    shape, flat = [len(values)], values
    if isinstance(values[0], list):
        shape, flat = [len(values), len(values[0])], sum(values, [])
    return dtype, shape, struct.pack("<%d%s" % (len(flat), CODES[dtype]), *flat)


def blob(metadata, tensors):
    """The bytes of a file, including its checksum. tensors: name to (dtype, shape, bytes)."""
    canonical = b"".join(k.encode() + b"\0" + v.encode() + b"\0"
                         for k, v in sorted(metadata.items()))
    for name, (dtype, shape, data) in sorted(tensors.items()):
        canonical += name.encode() + b"\0" + dtype.encode() + b"\0"
        canonical += b"".join(struct.pack("<Q", n) for n in shape) + data
    checked = {**metadata, "snnk.checksum": "%08x" % zlib.crc32(canonical)}
    header, begin = {"__metadata__": checked}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + len(data)]}
        begin += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + b"".join(d for _, _, d in tensors.values())


def print_array(kind, name, values):
    print("static const %s %s[%d] = {" % (kind, name, len(values)))
    for value in values:
        print("    %r," % value)
    print("};")


def print_blob(name, data):
    print("static const unsigned char %s[%d] = {" % (name, len(data)))
    for i in range(0, len(data), 19):
        print("    " + ",".join("%3d" % byte for byte in data[i:i + 19]) + ",")
    print("};")
