// SPDX-License-Identifier: MIT
/* Arguments: what is wrong with them is said here, before anything is done. */
'use strict';

const { constants: { MAX_LENGTH } } = require('node:buffer');
const { isUint8Array } = require('node:util').types;

const { invalidType, invalidValue, outOfRange } = require('./errors');

// Every typed array, and Atomics, may then be laid over a buffer from its first byte.
const ALIGNMENT = 8;

// Some 300,000 years: what the kernel takes as a time to wait.
const MAX_TIMEOUT = 1e16;

function reference(ref, name = 'ref') {
  if (typeof ref !== 'string' && !isUint8Array(ref)) {
    throw invalidType(name, 'a string or a Uint8Array', ref);
  }
  if (ref.length === 0) throw invalidValue(name, 'must not be empty', ref);
  if (ref.includes(typeof ref === 'string' ? '\0' : 0)) {
    throw invalidValue(name, 'must not contain null bytes', ref);
  }
  return ref;
}

function integer(name, value, min, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw invalidType(name, 'a number or a bigint', value);
  }
  if (typeof value === 'number' && !Number.isInteger(value)) {
    throw outOfRange(name, 'an integer', value);
  }
  if (value < min || value > max) throw outOfRange(name, `>= ${min} and <= ${max}`, value);
  return Number(value);
}

function options(value) {
  if (value === undefined) return {};
  if (value === null || typeof value !== 'object') {
    throw invalidType('options', 'an object', value);
  }
  return value;
}

function flag(from, name) {
  const value = from[name] ?? false;
  if (typeof value !== 'boolean') throw invalidType(`options.${name}`, 'a boolean', value);
  return value;
}

function oneOf(name, value, allowed) {
  if (!allowed.includes(value)) {
    throw invalidValue(name, `must be one of ${allowed.map((a) => `'${a}'`).join(', ')}`, value);
  }
  return value;
}

/** Milliseconds for the addon, which takes a negative number for "none". */
function timeout(name, value) {
  if (value === undefined || value === Infinity) return -1;
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value >= 0)) throw outOfRange(name, '>= 0', value);
  return Math.min(value, MAX_TIMEOUT);
}

function signal(value) {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalidType('options.signal', 'an AbortSignal', value);
  }
  return value;
}

/** The part of a segment that is asked for; a length of undefined is all the rest. */
function window({ offset = 0, length }) {
  offset = integer('options.offset', offset, 0);
  if (offset % ALIGNMENT !== 0) {
    throw outOfRange('options.offset', `a multiple of ${ALIGNMENT}`, offset);
  }
  if (length !== undefined) length = integer('options.length', length, 1);
  return { offset, length };
}

/** The same part with its length, checked against a segment of `size` bytes. */
function fitWindow({ offset, length }, size) {
  if (offset >= size) {
    throw outOfRange('options.offset', `< ${size}, the size of the segment`, offset);
  }
  const rest = size - offset;
  if (length > rest) {
    throw outOfRange('options.length', `<= ${rest}, what the segment has from there on`, length);
  }
  length ??= rest;
  if (length > MAX_LENGTH) {
    throw outOfRange('options.length',
      `<= ${MAX_LENGTH}, the longest ArrayBuffer that Node ${process.version} takes ` +
      '(map a part of the segment with offset and length)', length);
  }
  return { offset, length };
}

module.exports = {
  fitWindow, flag, integer, oneOf, options, reference, signal, timeout, window,
};
