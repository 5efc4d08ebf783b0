#!/usr/bin/env python3
"""Write the tables of docs/kernels.md that compare processors, from bench/results/*.json.

    compare_results.py          write the tables between the two marks of the page
    compare_results.py --check  fail if the page does not show what the files have

The files are written by bench_forward --json, one for each processor. A check passes, with a message,
while a file has results that are not committed yet. Standard library only.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "kernels.md"
BEGIN = "<!-- begin: written by bench/compare_results.py -->\n"
END = "<!-- end -->\n"

RIVALS = ("libxsmm_pair", "onednn_pair", "openblas_pair", "openblas_skylakex_pair")

# (key of the summary, what it is)
SUMMARY = [
    ("vs_best_rival_min", "best rival / ours in float: lowest"),
    ("vs_best_rival_median", "best rival / ours in float: median"),
    ("vs_best_rival_paired_min", "the same by ratios within rounds: lowest"),
    ("vs_best_rival_paired_median", "the same by ratios within rounds: median"),
    ("roofline_fraction_median", "share of the limit, n >= 32: median"),
    ("int8_vs_float_min", "float / int8, n >= 8, m >= 16: lowest"),
    ("bf16_vs_float_min", "float / bf16: lowest"),
    ("two_thread_scaling_n512", "two threads, n = 512, m = 64"),
    ("amx_bf16_vs_float_n512_m128", "AMX: float / bf16, n = 512, m = 128"),
    ("amx_bf16_vs_onednn_bf16_pair_min", "AMX: oneDNN's pair in bf16 / ours, n >= 32: lowest"),
    ("amx_bf16_vs_onednn_bf16_dense_n512_m64",
     "AMX: oneDNN's dense layer in bf16 / ours, n = 512, m = 64"),
    ("amx_int8_vs_onednn_int8_dense_n512_m64",
     "AMX: oneDNN's dense layer in int8 / ours, n = 512, m = 64"),
]


def best_rival(cell):
    """The least time of the float rivals that were measured, or None."""
    return min((cell[f"{name}_microseconds"] for name in RIVALS if f"{name}_microseconds" in cell),
               default=None)


def quotient(over, under):
    """over / under, or None if one is missing."""
    return over / under if over and under else None


# (title, value of a cell, format)
TABLES = [
    ("Microseconds in float", lambda c: c.get("microseconds"), "{:.3g}"),
    ("Time of the best rival in float / ours",
     lambda c: quotient(best_rival(c), c.get("microseconds")), "{:.2f}"),
    ("Share of the limit in float", lambda c: c.get("roofline_fraction"), "{:.2f}"),
    ("Our time in float / in bf16",
     lambda c: quotient(c.get("microseconds"), c.get("snnk_bf16_microseconds")), "{:.2f}"),
    ("Our time in float / in int8",
     lambda c: quotient(c.get("microseconds"), c.get("snnk_int8_microseconds")), "{:.2f}"),
    ("oneDNN's dense layer / ours, both in float",
     lambda c: quotient(c.get("dense_microseconds"), c.get("microseconds")), "{:.3g}"),
    ("oneDNN's dense layer / ours, both in bf16",
     lambda c: quotient(c.get("dense_bf16_microseconds"), c.get("snnk_bf16_microseconds")),
     "{:.3g}"),
    ("oneDNN's dense layer / ours, both in int8",
     lambda c: quotient(c.get("dense_int8_microseconds"), c.get("snnk_int8_microseconds")),
     "{:.3g}"),
]


def show(value, form):
    """A number of a table; large ones without exponents."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else form.format(value)


def table(head, rows):
    """A table of Markdown."""
    lines = [head, ["---"] * len(head)] + rows
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def size(count):
    """Bytes as KB or MB."""
    if not count:
        return "-"
    return f"{count / 2**20:.3g} MB" if count >= 2**20 else f"{count / 2**10:.0f} KB"


def processors(results):
    """What was measured on."""
    head = ["", *(r["processor"] for r in results)]
    rows = [["processor", *(r["brand"] for r in results)],
            ["kernels", *(r["kernels"] for r in results)],
            ["caches of a core", *(" + ".join(size(r[f"l{k}_bytes"]) for k in (1, 2, 3))
                                   for r in results)],
            ["peak of one core, float", *(f"{r['peak_gflops']:.0f} GFLOP/s" for r in results)],
            ["measured", *(f"{r['date']}, {r['version']}" for r in results)]]
    for key, name in SUMMARY:
        if any(r["summary"].get(key) is not None for r in results):
            rows.append([name, *(show(r["summary"].get(key), "{:.2f}") for r in results)])
    return table(head, rows)


def cells_of(result):
    """The cells of 768 -> m -> 3072, relu, one thread, by (n, m)."""
    return {(c["n"], c["m"]): c for c in result["results"]
            if (c["d"], c["l"], c["activation"], c["threads"]) == (768, 3072, "relu", 1)}


def tables(results):
    """All tables."""
    cells = [cells_of(r) for r in results]
    ns = sorted({n for c in cells for n, _ in c})
    ms = sorted({m for c in cells for _, m in c})
    parts = [processors(results)]
    for title, value, form in TABLES:
        rows = [[str(n), r["processor"], *(show(value(c.get((n, m), {})), form) for m in ms)]
                for n in ns for r, c in zip(results, cells)]
        parts.append(f"{title}:\n\n" + table(["n", "processor", *(f"m = {m}" for m in ms)], rows))
    return "\n" + "\n".join(parts) + "\n"


def has_new_results():
    """Whether git knows of results that are not committed."""
    try:
        status = subprocess.run(["git", "status", "--porcelain", "bench/results"], cwd=ROOT,
                                capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return bool(status.stdout.strip())


def main():
    """The program."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    results = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    written = head + BEGIN + tables(results) + END + tail
    if not sys.argv[1:]:
        PAGE.write_text(written)
    elif written != page and has_new_results():
        print("bench/results is newer than docs/kernels.md: run bench/compare_results.py")
    elif written != page:
        sys.exit("docs/kernels.md does not show bench/results: run bench/compare_results.py")


if __name__ == "__main__":
    main()
