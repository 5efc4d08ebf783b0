"""Real tables for bench_tables, as CSV files with the columns as they come: words, missing values,
dates. The tables are data sets of R packages in Debian, and two of scikit-learn; none is part of
this source tree.

A package is downloaded once by apt-get, and not installed. Its data file must have the checksum
that is written here. The CSV files stay in a folder, ~/.cache/snnk/tables by default.
"""
import bz2
import dataclasses
import gzip
import hashlib
import lzma
import os
import pathlib
import struct
import subprocess
import tempfile
import warnings
import zlib

NEEDED = "apt-get install python3-sklearn python3-pandas python3-rdata"


class DataError(Exception):
    """A table cannot be had. The message says why, and what to do."""


@dataclasses.dataclass(frozen=True)
class Table:
    name: str
    package: str         # of Debian
    data: str            # name of the data set in the package
    target: str          # column
    task: str            # "regression" or "classification"
    in_figures: bool     # one of the ten tables of the figures
    quick: bool = False  # measured with --quick


TABLES = [
    Table("boston", "r-cran-mlbench", "BostonHousing", "medv", "regression", True, True),
    Table("chicago", "r-cran-modeldata", "Chicago", "ridership", "regression", True),
    Table("diamonds", "r-cran-ggplot2", "diamonds", "price", "regression", True),
    Table("house", "r-cran-spdata", "house", "price", "regression", True),
    Table("cancer", "python3-sklearn", "breast_cancer", "target", "classification", True, True),
    Table("letters", "r-cran-mlbench", "LetterRecognition", "lettr", "classification", True),
    Table("satellite", "r-cran-mlbench", "Satellite", "classes", "classification", True),
    Table("shuttle", "r-cran-mlbench", "Shuttle", "Class", "classification", True),
    Table("spam", "r-cran-kernlab", "spam", "type", "classification", True),
    Table("wine", "python3-sklearn", "wine", "target", "classification", True, True),
    # Further kinds of columns: words with missing values; a number for each patient, and missing
    # numbers; many missing numbers.
    Table("votes", "r-cran-mlbench", "HouseVotes84", "Class", "classification", False, True),
    Table("biopsies", "r-cran-mlbench", "BreastCancer", "Class", "classification", False, True),
    Table("diabetes", "r-cran-mlbench", "PimaIndiansDiabetes2", "diabetes", "classification",
          False, True),
]

# The SHA-256 of each data file, in the folder of R packages. It is the same on all architectures.
SITE_LIBRARY = "usr/lib/R/site-library"
CHECKSUMS = {
    "mlbench/data/BostonHousing.rda":
        "ba0ed85a4af37d0b89ae8742b25d8a0c79b1c132c3e25f6a413639ddbba49e1b",
    "mlbench/data/BreastCancer.rda":
        "1fcf1b82128c287b2777005a93a2b76fdb4d6749ed6df05231f85953f1fc7c2b",
    "mlbench/data/HouseVotes84.rda":
        "18318b91a4b1dfaa2d1f9ff915aff018c2bb3140386073bfc02136fbf8e232b7",
    "mlbench/data/LetterRecognition.rda":
        "967a1a3e10b548d7269cbe50182bcecd6365cc58ea07638bbc34c51f17f34f1d",
    "mlbench/data/PimaIndiansDiabetes2.rda":
        "986f0c7dab95708aee2d1d8f8ae8fe6f03fdd93008ee83b5716dce1516e5c1fc",
    "mlbench/data/Satellite.rda":
        "29f8cf9bb1bc51b769d694c9caf740fd1c36ed6a7c87603edf5985962e330f64",
    "mlbench/data/Shuttle.rda":
        "5b1db218b76a47c83f575f1ff38d7a7d36e569b0e27d8bf4aa92eae6c0bcb826",
    "kernlab/data/spam.rda":
        "09281b38bc7b064f63616d9056091f924f59e38aa9fd07dd3bc1af0cba9613d3",
    "ggplot2/data/Rdata.rdb":
        "0d6ab8598fdc514c171b5bb17584fdb0e5b2c05dde0202f6a386292222d521d5",
    "ggplot2/data/Rdata.rdx":
        "da42a94883a022aa1347c3eac680eeff5855a824fb6df61b942a5467c647a97c",
    "modeldata/data/Rdata.rdb":
        "2ecef5e8da0f782ae4e3f65d928fe769702accffd8981cc358a3097f6736f58f",
    "modeldata/data/Rdata.rdx":
        "c23e1be60f2730fb526ce158a307e154c91a953169fcb8e73350c4e032e14538",
    "spData/data/Rdata.rdb":
        "b277a0d8e6ff85c4bb3d9eb52d3b32379fab65efa1ebaa3a005555406aa30637",
    "spData/data/Rdata.rdx":
        "d65c5f1ffd1fe318fb1f7c4dbc57b522f632d805a3e2ff0846e0680da26c0184",
}
R_PACKAGES = {"r-cran-mlbench": "mlbench", "r-cran-kernlab": "kernlab", "r-cran-ggplot2": "ggplot2",
              "r-cran-modeldata": "modeldata", "r-cran-spdata": "spData"}


