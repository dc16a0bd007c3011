// SPDX-License-Identifier: MIT
/* What the package `shm-typed-array` does, by its documents; see shm-typed-array.d.ts. */
'use strict';

const { randomInt } = require('node:crypto');

const { coded, invalidType, outOfRange } = require('./lib/errors');
const validate = require('./lib/validate');
const segfs = require('.');

const types = {
  Buffer, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array,
  Uint32Array, Float32Array, Float64Array,
};

// The numbers that the package has for them.
const BufferType = {
  Buffer: 0, Int8Array: 1, Uint8Array: 2, Uint8ClampedArray: 3, Int16Array: 4, Uint16Array: 5,
  Int32Array: 6, Uint32Array: 7, Float32Array: 8, Float64Array: 9,
};

const LengthMax = 2 ** 31;
const TRIES = 100;

const mapped = new Map(); // reference: { segment, isCreator }

function reference(key) {
  if (typeof key === 'string') return validate.reference(key.startsWith('/') ? key : `/${key}`);
  if (typeof key !== 'number') throw invalidType('key', 'a string or a number', key);
  return `sysv:0x${validate.integer('key', key, 1, 2 ** 32 - 1).toString(16)}`;
}

function typeOf(typeKey) {
  if (!Object.hasOwn(types, typeKey)) {
    throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `Unknown type key ${String(typeKey)}`);
  }
  return types[typeKey];
}

function parsePermissions(perm) {
  if (typeof perm !== 'string' || !/^0?[0-7]{1,3}$/.test(perm)) {
    throw outOfRange('perm', 'octal digits, such as \'660\'', perm);
  }
  return Number.parseInt(perm, 8);
}

/** null instead of one error. */
function unless(code, fn) {
  try {
    return fn();
  } catch (error) {
    if (error.code === code) return null;
    throw error;
  }
}

function view(segment, Type, key) {
  const array = segment.as(Type);
  if (typeof key === 'number') array.key = key;
  return array;
}

function createAs(key, size, mode) {
  const ref = reference(key);
  const segment = unless('EEXIST', () => segfs.create(ref, size, { exclusive: true, mode }));
  if (segment) mapped.set(ref, { segment, isCreator: true });
  return segment;
}

function create(count, typeKey = 'Buffer', key = undefined, perm = '660') {
  const Type = typeOf(typeKey);
  count = validate.integer('count', count, 1, LengthMax);
  const size = count * (Type.BYTES_PER_ELEMENT ?? 1);
  const mode = parsePermissions(perm);
  const wish = key ?? undefined;

  for (let i = 0; i < (wish === undefined ? TRIES : 1); i++) {
    const chosen = wish ?? randomInt(1, 2 ** 31);
    const segment = createAs(chosen, size, mode);
    if (segment) return view(segment, Type, chosen);
  }
  return null;
}

function get(key, typeKey = 'Buffer') {
  const Type = typeOf(typeKey);
  const ref = reference(key);
  if (!mapped.has(ref)) {
    const segment = unless('ENOENT', () => segfs.open(ref));
    if (!segment) return null;
    mapped.set(ref, { segment, isCreator: false });
  }
  return view(mapped.get(ref).segment, Type, key);
}

function isAttached(ref) {
  return (unless('ENOENT', () => segfs.stat(ref))?.nattch ?? 0) > 0;
}

/** True if there was a name to take away. */
function remove(ref) {
  return unless('ENOENT', () => segfs.destroy(ref) ?? true) ?? false;
}

/** The numbers are those of the package: 0 destroyed, 1 detached, -1 nothing there. */
function detachRef(ref, forceDestroy) {
  const isKnown = mapped.has(ref);
  mapped.get(ref)?.segment.close();
  mapped.delete(ref);
  if (!isKnown && !forceDestroy) return -1;
  const isLast = ref.startsWith('sysv:') && !isAttached(ref);
  if (!forceDestroy && !isLast) return 1;
  return remove(ref) ? 0 : -1;
}

function detach(key, forceDestroy = false) {
  return detachRef(reference(key), forceDestroy);
}

function destroy(key) {
  return detach(key, true) === 0;
}

/** How many it destroyed. */
function detachAll() {
  return [...mapped.keys()].filter((ref) => detachRef(ref, false) === 0).length;
}

function sum(segments) {
  return segments.reduce((total, { segment }) => total + segment.size, 0);
}

function getTotalSize() {
  return sum([...mapped.values()]);
}

function getTotalCreatedSize() {
  return sum([...mapped.values()].filter(({ isCreator }) => isCreator));
}

// In words that programs may look for: the package says so, too.
process.on('exit', () => {
  const count = detachAll();
  if (count > 0) console.info('shm segments destroyed:', count);
});

module.exports = {
  create, get, detach, destroy, detachAll, getTotalSize, getTotalCreatedSize, BufferType, LengthMax,
};
