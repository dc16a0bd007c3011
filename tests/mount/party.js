// SPDX-License-Identifier: MIT
/* node party.js ADDON|- REF INDEX COUNT ROUNDS: two of the programs of party.h, INDEX
 * and the next one: a parent and its child. With the addon the segment is mapped, with
 * "-" REF is a file, read and written by node:fs. */
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');

const SLOT = 4096;
const PATTERN = 8;
const PATIENCE_MS = 30000;

const [addon, ref, ...numbers] = process.argv.slice(2);
const [index, count, rounds] = numbers.map(Number);

/** Reads and writes of the segment, by offset. */
function openFile() {
  const fd = fs.openSync(ref, 'r+');

  return {
    get(offset, length) {
      const bytes = Buffer.alloc(length);
      fs.readSync(fd, bytes, 0, length, offset);
      return bytes;
    },
    put: (offset, bytes) => fs.writeSync(fd, bytes, 0, bytes.length, offset),
  };
}

function openMapped() {
  const { buffer } = require(addon).open(ref);
  const bytes = Buffer.from(buffer);

  return {
    get: (offset, length) => bytes.subarray(offset, offset + length),
    put: (offset, source) => source.copy(bytes, offset),
  };
}

function word(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function pattern(round, i) {
  return Buffer.from(Array.from({ length: SLOT - PATTERN }, (_, k) =>
    (round * 7 + i * 31 + k + PATTERN) % 256));
}

function waitForAll(memory, which, value) {
  const end = Date.now() + PATIENCE_MS;

  for (let i = 0; i < count; i++) {
    while (memory.get(i * SLOT + which * 4, 4).readUInt32LE() !== value) {
      if (Date.now() > end) throw new Error(`party ${index}: ${i} is not at ${value}`);
    }
  }
}

function play(memory, round) {
  memory.put(index * SLOT + PATTERN, pattern(round, index));
  memory.put(index * SLOT, word(round));
  waitForAll(memory, 0, round);
  for (let i = 0; i < count; i++) {
    if (!pattern(round, i).equals(memory.get(i * SLOT + PATTERN, SLOT - PATTERN))) {
      throw new Error(`party ${index}: ${i} has wrong bytes in round ${round}`);
    }
  }
  memory.put(index * SLOT + 4, word(round));
  waitForAll(memory, 1, round);
}

if (!process.send) {
  fork(__filename, [addon, ref, index + 1, count, rounds])
    .on('exit', (code) => { process.exitCode ||= code ?? 1; });
}
const memory = addon === '-' ? openFile() : openMapped();
for (let round = 1; round <= rounds; round++) play(memory, round);
