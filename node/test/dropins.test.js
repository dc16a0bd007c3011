// SPDX-License-Identifier: MIT
/* segfs/shmmap, segfs/shared-buffer and segfs/shm-typed-array do what the documents of the
 * packages of these names say: their own examples run here, as npm brings them. */
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, describe, it } = require('node:test');

const { destroyAll, newRef, segfs } = require('./support');
const { countMappings } = require('./support/observe');
const { startPeer } = require('./support/peer');
const shmmap = require('../shmmap');
const sharedBuffer = require('../shared-buffer');
const shm = require('../shm-typed-array');

const canUnshare = spawnSync('unshare', ['--ipc', 'true']).status === 0;
const folder = fs.mkdtempSync('/tmp/segfs-test-');

after(() => {
  destroyAll();
  fs.rmSync(folder, { recursive: true });
});

/** The JavaScript in a package's README; a reason where npm can't bring it. */
function examplesOf(name, version) {
  const at = path.join(folder, name);
  fs.mkdirSync(at);
  const { status, stdout, stderr } = spawnSync('npm',
    ['pack', `${name}@${version}`, '--silent', '--pack-destination', at], { encoding: 'utf8' });
  if (status !== 0) return { reason: `npm can't bring ${name}: ${stderr}` };
  execFileSync('tar', ['xzf', path.join(at, stdout.trim()), '-C', at]);
  const readme = fs.readdirSync(path.join(at, 'package')).find((file) => /^readme/i.test(file));
  const text = fs.readFileSync(path.join(at, 'package', readme), 'utf8');
  return { blocks: [...text.matchAll(/```\s?js\n(.*?)```/gs)].map(([, block]) => block) };
}

/** Runs programs in a folder where the name means the drop-in; if possible with System V
 * segments of their own, since they use fixed keys, and are not all cleaned up after. */
function runExample(name, files) {
  const at = path.join(folder, `run-${name}`);
  const module = path.join(at, 'node_modules', name);
  fs.mkdirSync(module, { recursive: true });
  fs.writeFileSync(path.join(module, 'index.js'),
    `module.exports = require(${JSON.stringify(path.join(__dirname, '..', name))});`);
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(at, file), text);
  const command = [process.execPath, Object.keys(files)[0]];
  if (canUnshare) command.unshift('unshare', '--ipc');
  const { stdout, stderr, status } = spawnSync(command[0], command.slice(1),
    { cwd: at, encoding: 'utf8', timeout: 60_000 });
  assert.deepEqual({ stderr: stderr.replace(/.*(DEP0|trace-deprecation).*\n/g, ''), status }, { stderr: '', status: 0 });
  return stdout;
}

describe('shmmap', () => {
  it('runs its example', (t) => {
    const { blocks, reason } = examplesOf('shmmap', '1.0.0');
    if (reason) return t.skip(reason);
    const lines = runExample('shmmap', { 'parent.js': blocks[0], 'child.js': blocks[1] });
    const [, child, parent] = /^child sum: (\d+)\nparent sum: (\d+)\nparent 0: 100\n$/.exec(lines);
    let sum = 0;
    for (let i = 0; i < 2 << 20; i++) sum += i % 255;
    assert.deepEqual([Number(child), Number(parent)], [sum, sum + 100]);
  });

  it('reads and writes the memory of a key', async (t) => {
    const [key, buffer] = shmmap.create(10_000);
    assert.match(key, /^\/lw[0-9a-f]+$/);
    assert.ok(Buffer.isBuffer(buffer));
    assert.equal(buffer.length, 10_000);
    assert.equal(segfs.stat(key).mode, 0o600);
    const peer = startPeer(t);
    buffer[0] = 7;
    assert.equal(await peer.run((segfs, key) => {
      globalThis.shmmap = require('../../shmmap');
      globalThis.buffer = globalThis.shmmap.read_write(key, 100);
      globalThis.buffer[1] = 8;
      globalThis.shmmap.transfer(globalThis.buffer);
      globalThis.shmmap.release(key);
      return globalThis.buffer[0];
    }, key), 7);
    assert.equal(buffer[1], 8);
    assert.equal(segfs.stat(key).size, 10_000); // another's release only lets go
    const copy = shmmap.read(key, 10_000);
    copy[0] = 99;
    assert.deepEqual([buffer[0], copy[0]], [7, 99]);
    shmmap.release(key);
    assert.throws(() => segfs.stat(key), { code: 'ENOENT' });
    assert.equal(buffer[1], 8);
    assert.equal(shmmap.release(key), undefined);
    assert.equal(shmmap.release('/lw-never-there'), undefined);
  });

  it('refuses what killed the process before', () => {
    const [key] = shmmap.create(4096);
    for (const read of [shmmap.read, shmmap.read_write]) {
      assert.throws(() => read(key, 4097), { name: 'RangeError' });
      assert.throws(() => read('/lw-never-there', 1), { code: 'ENOENT' });
    }
    assert.throws(() => shmmap.create(0), { name: 'RangeError' });
    assert.throws(() => shmmap.create(), { name: 'TypeError' });
    assert.throws(() => shmmap.transfer(), { name: 'TypeError' });
    shmmap.release(key);
  });

  it('releases all at exit', async (t) => {
    const peer = startPeer(t);
    const key = await peer.run(() => require('../../shmmap').create(4096)[0]);
    assert.equal(segfs.stat(key).size, 4096);
    await peer.stop();
    assert.throws(() => segfs.stat(key), { code: 'ENOENT' });
  });
});