def default_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "snnk" / "tables"


def csv_file(table, folder):
    """The path of the table's CSV file in the folder. It is made if it is not there."""
    path = pathlib.Path(folder).absolute() / f"{table.name}.csv"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    read_table(table, path.parent).to_csv(part, index=False)
    os.replace(part, path)
    return path


def read_table(table, folder):
    """The table as a pandas.DataFrame."""
    try:
        import numpy
        import pandas
        from sklearn import datasets
    except ImportError as error:
        raise DataError(f"{error}. Install what is needed: {NEEDED}")
    if table.package == "python3-sklearn":
        return getattr(datasets, f"load_{table.data}")(as_frame=True).frame
    frame = read_r_data(table, folder)
    if table.name == "chicago":  # days since 1970
        frame["date"] = pandas.to_datetime(frame["date"], unit="D").dt.strftime("%Y-%m-%d")
    if table.name == "house":  # points of a map, each with a row of a table
        points, frame = frame, pandas.DataFrame(frame.data)
        frame["long"], frame["lat"] = numpy.asarray(points.coords).T
    if table.name in ("diamonds", "house"):
        frame["price"] = numpy.log(frame["price"])
    return frame


# ---- Packages ----

def run(command, folder):
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise DataError(f"there is no {command[0]}: the tables are packages of Debian")


def download(package, folder):
    """The path of the package file in the folder; it is downloaded if it is not there."""
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        answer = run(["apt-get", "download", package], folder)
        found = sorted(folder.glob(f"{package}_*.deb"))
        if answer.returncode != 0 or not found:
            why = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise DataError(f"cannot download the package {package} ({why}). Check the network and "
                            f"run apt-get update, or put {package}_*.deb into {folder}")
    return found[-1]


def read_r_data(table, folder):
    """A data set of an R package, as the package rdata converts it."""
    try:
        import rdata
    except ImportError as error:
        raise DataError(f"{error}. Install what is needed: {NEEDED}")
    package = download(table.package, folder)
    data = f"{R_PACKAGES[table.package]}/data"
    with tempfile.TemporaryDirectory(dir=folder) as unpacked:
        answer = run(["dpkg-deb", "-x", str(package), unpacked], folder)
        if answer.returncode != 0:
            raise DataError(f"cannot unpack {package}: {answer.stderr.strip()}. Remove the file, "
                            "so that it is downloaded again")
        library = pathlib.Path(unpacked) / SITE_LIBRARY
        if f"{data}/{table.data}.rda" in CHECKSUMS:
            content = checked(library, f"{data}/{table.data}.rda", package)
        else:
            content = lazy_content(checked(library, f"{data}/Rdata.rdx", package),
                                   checked(library, f"{data}/Rdata.rdb", package), table.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes of R that become plain objects
            result = rdata.conversion.convert(rdata.parser.parse_data(content))
    return result[table.data] if isinstance(result, dict) else result


def checked(library, name, package):
    """The content of a data file, which must have its checksum."""
    try:
        content = (library / name).read_bytes()
    except OSError:
        raise DataError(f"{package} has no file {name}. The tables are those of Debian 12")
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise DataError(f"{name} in {package} is another version than the one measured so far: its "
                        f"checksum is not {CHECKSUMS[name][:12]}... The tables are those of "
                        "Debian 12")
    return content


MAGIC = b"RDX2\n"  # rdata takes the start of a stream from it; single objects have none


def lazy_content(index, content, name):
    """One object of an R package's lazy-load database: an index (.rdx) of offsets and lengths, and
    compressed objects (.rdb). Each has its size in 4 bytes, big-endian, and for other compressions
    than zlib a letter."""
    import rdata

    places = rdata.conversion.convert(rdata.parser.parse_data(MAGIC + gzip.decompress(index)))
    offset, length = (int(value) for value in places["variables"][name])
    piece = content[offset:offset + length]
    size, = struct.unpack(">I", piece[:4])
    if piece[4:5] == b"2":
        data = bz2.decompress(piece[5:])
    elif piece[4:5] == b"Z":
        data = lzma.decompress(piece[5:], lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    else:
        data = zlib.decompress(piece[4:])
    if len(data) != size:
        raise DataError(f"the object {name} is damaged: {len(data)} bytes instead of {size}")
    return MAGIC + data
