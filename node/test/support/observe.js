// SPDX-License-Identifier: MIT
/* What the system knows of this process. */
'use strict';

const fs = require('node:fs');

const segfs = require('../..');

/** How often a segment is mapped here. By inode, since names come and go. */
function countMappings(ref) {
  const { ino } = segfs.stat(ref);
  return fs.readFileSync('/proc/self/maps', 'utf8').split('\n')
    .map((line) => line.split(/ +/))
    .filter(([, , , , inode, name]) => Number(inode) === ino && /^\/(dev\/shm\/|SYSV)/.test(name))
    .length;
}

function countDescriptors() {
  return fs.readdirSync('/proc/self/fd').length;
}

/** Collects garbage (node --expose-gc) until there is the effect that is waited for. */
async function collectUntil(reached) {
  for (let i = 0; i < 100 && !reached(); i++) {
    global.gc();
    await new Promise(setImmediate);
  }
  return reached();
}

module.exports = { collectUntil, countDescriptors, countMappings };
