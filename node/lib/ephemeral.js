// SPDX-License-Identifier: MIT
/*
 * Segments that this process made as ephemeral: it is itself one of their users, so when
 * it exits it lets go of them, and takes away those that nobody else uses. Where it is
 * killed, that is left to the daemon or to gc().
 */
'use strict';

const addon = require('./addon');

const made = new Map(); // handle: the buffer, weakly

function letGo(handle) {
  addon.close(handle, made.get(handle).deref());
  made.delete(handle);
}

function atExit() {
  const segments = [...made.keys()];
  segments.forEach(letGo);
  // Still in use, gone, or another's by now: each is fine.
  for (const { ref, ino } of segments) addon.destroySame(ref, ino);
}

function add(handle, buffer) {
  if (made.size === 0) process.on('exit', atExit);
  made.set(handle, new WeakRef(buffer));
}

/** After its buffer is closed. The last user takes the segment away. */
function remove(handle) {
  if (!made.delete(handle)) return;
  if (made.size === 0) process.off('exit', atExit);
  addon.destroySame(handle.ref, handle.ino);
}

module.exports = { add, remove };
