// SPDX-License-Identifier: MIT
/* segfs for Node.js. What each function does, and when it throws, is in index.d.ts. */
'use strict';

const { constants: { errno: { EINVAL } } } = require('node:os');
const { isMainThread } = require('node:worker_threads');

const { systemError } = require('./lib/errors');
const validate = require('./lib/validate');

const addon = loadAddon();

const kinds = { [addon.POSIX]: 'posix', [addon.SYSV]: 'sysv', [addon.FILE]: 'file' };

function loadAddon() {
  try {
    return require('../build/node/segfs.node');
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') {
      error.message = `segfs: the addon has not been built: run scripts/start. ${error.message}`;
    }
    throw error;
  }
}

/** The addon answers with a negative errno where libseg did. */
function check(result, syscall, ref) {
  if (typeof result === 'number' && result < 0) throw systemError(result, syscall, ref);
  return result;
}

class Segment {
  #handle;

  constructor(handle, buffer) {
    const { size, ref, kind } = handle;

    this.#handle = handle;
    for (const [name, value] of Object.entries({ buffer, size, kind: kinds[kind], ref })) {
      Object.defineProperty(this, name, { value, enumerable: true });
    }
  }

  close() {
    addon.close(this.#handle, this.buffer);
  }
}

/** Maps what has just been opened; where that fails, nothing of it stays open. */
function map(handle, window, syscall, ref) {
  try {
    if (handle.size === 0) throw systemError(-EINVAL, syscall, ref);
    const { offset, length } = validate.fitWindow(window, handle.size);
    const buffer = check(addon.map(handle, offset, length, !isMainThread), syscall, ref);
    return new Segment(handle, buffer);
  } catch (error) {
    addon.close(handle);
    throw error;
  }
}

function create(ref, size, options) {
  validate.reference(ref);
  size = validate.integer('size', size, 1);
  options = validate.options(options);
  const mode = validate.integer('options.mode', options.mode ?? 0o600, 0, 0o777);
  // Against the size that is wished for, so that a bad window creates nothing.
  const window = validate.window(options);
  validate.fitWindow(window, size);
  const flags = (validate.flag(options, 'exclusive') ? addon.EXCLUSIVE : 0) |
    (validate.flag(options, 'preallocate') ? addon.PREALLOCATE : 0);

  return map(check(addon.create(ref, size, mode, flags), 'create', ref), window, 'create', ref);
}

function open(ref, options) {
  validate.reference(ref);
  options = validate.options(options);
  const window = validate.window(options);
  const flags = validate.flag(options, 'readOnly') ? addon.READ_ONLY : 0;

  return map(check(addon.open(ref, flags), 'open', ref), window, 'open', ref);
}

/** Like fs.Stats: each time as milliseconds and as a Date. */
function shapeStat({ kind, atimeMs, mtimeMs, ctimeMs, ...rest }) {
  return {
    kind: kinds[kind],
    ...rest,
    atimeMs,
    mtimeMs,
    ctimeMs,
    atime: new Date(Math.round(atimeMs)),
    mtime: new Date(Math.round(mtimeMs)),
    ctime: new Date(Math.round(ctimeMs)),
  };
}

function stat(ref) {
  validate.reference(ref);
  return shapeStat(check(addon.stat(ref), 'stat', ref));
}

function list(kind, options) {
  const { encoding = 'utf8' } = validate.options(options);
  const asBuffer = validate.oneOf('options.encoding', encoding, ['utf8', 'buffer']) === 'buffer';
  const all = { posix: addon.POSIX, sysv: addon.SYSV };
  const wanted = kind === undefined
    ? Object.values(all)
    : [all[validate.oneOf('kind', kind, Object.keys(all))]];

  return wanted.flatMap((k) => check(addon.list(k, asBuffer), 'list'))
    .map(({ ref, ...fields }) => ({ ref, ...shapeStat(fields) }));
}

function destroy(ref) {
  validate.reference(ref);
  check(addon.destroy(ref), 'destroy', ref);
}

module.exports = { create, open, stat, list, destroy };
