// SPDX-License-Identifier: MIT
/* The memory that a SharedArrayBuffer is made of. */
'use strict';

const addon = require('./addon');
const { coded } = require('./errors');

const PAGE = 64 << 10; // WebAssembly's
const MAX_PAGES = 65_536;

const isNative = addon.hasExternalShared();

/** Whether it can be had; where it can't, nothing has been done yet. */
function check(offset, length) {
  if (isNative) return;
  if (offset % PAGE !== 0 || length % PAGE !== 0 || length / PAGE > MAX_PAGES) {
    throw coded(RangeError, 'ERR_SHARED_BUFFER_UNAVAILABLE',
      `Node ${process.version} can have a SharedArrayBuffer over memory only in whole multiples ` +
      `of ${PAGE} bytes, at most 4 GiB (offset ${offset}, length ${length}). Node 22.23.3, ` +
      '24.16, 26.1 or newer takes any');
  }
}

/** What addon.map() takes: true, or memory of V8's own to map over. */
function sharedMemory(offset, length) {
  check(offset, length);
  if (isNative) return true;
  const pages = length / PAGE;
  try {
    // As large as it can become: memory that can't grow never moves.
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return new Uint8Array(buffer);
  } catch (cause) {
    throw Object.assign(coded(RangeError, 'ERR_SHARED_BUFFER_UNAVAILABLE',
      `No address space for a SharedArrayBuffer of ${length} bytes`), { cause });
  }
}

sharedMemory.check = check;

module.exports = { sharedMemory };
