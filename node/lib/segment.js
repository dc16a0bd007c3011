// SPDX-License-Identifier: MIT
'use strict';

const { constants: { errno: { EAGAIN, EEXIST, EINVAL, ETIMEDOUT } } } = require('node:os');
const { isMainThread } = require('node:worker_threads');

const addon = require('./addon');
const ephemeral = require('./ephemeral');
const { check, invalidState, invalidType, invalidValue, outOfRange, systemError } =
  require('./errors');
const { kinds } = require('./names');
const { sharedMemory } = require('./shared');
const validate = require('./validate');
const { cancelAll, inSteps, inThread } = require('./wait');

const WORD = Int32Array.BYTES_PER_ELEMENT;
const MAX_COUNT = 2 ** 31 - 1;

const outcomes = new Map([[0, 'ok'], [-EAGAIN, 'not-equal'], [-ETIMEDOUT, 'timed-out']]);

function outcome(result, ref) {
  return outcomes.get(result) ?? check(result, 'wait', ref);
}

class Segment {
  #handle;
  #length;
  #writable;
  #pending = new Set();

  constructor(handle, buffer, writable) {
    const { size, ref, kind } = handle;

    this.#handle = handle;
    this.#length = buffer.byteLength;
    this.#writable = writable;
    this.buffer = buffer;
    this.size = size;
    this.kind = kinds[kind];
    this.ref = ref;
    Object.freeze(this);
  }

