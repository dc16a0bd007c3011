#!/usr/bin/env python3
"""usage: table.py BASE[,BASE...]

Reads lines "ROUND ROW COLUMN NANOSECONDS" and prints what each row costs in
each column: the median of the rounds, and from the lowest to the highest. Then
the times as a ratio to each BASE column: worked out within each round, where
all columns met the same machine, and of those the median."""
import sys
from collections import defaultdict
from statistics import median

BIG = 256 << 20
ROWS = {
    "memset": ("memset of 256 MiB, warm", "GiB/s"),
    "touch": ("first touch of 256 MiB", "GiB/s"),
    "pread": ("pread of 4 KiB", "µs"),
    "pwrite": ("pwrite of 4 KiB", "µs"),
    "map": ("open+mmap+touch+close", "µs"),
    "stat": ("stat", "µs"),
    "create": ("create+truncate+close", "µs"),
    "unlink": ("unlink", "µs"),
    "ls": ("ls -l of 5000", "ms"),
    "inuse": ("in use? of an idle one", "µs"),
    "busy": ("in use? of a busy one", "µs"),
    "destroy": ("destroy if unused", "µs"),
    "gc": ("gc of 10000", "ms"),
}
SCALE = {"µs": 1e3, "ms": 1e6}


def in_unit(ns, unit):
    return BIG / 2**30 / (ns / 1e9) if unit == "GiB/s" else ns / SCALE[unit]


def cell(times, unit):
    if not times:
        return "–"
    values = sorted(in_unit(ns, unit) for ns in times)
    return f"{median(values):.4g} ({values[0]:.4g}–{values[-1]:.4g})"


def ratio(times, base):
    return f"{median(a / b for a, b in zip(times, base)):.2f}" if times and base else "–"


def print_table(lines):
    widths = [max(map(len, column)) for column in zip(*lines)]
    for first, *rest in lines:
        print("  ".join([first.ljust(widths[0])] + [c.rjust(w) for c, w in zip(rest, widths[1:])]))


def main():
    times = defaultdict(list)
    for line in sys.stdin:
        _, row, column, ns = line.split()
        times[row, column].append(float(ns))
    rows = list(dict.fromkeys(row for row, _ in times))
    columns = list(dict.fromkeys(column for _, column in times))

    print_table(
        [["median (lowest–highest)", "unit", *columns]]
        + [
            [ROWS[row][0], ROWS[row][1], *(cell(times[row, c], ROWS[row][1]) for c in columns)]
            for row in rows
        ]
    )
    for base in sys.argv[1].split(","):
        others = [c for c in columns if c != base]
        print()
        print_table(
            [[f"time ÷ {base}", *others]]
            + [
                [ROWS[row][0]]
                + [ratio(times[row, c], times[row, base]) for c in others]
                for row in rows
            ]
        )


main()
