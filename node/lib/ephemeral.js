// SPDX-License-Identifier: MIT
/*
 * Segments that this process made as ephemeral: it is itself one of their users, so when
 * it exits it lets go of them, and takes away those that nobody else uses. Where it is
 * killed, that is left to the daemon or to gc().
 */
'use strict';

const addon = require('./addon');

const made = new Map(); // handle: { inode, the buffer, weakly }

function atExit() {
  const segments = [...made];
  for (const [handle, { buffer }] of segments) addon.close(handle, buffer.deref());
  // Still in use, gone, or another's by now: each is fine.
  for (const [{ ref }, { inode }] of segments) addon.destroySame(ref, inode);
}

function add(handle, inode, buffer) {
  if (made.size === 0) process.on('exit', atExit);
  made.set(handle, { inode, buffer: new WeakRef(buffer) });
}

/** After its buffer is closed. The last user takes the segment away. */
function remove(handle) {
  if (!made.has(handle)) return;
  const { inode } = made.get(handle);
  made.delete(handle);
  if (made.size === 0) process.off('exit', atExit);
  addon.destroySame(handle.ref, inode);
}

module.exports = { add, remove };
