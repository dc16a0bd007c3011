// SPDX-License-Identifier: MIT
/* index.d.ts: a program that uses all of it compiles, strictly, and says what index.js does. */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { it } = require('node:test');

const { segfs } = require('./support');

const root = path.join(__dirname, '..');
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
const skip = !fs.existsSync(tsc) && 'typescript is not installed: npm ci';

function compile(file) {
  const flags = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'node16',
    '--moduleResolution', 'node16', '--lib', 'es2022,esnext.disposable', '--types', 'node'];
  return spawnSync(process.execPath, [tsc, ...flags, file], { cwd: root, encoding: 'utf8' });
}

it('compiles, without a doubt left', { skip }, () => {
  const { status, stdout } = compile(path.join(__dirname, 'support/types.ts'));
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

it('declares each export, and no other', () => {
  const text = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8');
  const declared = new Set([...text.matchAll(/^export (?:function|class) (\w+)/gm)].map((m) => m[1]));
  assert.deepEqual([...declared].sort(), Object.keys(segfs).sort());
});