describe('shared-buffer', () => {
  const newKey = () => Number(newRef('sysv').slice('sysv:'.length));
  const refOf = (key) => `sysv:0x${key.toString(16)}`;

  it('runs its example', (t) => {
    const { blocks, reason } = examplesOf('shared-buffer', '1.4.0');
    if (reason) return t.skip(reason);
    if (!canUnshare) return t.skip('needs root, for an IPC namespace: it uses the key 1024');
    const output = runExample('shared-buffer', { 'main.js': blocks.find((b) => b.includes('cluster')) });
    const numbers = output.match(/Infinity|\d+\.\d+|\b\d+\b(?=,)/g).map(Number);
    assert.deepEqual(numbers.slice(0, 10), Array.from({ length: 10 }, (_, i) => 1 / i));
  });

  it('creates, zeroes, acquires and detaches', async (t) => {
    const key = newKey();
    const buffer = sharedBuffer.createSharedBuffer(key, 10_000, true);
    assert.ok(buffer instanceof ArrayBuffer);
    assert.equal(buffer.byteLength, 10_000);
    assert.equal(segfs.stat(refOf(key)).mode, 0o600);
    const peer = startPeer(t);
    await peer.run((segfs, key) => {
      const { createSharedBuffer } = require('../../shared-buffer');
      new Uint8Array(createSharedBuffer(key, 10_000))[9] = 5;
    }, key);
    assert.equal(new Uint8Array(buffer)[9], 5);
    assert.ok(new Uint8Array(sharedBuffer.createSharedBuffer(key, 10_000, true)).every((b) => b === 0));
    assert.equal(new Uint8Array(buffer)[9], 0);
    const mapped = countMappings(refOf(key));
    sharedBuffer.detachSharedBuffer(buffer);
    sharedBuffer.detachSharedBuffer(buffer);
    assert.equal(buffer.byteLength, 0);
    assert.equal(countMappings(refOf(key)), mapped - 1);
    sharedBuffer.detachSharedBuffer(new ArrayBuffer(8));
  });

  it('makes a SharedArrayBuffer when asked', () => {
    const key = newKey();
    const options = { sharedArrayBuffer: true };
    const buffer = sharedBuffer.createSharedBuffer(key, 65_536, true, options);
    assert.ok(buffer instanceof SharedArrayBuffer);
    new Uint8Array(buffer)[0] = 1;
    assert.equal(new Uint8Array(sharedBuffer.createSharedBuffer(key, 65_536))[0], 1);
    sharedBuffer.detachSharedBuffer(buffer);
    assert.equal(new Uint8Array(buffer)[0], 0);
  });

  it('refuses keys and sizes that mean nothing', () => {
    const key = newKey();
    for (const [args, name] of [
      [[0, 8, true], 'RangeError'], [[1.5, 8, true], 'RangeError'], [['1', 8], 'TypeError'],
      [[2 ** 32, 8, true], 'RangeError'], [[], 'TypeError'], [[key], 'TypeError'],
      [[key, 0, true], 'RangeError'], [[key, -1, true], 'RangeError'], [[key, 0.5, true], 'RangeError'],
      [[key, 2 ** 60, true], 'RangeError'], [[key, NaN, true], 'RangeError'], [[key, 8, 1], 'TypeError'],
    ]) assert.throws(() => sharedBuffer.createSharedBuffer(...args), { name });
    assert.throws(() => sharedBuffer.createSharedBuffer(key, 8), { code: 'ENOENT' });
    sharedBuffer.createSharedBuffer(key, 4096, true);
    assert.throws(() => sharedBuffer.createSharedBuffer(key, 4097), { name: 'RangeError' });
    assert.throws(() => sharedBuffer.createSharedBuffer(key, 4097, true), { code: 'EINVAL' });
    for (const other of [undefined, {}, new Uint8Array(8)]) {
      assert.throws(() => sharedBuffer.detachSharedBuffer(other), { name: 'TypeError' });
    }
  });
});

