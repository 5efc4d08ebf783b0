"""Extract Amazon food reviews from the files of Debian's r-cran-modeldata.

    python3 reviews.py .../site-library/modeldata/data DIRECTORY

Writes reviews-train.txt and reviews-test.txt (1000), with one review in each line, "great TAB text"
or "other TAB text". White space is collapsed. Of the package's 4000 training rows those that are
also among the 1000 test rows are left out. Needs only the standard library, not R.

A lazy-load database has an index, Rdata.rdx (gzip: offsets and lengths by name), and chunks in
Rdata.rdb. A chunk is its unpacked size (4 bytes, big-endian), a "Z", and LZMA2 without a container.
Both files hold objects in R's serialisation format ("R Internals", section 1.8). Reader knows the
parts of it that data frames need.
"""

import gzip
import lzma
import os
import struct
import sys


class Vector(list):
    """A list of elements, with attributes by name."""

    attributes = {}

    def named(self, name):
        return self[self.attributes["names"].index(name)]

    def labels(self):
        """Returns the levels of a factor instead of their numbers."""
        return [self.attributes["levels"][number - 1] for number in self]


class Reader:
    """Reads one serialised object."""

    def __init__(self, data):
        self.data, self.at, self.symbols = data, 0, []

    def take(self, layout):
        values = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return values

    def integer(self):
        return self.take("i")[0]

    def read(self):
        if self.take("2s")[0] != b"X\n":
            sys.exit("not in R's binary serialisation format")
        version, _, _ = self.take("3i")
        if version == 3:
            self.take("%ds" % self.integer())  # the encoding of the machine
        return self.item()

    def item(self):
        flags = self.integer()
        kind, has_attributes, has_tag = flags & 255, flags & 512, flags & 1024
        if kind == 254:  # NULL
            return None
        if kind == 255:  # a symbol that occurred before
            return self.symbols[(flags >> 8 or self.integer()) - 1]
        if kind == 1:  # a symbol
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == 9:  # a string
            size = self.integer()
            return None if size < 0 else self.take("%ds" % size)[0].decode("utf-8")
        if kind == 2:  # a pairlist: here always attributes
            if has_attributes or not has_tag:
                sys.exit("a pairlist that does not hold attributes")
            name, value = self.item(), self.item()
            return {name: value, **(self.item() or {})}
        if kind in (10, 13):  # logical, integer
            made = Vector(self.take("%di" % self.integer()))
        elif kind == 14:  # real
            made = Vector(self.take("%dd" % self.integer()))
        elif kind in (16, 19):  # strings, a list
            made = Vector(self.item() for _ in range(self.integer()))
        else:
            sys.exit("unknown object type %d" % kind)
        if has_attributes:
            made.attributes = self.item()
        return made


def read_chunk(path, offset, length):
    with open(path, "rb") as file:
        file.seek(offset)
        chunk = file.read(length)
    size, kind = struct.unpack(">Ic", chunk[:5])
    if kind != b"Z":
        sys.exit("%s: the chunk at %d is not compressed with LZMA" % (path, offset))
    # R compresses with preset 9; this setting also reads smaller presets.
    data = lzma.decompress(chunk[5:], lzma.FORMAT_RAW, None,
                           [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}])
    if len(data) != size:
        sys.exit("%s: %d bytes at %d, expected %d" % (path, len(data), offset, size))
    return Reader(data).read()


def read_reviews(directory, name, rows):
    """Returns pairs of label and text."""
    with gzip.open(os.path.join(directory, "Rdata.rdx")) as file:
        index = Reader(file.read()).read().named("variables")
    table = read_chunk(os.path.join(directory, "Rdata.rdb"), *index.named(name))
    texts = [" ".join(text.split()) for text in table.named("review")]
    if len(texts) != rows:
        sys.exit("%s has %d rows, expected %d" % (name, len(texts), rows))
    return list(zip(table.named("score").labels(), texts))


def write(directory, name, pairs):
    with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as file:
        file.writelines("%s\t%s\n" % pair for pair in pairs)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, directory = sys.argv[1:]
    train = read_reviews(source, "training_data", 4000)
    test = read_reviews(source, "testing_data", 1000)
    known = {text for _, text in test}
    write(directory, "reviews-train.txt", [pair for pair in train if pair[1] not in known])
    write(directory, "reviews-test.txt", test)


main()
