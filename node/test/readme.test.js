// SPDX-License-Identifier: MIT
/* Each program in README.md runs, and prints what its comments say. */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, it } = require('node:test');

const segfs = require('..');

const root = path.join(__dirname, '..');
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
const folder = fs.mkdtempSync('/tmp/segfs-test-');

fs.mkdirSync(path.join(folder, 'node_modules'));
fs.symlinkSync(root, path.join(folder, 'node_modules/segfs'));
after(() => fs.rmSync(folder, { recursive: true }));

const programs = [...readme.matchAll(/<!-- run: (\S+) -->\n```js\n(.*?)```/gs)];

/** The comments behind calls of console.log() are what these print. */
function promised(text) {
  return [...text.matchAll(/console\.log\(.*\);\s+\/\/ (.*)/g)].map(([, line]) => line);
}

function whyNot(name) {
  if (name !== 'numpy.js') return undefined;
  const { status } = spawnSync('/usr/bin/python3', ['-c', 'import numpy']);
  return status === 0 ? undefined : 'needs python3-numpy';
}

it('has no program that is not run', () => {
  assert.equal(programs.length, readme.match(/```js/g).length);
});

for (const [, name, text] of programs) {
  it(`${name} prints what it says`, (t) => {
    const reason = whyNot(name);
    if (reason) return t.skip(reason);
    fs.writeFileSync(path.join(folder, name), text);
    const { pid, stdout, stderr, status } = spawnSync(process.execPath, [name],
      { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
    const lines = stdout.trim().split('\n');
    assert.deepEqual([...new Set(lines)], promised(text));
    assert.deepEqual(segfs.list('posix').filter(({ ref }) => ref.endsWith(`-${pid}`)), []);
  });
}

it('the first program is one of ten lines', () => {
  assert.ok(programs[0][2].trim().split('\n').filter((line) => line).length <= 11);
});