describe('shm-typed-array', () => {
  it('runs its example', (t) => {
    const { blocks, reason } = examplesOf('shm-typed-array', '0.1.1');
    if (reason) return t.skip(reason);
    if (!canUnshare) return t.skip('needs root, for an IPC namespace: it can leave segments');
    const output = runExample('shm-typed-array', { 'main.js': blocks.find((b) => b.includes('cluster')) });
    assert.match(output, /\[Master\] Typeof buf: Buffer Typeof arr: Float32Array/);
    assert.match(output, /\[Worker\] Typeof buf: Buffer Typeof arr: Float32Array/);
    for (let i = 0; i < 5; i++) {
      assert.ok(output.includes(`${i} [Master] Set buf[0]= ${i + 2}  arr[0]= ${10 / 2 ** (i + 1)}`));
    }
  });

  it('creates each type by key and by name, without a header', async (t) => {
    for (const type of Object.keys(shm.BufferType)) {
      for (const kind of ['sysv', 'posix']) {
        const ref = newRef(kind);
        const key = kind === 'sysv' ? Number(ref.slice('sysv:'.length)) : ref;
        const array = shm.create(1000, type, key, '600');
        assert.equal(array.constructor.name, type === 'Buffer' ? 'Buffer' : type);
        assert.equal(array.length, 1000);
        assert.equal(array.key, kind === 'sysv' ? key : undefined);
        assert.equal(segfs.stat(ref).size, array.byteLength);
        array[0] = 3;
        assert.equal(segfs.open(ref).as(array.constructor)[0], 3);
        assert.equal(shm.create(1000, type, key), null);
        assert.equal(shm.get(key, type)[0], 3);
        assert.equal(shm.destroy(key), true);
        assert.equal(shm.destroy(key), false);
        assert.equal(array.length, 0);
        assert.equal(shm.get(key, type), null);
      }
    }
  });

  it('counts what is mapped and what was created', async (t) => {
    const [ref, name] = [newRef('posix'), newRef('posix')];
    segfs.create(ref, 4096).close();
    const peer = startPeer(t);
    assert.deepEqual(await peer.run((segfs, ref, name) => {
      const shm = require('../../shm-typed-array');
      const sizes = () => [shm.getTotalSize(), shm.getTotalCreatedSize()];
      const seen = [sizes()];
      shm.get(ref);
      seen.push(sizes());
      shm.create(10, 'Float64Array', name);
      seen.push(sizes(), shm.detach(name), sizes(), shm.detach(name), shm.detach(ref, true));
      return seen;
    }, ref, name), [[0, 0], [4096, 0], [4176, 80], 1, [4096, 0], -1, 0]);
    assert.equal(segfs.stat(name).size, 80);
  });

  it('destroys a System V segment with its last attach, and all at exit', async (t) => {
    const buffer = shm.create(100);
    const ref = `sysv:0x${buffer.key.toString(16)}`;
    const peer = startPeer(t);
    await peer.run((segfs, key) => {
      globalThis.shm = require('../../shm-typed-array');
      console.info = () => {};
      globalThis.shm.get(key);
      return globalThis.shm.create(8).key;
    }, buffer.key);
    assert.equal(shm.detach(buffer.key), 1);
    assert.equal(await peer.run((segfs, key) => globalThis.shm.detach(key), buffer.key), 0);
    assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
    const left = await peer.run(() => globalThis.shm.create(8).key);
    await peer.stop();
    assert.throws(() => segfs.stat(`sysv:0x${left.toString(16)}`), { code: 'ENOENT' });
  });

  it('refuses what is no count, type, key or permission', () => {
    assert.equal(shm.LengthMax, 2 ** 31);
    for (const [args, name] of [
      [[0], 'RangeError'], [[shm.LengthMax + 1], 'RangeError'], [[1.5], 'RangeError'], [['1'], 'TypeError'],
      [[1, 'Float16Array'], 'TypeError'], [[1, 'toString'], 'TypeError'],
      [[1, 'Buffer', 0], 'RangeError'], [[1, 'Buffer', {}], 'TypeError'], [[1, 'Buffer', ''], 'TypeError'],
      [[1, 'Buffer', 5, 0o660], 'RangeError'], [[1, 'Buffer', 5, '999'], 'RangeError'],
    ]) assert.throws(() => shm.create(...args), (error) => error.name === name || error.code === 'EINVAL');
  });
});
