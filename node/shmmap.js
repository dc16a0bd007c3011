// SPDX-License-Identifier: MIT
/* What the package `shmmap` does, by its documents; see shmmap.d.ts. */
'use strict';

const { randomBytes } = require('node:crypto');
const { constants: { errno: { EEXIST } } } = require('node:os');

const { systemError } = require('./lib/errors');
const validate = require('./lib/validate');
const segfs = require('.');

const PREFIX = '/lw';
const TRIES = 100;

const created = new Map(); // key: Segment
const opened = new Map(); // key: the Segments of each read() and read_write()

function newSegment(size) {
  for (let i = 0; i < TRIES; i++) {
    const key = PREFIX + randomBytes(6).toString('hex');
    try {
      return segfs.create(key, size, { exclusive: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  throw systemError(-EEXIST, 'create', PREFIX);
}

function create(byteLength) {
  byteLength = validate.integer('byteLength', byteLength, 1);
  const segment = newSegment(byteLength);
  created.set(segment.ref, segment);
  return [segment.ref, segment.as(Buffer)];
}

function openBuffer(key, byteLength, options) {
  validate.reference(key);
  byteLength = validate.integer('byteLength', byteLength, 1);
  const segment = segfs.open(key, { length: byteLength, ...options });
  opened.set(key, [...opened.get(key) ?? [], segment]);
  return segment.as(Buffer);
}

/** Copy-on-write: a stray write stays in this process, and does not end it. */
function read(key, byteLength) {
  return openBuffer(key, byteLength, { private: true });
}

function readWrite(key, byteLength) {
  return openBuffer(key, byteLength);
}

// The buffers stay as they are, and their memory goes with them, as it always did here:
// a program that reads on after release() is not to find nothing.
function release(key) {
  if (created.delete(key)) {
    try {
      segfs.destroy(key);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  } else {
    opened.delete(key);
  }
}

/** There is nothing to write back: shared memory is where the data is. */
function transfer(buffer) {
  if (!ArrayBuffer.isView(buffer)) throw new TypeError('transfer() takes a Buffer');
}

process.on('exit', () => [...created.keys(), ...opened.keys()].forEach(release));

module.exports = { create, read, read_write: readWrite, release, transfer };