  close() {
    const handle = this.#handle;
    if (!handle) return;
    this.#handle = undefined;
    cancelAll(this.#pending);
    addon.close(handle, this.buffer);
    ephemeral.remove(handle);
  }

  as(Type, byteOffset = 0, length) {
    if (typeof Type !== 'function') throw invalidType('type', 'a class of views', Type);
    byteOffset = validate.integer('byteOffset', byteOffset, 0, this.#length);
    const unit = Type.BYTES_PER_ELEMENT ?? 1;
    const whole = Math.floor((this.#length - byteOffset) / unit);
    length = validate.integer('length', length ?? whole, 0, whole);
    return Type === Buffer
      ? Buffer.from(this.buffer, byteOffset, length)
      : new Type(this.buffer, byteOffset, length);
  }

  wait(index, expected, timeout) {
    const offset = this.#word(index);
    expected = validate.integer('expected', expected, -(2 ** 31), 2 ** 32 - 1) >>> 0;
    timeout = validate.timeout('timeout', timeout);
    const handle = this.#open();
    return outcome(
      inSteps(timeout, (ms) => addon.wait(handle, offset, expected, ms)), this.ref);
  }

  async waitAsync(index, expected, options) {
    const offset = this.#word(index);
    expected = validate.integer('expected', expected, -(2 ** 31), 2 ** 32 - 1) >>> 0;
    options = validate.options(options);
    const timeout = validate.timeout('options.timeout', options.timeout);
    const signal = validate.signal(options.signal);
    const start = () => addon.waitAsync(this.#open(), offset, expected, timeout);
    return outcome(await inThread(start, signal, this.#pending), this.ref);
  }

  notify(index, count = Infinity) {
    const offset = this.#word(index);
    count = count === Infinity ? MAX_COUNT : validate.integer('count', count, 0, MAX_COUNT);
    return check(addon.notify(this.#open(), offset, count), 'notify', this.ref);
  }

  #open() {
    if (!this.#handle) throw invalidState('the segment has been closed');
    return this.#handle;
  }

  #word(index) {
    const last = Math.floor(this.#length / WORD) - 1;
    return validate.integer('index', index, 0, last) * WORD;
  }

  /** For Mutex: what it takes to lock memory in here. */
  static lockable(segment, byteOffset, bytes) {
    if (!(segment instanceof Segment)) throw invalidType('segment', 'a Segment', segment);
    if (!segment.#writable) {
      throw invalidValue('segment', 'must be mapped shared and for writing', segment.ref);
    }
    validate.integer('byteOffset', byteOffset, 0);
    if (byteOffset % 8 !== 0) throw outOfRange('byteOffset', 'a multiple of 8', byteOffset);
    if (byteOffset + bytes > segment.#length) {
      throw outOfRange('byteOffset', `<= ${segment.#length - bytes}`, byteOffset);
    }
    return { handle: segment.#open(), pending: segment.#pending };
  }

  static isClosed(segment) {
    return !segment.#handle;
  }
}

if (Symbol.dispose) Segment.prototype[Symbol.dispose] = Segment.prototype.close;

function mapFlags(options) {
  const isPrivate = validate.flag(options, 'private');
  const readOnly = validate.flag(options, 'readOnly');
  if (isPrivate && readOnly) {
    throw invalidValue('options.private', 'must not be combined with readOnly', isPrivate);
  }
  const flags = (isPrivate ? addon.PRIVATE : 0) |
    (validate.flag(options, 'populate') ? addon.POPULATE : 0) |
    (validate.flag(options, 'hugePages') ? addon.HUGE : 0);
  const writable = !isPrivate && !readOnly;
  return { flags, writable, shared: validate.flag(options, 'sharedBuffer') };
}

/** Maps what has just been opened; where that fails, nothing of it stays open. */
function map(handle, window, { flags, writable, shared }, syscall, ref) {
  try {
    if (handle.size === 0) throw systemError(-EINVAL, syscall, ref);
    const { offset, length } = validate.fitWindow(window, handle.size);
    const target = shared && sharedMemory(offset, length);
    const buffer = check(
      addon.map(handle, offset, length, flags, !isMainThread, target), syscall, ref);
    return new Segment(handle, buffer, writable);
  } catch (error) {
    addon.close(handle);
    throw error;
  }
}

/** A handle, and whether the segment is new. */
function createHandle(ref, size, mode, flags) {
  if (!(flags & addon.EPHEMERAL) || flags & addon.EXCLUSIVE) {
    return { handle: check(addon.create(ref, size, mode, flags), 'create', ref), isNew: true };
  }
  const handle = addon.create(ref, size, mode, flags | addon.EXCLUSIVE);
  if (handle !== -EEXIST) return { handle: check(handle, 'create', ref), isNew: true };
  return { handle: check(addon.create(ref, size, mode, flags), 'create', ref), isNew: false };
}

function create(ref, size, options) {
  validate.reference(ref);
  size = validate.integer('size', size, 1);
  options = validate.options(options);
  const mode = validate.integer('options.mode', options.mode ?? 0o600, 0, 0o777);
  // Against the size that is wished for, so that a bad window creates nothing.
  const window = validate.window(options);
  const { offset, length } = validate.fitWindow(window, size);
  const how = mapFlags({ ...options, private: undefined, readOnly: undefined });
  if (how.shared) sharedMemory.check(offset, length);
  const flags = (validate.flag(options, 'exclusive') ? addon.EXCLUSIVE : 0) |
    (validate.flag(options, 'preallocate') ? addon.PREALLOCATE : 0) |
    (validate.flag(options, 'ephemeral') ? addon.EPHEMERAL : 0);

  const { handle, isNew } = createHandle(ref, size, mode, flags);
  const isOurs = isNew && flags & addon.EPHEMERAL;
  const inode = isOurs && addon.inode(handle);
  const segment = map(handle, window, how, 'create', ref);
  if (isOurs) ephemeral.add(handle, inode, segment.buffer);
  return segment;
}

function open(ref, options) {
  validate.reference(ref);
  options = validate.options(options);
  const window = validate.window(options);
  const how = mapFlags(options);
  // Copy-on-write takes no more than permission to read.
  const flags = options.readOnly || options.private ? addon.READ_ONLY : 0;

  return map(check(addon.open(ref, flags), 'open', ref), window, how, 'open', ref);
}

module.exports = { Segment, create, open };
