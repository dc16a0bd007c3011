#!/usr/bin/env python3
"""party.py FILE INDEX COUNT ROUNDS: one of the programs of party.h, in Python, with
nothing but mmap on a file."""
import mmap
import os
import sys
import time

SLOT, PATTERN, PATIENCE_S = 4096, 8, 30


def wait_for_all(words, word, value):
    end = time.monotonic() + PATIENCE_S
    for i in range(count):
        while words[i * SLOT // 4 + word] != value:
            if time.monotonic() > end:
                sys.exit(f"party {index}: {i} is not at {value}")
            os.sched_yield()


def pattern(number, i):
    start = number * 7 + i * 31 + PATTERN
    return bytes((start + k) % 256 for k in range(SLOT - PATTERN))


path, (index, count, rounds) = sys.argv[1], map(int, sys.argv[2:])
fd = os.open(path, os.O_RDWR)
memory = memoryview(mmap.mmap(fd, count * SLOT))
os.close(fd)
words = memory.cast("I")
for number in range(1, rounds + 1):
    memory[index * SLOT + PATTERN : (index + 1) * SLOT] = pattern(number, index)
    words[index * SLOT // 4] = number
    wait_for_all(words, 0, number)
    for i in range(count):
        if memory[i * SLOT + PATTERN : (i + 1) * SLOT] != pattern(number, i):
            sys.exit(f"party {index}: {i} has wrong bytes in round {number}")
    words[index * SLOT // 4 + 1] = number
    wait_for_all(words, 1, number)
