// SPDX-License-Identifier: MIT
/* What `npm pack` makes, installed into an empty folder without scripts. */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { before, after, describe, it } = require('node:test');

const { newRef, segfs } = require('./support');
const { install, nodeOf, pack, root } = require('./support/npm');

const folder = fs.mkdtempSync('/tmp/segfs-test-');
let packed;
let reason;

before(() => {
  packed = pack(root, folder);
  reason = packed.reason ?? install(folder, packed.tarball);
});
after(() => fs.rmSync(folder, { recursive: true }));

const program = (ref) => `
const segfs = require('segfs');
const { spawnSync } = require('node:child_process');
if (process.argv[2]) {
  segfs.open('${ref}').as(Int32Array)[1] = 6;
} else {
  const segment = segfs.create('${ref}', 65536, { ephemeral: true, sharedBuffer: true });
  const { status } = spawnSync(process.execPath, [__filename, 'child'], { stdio: 'inherit' });
  const mutex = new segfs.Mutex(segment, 64);
  segment.waitAsync(0, 0, { timeout: 1 }).then((outcome) => {
    mutex.lock();
    console.log(status, segment.as(Int32Array)[1], outcome, mutex.held);
    mutex.unlock();
    segfs.destroy('${ref}'); // a shared buffer is in use until the process has ended
  });
}`;

function run(node, file) {
  const { stdout, stderr } = spawnSync(node, [file], { cwd: folder, encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout;
}

it('holds what it should, and nothing else', (t) => {
  if (!packed.files) return t.skip(reason);
  const tops = new Set(packed.files.map((file) => file.split('/')[0]));
  assert.deepEqual([...tops].sort(), [
    'LICENSE', 'README.md', 'binding.gyp', 'index.d.ts', 'index.js', 'index.mjs', 'lib', 'libseg',
    'package.json', 'prebuilds', 'shared-buffer.d.ts', 'shared-buffer.js', 'shm-typed-array.d.ts',
    'shm-typed-array.js', 'shmmap.d.ts', 'shmmap.js', 'src']);
  assert.ok(packed.files.includes(`prebuilds/linux-${process.arch}/segfs.glibc.node`));
  const { scripts, gypfile } = require(path.join(root, 'package.json'));
  assert.equal(gypfile, false);
  for (const name of ['preinstall', 'install', 'postinstall']) assert.ok(!(name in scripts));
});

for (const major of [20, 22, 24, 26]) {
  it(`runs on Node ${major}`, (t) => {
    if (reason) return t.skip(reason);
    const { node, reason: whyNot } = nodeOf(major);
    if (whyNot) return t.skip(whyNot);
    const file = path.join(folder, 'program.js');
    const ref = newRef('posix');
    fs.writeFileSync(file, program(ref));
    assert.equal(run(node, file), '0 6 timed-out true\n');
    assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
    const module = path.join(folder, 'program.mjs');
    fs.writeFileSync(module, `
      import segfs, { create, Mutex } from 'segfs';
      import { createSharedBuffer } from 'segfs/shared-buffer';
      import shmmap, { create as createMap } from 'segfs/shmmap';
      import { LengthMax } from 'segfs/shm-typed-array';
      console.log(segfs.create === create, typeof Mutex, typeof createSharedBuffer,
        shmmap.create === createMap, LengthMax);`);
    assert.equal(run(node, module), 'true function function true 2147483648\n');
  });
}

it('says what is missing where there is no binary', (t) => {
  if (reason) return t.skip(reason);
  const { stderr } = spawnSync(process.execPath, ['-e', "require('segfs')"],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, LIBC: 'musl' } });
  assert.match(stderr, /No native build was found.*libc=musl/s);
});

describe('under another name', () => {
  const packages = { shmmap: 'segfs-shmmap', 'shared-buffer': 'segfs-shared-buffer' };
  for (const [name, alias] of Object.entries(packages)) {
    it(`${name} is ${alias}`, (t) => {
      if (reason) return t.skip(reason);
      const { tarball } = pack(path.join(root, 'packages', alias), folder);
      const whyNot = install(folder, `${name}@${tarball}`);
      if (whyNot) return t.skip(whyNot);
      const file = path.join(folder, 'alias.js');
      fs.writeFileSync(file, `console.log(require('${name}') === require('segfs/${name}'))`);
      assert.equal(run(process.execPath, file), 'true\n');
    });
  }
});

it('can be built again from its sources', (t) => {
  if (reason) return t.skip(reason);
  const { node, reason: whyNot } = nodeOf(22);
  if (whyNot) return t.skip(whyNot);
  const npmRoot = spawnSync('npm', ['root', '-g'], { encoding: 'utf8' }).stdout.trim();
  const gyp = [path.join(npmRoot, 'npm/node_modules/node-gyp/bin/node-gyp.js'),
    '/usr/share/nodejs/node-gyp/bin/node-gyp.js'].find((file) => fs.existsSync(file));
  if (!gyp) return t.skip('needs the node-gyp that npm brings');
  const missing = install(folder, 'node-addon-api@8.9.2');
  if (missing) return t.skip(missing);
  const cwd = path.join(folder, 'node_modules/segfs');
  const nodedir = path.join(path.dirname(node), '..');
  const { status, stderr } = spawnSync(process.execPath, [gyp, 'rebuild', `--nodedir=${nodedir}`],
    { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  fs.rmSync(path.join(cwd, 'prebuilds'), { recursive: true });
  const file = path.join(folder, 'rebuilt.js');
  fs.writeFileSync(file, program(newRef('posix')));
  assert.equal(run(process.execPath, file), '0 6 timed-out true\n');
});
