// SPDX-License-Identifier: MIT
/* Names for segments that only this test process uses, and their removal. */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const segfs = require('../..');

const kinds = ['posix', 'sysv'];
const isRoot = process.getuid() === 0;
const made = [];

function newRef(kind) {
  const n = made.length;
  const ref = kind === 'posix'
    ? `/segfs-test-${process.pid}-${n}`
    : `sysv:0x${(0x5e600000 | (process.pid & 0xfff) << 8 | n).toString(16).padStart(8, '0')}`;
  made.push(ref);
  return ref;
}

/** For the after hook of each file: no test has to clean up, whether it passes or fails. */
function destroyAll() {
  for (const ref of made.splice(0)) {
    try {
      segfs.destroy(ref);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
}

function newDirectory(t, before = () => {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'segfs-test-'));
  t.after(() => {
    before();
    fs.rmSync(directory, { recursive: true });
  });
  return directory;
}

/** A directory on a tmpfs of its own; undefined where mounting is not allowed. */
function newTmpfs(t, size) {
  let mounted = false;
  const directory = newDirectory(t, () => mounted && spawnSync('umount', [directory]));
  const args = ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory];

  mounted = spawnSync('mount', args).status === 0;
  return mounted ? directory : undefined;
}

module.exports = { destroyAll, isRoot, kinds, newDirectory, newRef, newTmpfs, segfs };
