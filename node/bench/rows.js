// SPDX-License-Identifier: MIT
/*
 * What is measured. A row has contenders; the first is segfs. A contender prepares, and
 * gives a function that does it once and returns the milliseconds that count: one number,
 * or one for each name that the row has.
 */
'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const segfs = require('..');

const MiB = 1 << 20;
const child = path.join(__dirname, 'child.js');
const ref = (n) => `/segfs-bench-${process.pid}-${n}`;
const key = (n) => (process.pid & 0xffff) << 8 | 0x40000000 | n;

function time(fn) {
  const start = performance.now();
  fn();
  return performance.now() - start;
}

/** Of many, the time of one. */
function repeat(count, fn) {
  return () => time(() => { for (let i = 0; i < count; i++) fn(); }) / count;
}

async function timeAsync(count, fn) {
  const start = performance.now();
  for (let i = 0; i < count; i++) await fn();
  return (performance.now() - start) / count;
}

function createAndDestroy({ 'shm-typed-array': shm }) {
  return {
    segfs: repeat(500, () => {
      segfs.create(ref(0), 4 * MiB).close();
      segfs.destroy(ref(0));
    }),
    ...(shm && { 'shm-typed-array': repeat(500, () => {
      shm.create(4 * MiB, 'Buffer', ref(1));
      shm.destroy(ref(1));
    }) }),
  };
}

function openAndClose({ 'shm-typed-array': shm, 'shared-buffer': sb }, atEnd) {
  segfs.create(ref(0), 4 * MiB).close();
  segfs.create(`sysv:${key(0)}`, 4 * MiB).close();
  atEnd(() => { segfs.destroy(ref(0)); segfs.destroy(`sysv:${key(0)}`); });
  return {
    segfs: repeat(500, () => segfs.open(ref(0)).close()),
    'segfs, System V': repeat(500, () => segfs.open(`sysv:${key(0)}`).close()),
    ...(shm && { 'shm-typed-array': repeat(500, () => { shm.get(ref(0)); shm.detach(ref(0)); }) }),
    ...(sb && { 'shared-buffer, which unmaps nothing': repeat(500, () => {
      sb.detachSharedBuffer(sb.createSharedBuffer(key(0), 4 * MiB));
    }) }),
  };
}

/** Makes memory, fills it twice, and lets it go. */
function fills({ 'shm-typed-array': shm, 'shared-buffer': sb }) {
  const size = 256 * MiB;
  const fill = (make, end) => () => {
    const memory = make();
    const buffer = Buffer.from(memory.buffer ?? memory, 0, size);
    const times = [1, 2].map((value) => time(() => buffer.fill(value)));
    end(memory);
    return times;
  };
  const close = (segment) => { segment.close(); segfs.destroy(ref(2)); };
  return {
    segfs: fill(() => segfs.create(ref(2), size), close),
    'segfs, populate': fill(() => segfs.create(ref(2), size, { populate: true }), close),
    ...(shm && { 'shm-typed-array': fill(
      () => shm.create(size, 'Buffer', ref(3)), () => shm.destroy(ref(3))) }),
    ...(sb && { 'shared-buffer': fill(() => {
      segfs.create(`sysv:${key(1)}`, size).close();
      return sb.createSharedBuffer(key(1), size);
    }, (buffer) => { sb.detachSharedBuffer(buffer); segfs.destroy(`sysv:${key(1)}`); }) }),
  };
}

/** Somebody at a word, who answers at the next one. */
function atWord(atEnd, size, n) {
  const segment = segfs.create(ref(n), size);
  const words = segment.as(Int32Array);
  const other = fork(child, ['word', ref(n)]);
  let turn = 0;
  const next = () => {
    Atomics.store(words, 0, ++turn);
    segment.notify(0);
    while (Atomics.load(words, 1) < turn) segment.wait(1, turn - 1);
  };
  atEnd(async () => {
    words[2] = 1;
    Atomics.store(words, 0, ++turn);
    segment.notify(0);
    await once(other, 'exit');
    segment.close();
    segfs.destroy(ref(n));
  });
  return next;
}

function byMessage(atEnd, message) {
  const other = fork(child, ['message'], { serialization: 'advanced' });
  atEnd(async () => { other.disconnect(); await once(other, 'exit'); });
  return async () => {
    other.send(message);
    await once(other, 'message');
  };
}

async function bySocket(atEnd) {
  const at = `/tmp/segfs-bench-${process.pid}.socket`;
  const server = net.createServer().listen(at);
  await once(server, 'listening');
  const other = fork(child, ['socket', at]);
  const [socket] = await once(server, 'connection');
  atEnd(async () => {
    other.kill();
    await once(other, 'exit');
    server.close();
    fs.rmSync(at, { force: true });
  });
  return async () => {
    socket.write('x');
    await once(socket, 'data');
  };
}

function byTransfer(atEnd, size) {
  const worker = new Worker(child);
  let buffer = new ArrayBuffer(size);
  atEnd(() => worker.terminate());
  return async () => {
    worker.postMessage(buffer, [buffer]);
    [buffer] = await once(worker, 'message');
  };
}

function deliver(_, atEnd) {
  const size = 64 * MiB;
  const [next, message, transfer] =
    [atWord(atEnd, size, 4), byMessage(atEnd, Buffer.alloc(size, 1)), byTransfer(atEnd, size)];
  return {
    segfs: () => timeAsync(50, next),
    'process.send': () => timeAsync(3, message),
    'worker transfer': () => timeAsync(50, transfer),
  };
}

async function roundTrip(_, atEnd) {
  const [next, message, socket] =
    [atWord(atEnd, 4096, 5), byMessage(atEnd, 'x'), await bySocket(atEnd)];
  return {
    segfs: repeat(2000, next),
    'process.send': () => timeAsync(500, message),
    'unix socket': () => timeAsync(500, socket),
  };
}

function sums({ 'shm-typed-array': shm, 'shared-buffer': sb }, atEnd) {
  const count = 8 * MiB;
  const sum = (array) => () => time(() => {
    let total = 0;
    for (let i = 0; i < array.length; i++) total += array[i];
    return total;
  });
  const arrays = { segfs: segfs.create(ref(6), count * 8).as(Float64Array) };
  arrays['memory of its own'] = new Float64Array(count);
  if (shm) arrays['shm-typed-array'] = shm.create(count, 'Float64Array', ref(7));
  if (sb) {
    segfs.create(`sysv:${key(2)}`, count * 8).close();
    arrays['shared-buffer'] = new Float64Array(sb.createSharedBuffer(key(2), count * 8));
  }
  atEnd(() => {
    segfs.destroy(ref(6));
    if (shm) shm.destroy(ref(7));
    if (sb) segfs.destroy(`sysv:${key(2)}`);
  });
  for (const array of Object.values(arrays)) array.fill(1);
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, sum(array)]));
}

module.exports = {
  'create and destroy 4 MiB': createAndDestroy,
  'open and close 4 MiB': openAndClose,
  'first fill of 256 MiB, second fill of 256 MiB': fills,
  'deliver 64 MiB and hear back': deliver,
  'round trip of a word': roundTrip,
  'sum of 64 MiB as Float64Array': sums,
};
