// SPDX-License-Identifier: MIT
/* What the package `shared-buffer` does, by its documents; see shared-buffer.d.ts. */
'use strict';

const { invalidType } = require('./lib/errors');
const validate = require('./lib/validate');
const segfs = require('.');

const segments = new WeakMap(); // by buffer

/** A key of System V; 0 would be IPC_PRIVATE, which nobody else could find. */
function reference(key) {
  key = validate.integer('key', key, -(2 ** 31), 2 ** 32 - 1) >>> 0;
  validate.integer('key', key, 1, 2 ** 32 - 1);
  return `sysv:0x${key.toString(16)}`;
}

function map(ref, size, initialize, sharedBuffer) {
  if (!initialize) return segfs.open(ref, { length: size, sharedBuffer });
  const segment = segfs.create(ref, size, { length: size, sharedBuffer });
  segment.as(Uint8Array).fill(0);
  return segment;
}

function createSharedBuffer(key, size, initialize = false, options) {
  const ref = reference(key);
  size = validate.integer('size', size, 1);
  if (typeof initialize !== 'boolean') throw invalidType('initialize', 'a boolean', initialize);
  const shared = validate.flag(validate.options(options), 'sharedArrayBuffer');
  const segment = map(ref, size, initialize, shared);
  segments.set(segment.buffer, segment);
  return segment.buffer;
}

function detachSharedBuffer(buffer) {
  const isBuffer = buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer;
  if (!isBuffer) throw invalidType('buffer', 'an ArrayBuffer or a SharedArrayBuffer', buffer);
  segments.get(buffer)?.close();
}

module.exports = { createSharedBuffer, detachSharedBuffer };
