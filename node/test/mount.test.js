// SPDX-License-Identifier: MIT
/* Paths on a segfs mount, which is made here for the time of the test. */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { destroyAll, isRoot, kinds, newRef, segfs } = require('./support');
const { startPeer } = require('./support/peer');

const daemon = path.join(__dirname, '../../build/segfs');

function whyNot() {
  if (!fs.existsSync(daemon)) return `there is no ${daemon}`;
  return isRoot ? false : 'needs root, to mount';
}

describe('a path on the mount', { skip: whyNot() }, () => {
  const mountpoint = fs.mkdtempSync(path.join(os.tmpdir(), 'segfs-test-'));
  const pathOf = (ref) => path.join(mountpoint, ref.replace(/^\//, 'posix/').replace(/^sysv:/, 'sysv/'));

  before(() => {
    // It goes to the background when the mount answers.
    const { status, stderr } = spawnSync(daemon, ['host', mountpoint], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  // A mapping keeps the mount busy.
  const mapped = [];
  const keep = (segment) => {
    mapped.push(segment);
    return segment;
  };

  after(() => {
    mapped.forEach((segment) => segment.close());
    destroyAll();
    assert.equal(spawnSync('umount', [mountpoint]).status, 0);
    fs.rmdirSync(mountpoint);
  });

  it('lists and collects a directory', () => {
    const [used, unused, other] = [newRef('posix'), newRef('posix'), newRef('posix')];
    [used, unused, other].forEach((ref) => segfs.create(ref, 4096).close());
    const directory = path.join(mountpoint, 'posix');
    const listed = segfs.list(undefined, { directory });
    const entry = listed.find(({ ref }) => ref === pathOf(used));

    assert.deepEqual([entry.kind, entry.size], ['file', 4096]);
    assert.deepEqual(
      segfs.list(undefined, { directory: Buffer.from(`${directory}/`), encoding: 'buffer' })
        .map(({ ref }) => String(ref)).sort(),
      listed.map(({ ref }) => ref).sort());

    const user = segfs.open(used);
    const gc = (pattern, options) => segfs.gc({ directory, pattern, ...options });
    assert.deepEqual(gc(unused, { dryRun: true }).map(({ ref }) => ref), [pathOf(unused)]);
    assert.deepEqual(gc(unused).map(({ ref }) => ref), [pathOf(unused)]);
    assert.deepEqual(gc(used), []);
    user.close();
    assert.equal(segfs.stat(pathOf(used)).size, 4096);
    assert.equal(segfs.stat(other).size, 4096);
    assert.throws(() => segfs.stat(unused), { code: 'ENOENT' });
  });

  it('takes no other directory for one of segments', () => {
    const directory = path.join(mountpoint, 'none');
    const bad = { code: 'ERR_INVALID_ARG_VALUE' };

    assert.throws(() => segfs.list(undefined, { directory }),
      { code: 'ENOENT', syscall: 'list', path: directory });
    assert.throws(() => segfs.gc({ directory: __dirname, all: true }),
      { code: 'EOPNOTSUPP', syscall: 'gc', path: __dirname });
    assert.throws(() => segfs.gc({ directory: mountpoint }), bad); // no filter
    assert.throws(() => segfs.gc({ directory: mountpoint, kind: 'posix' }), bad);
    assert.throws(() => segfs.list('sysv', { directory: mountpoint }), bad);
    assert.throws(() => segfs.list(undefined, { directory: 1 }),
      { code: 'ERR_INVALID_ARG_TYPE', message: /options\.directory/ });
  });

  for (const kind of kinds) {
    it(`maps the same bytes as the reference of a ${kind} segment`, () => {
      const ref = newRef(kind);
      const direct = segfs.create(ref, 10_000);
      const mounted = keep(segfs.open(pathOf(ref)));
      const [a, b] = [direct, mounted].map(({ buffer }) => new Uint8Array(buffer));

      assert.deepEqual([mounted.size, mounted.kind, mounted.ref], [10_000, 'file', pathOf(ref)]);
      a[0] = 1;
      b[9999] = 2;
      assert.deepEqual([a[0], b[0], a[9999], b[9999]], [1, 1, 2, 2]);
    });

    it(`destroys a ${kind} segment, and those who have it mapped keep it`, () => {
      const ref = newRef(kind);
      const view = new Uint8Array(segfs.create(ref, 4096).buffer);

      segfs.destroy(pathOf(ref));
      assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
      assert.throws(() => segfs.open(pathOf(ref)), { code: 'ENOENT', path: pathOf(ref) });
      view[0] = 1;
    });

    it(`maps a window of a ${kind} segment of 6 GiB`, () => {
      const ref = newRef(kind);
      const window = { offset: 6 * 2 ** 30 - 8, length: 8 };
      const direct = new Uint8Array(segfs.create(ref, 6 * 2 ** 30, window).buffer);

      direct[7] = 9;
      const mounted = keep(segfs.open(pathOf(ref), { ...window, readOnly: true }));
      assert.equal(new Uint8Array(mounted.buffer)[7], 9);
    });

    it(`shares a ${kind} segment with another process`, async (t) => {
      const ref = newRef(kind);
      const view = new Int32Array(segfs.create(ref, 4096).buffer);
      const peer = startPeer(t);

      view[0] = 20;
      assert.equal(await peer.run((segfs, path) => {
        const view = new Int32Array(segfs.open(path).buffer);
        return Atomics.add(view, 0, 22);
      }, pathOf(ref)), 20);
      assert.equal(view[0], 42);
    });
  }

  for (const kind of kinds) {
    it(`waits and locks with those who map the ${kind} segment directly`, async (t) => {
      const ref = newRef(kind);
      const direct = segfs.create(ref, 4096);
      const mutex = new segfs.Mutex(direct, 64);
      const peer = startPeer(t);
      const locked = peer.run(async (segfs, path) => {
        globalThis.segment = segfs.open(path);
        new segfs.Mutex(globalThis.segment, 64).lock();
        return globalThis.segment.wait(0, 0);
      }, pathOf(ref));

      while (direct.notify(0) === 0) await new Promise(setImmediate);
      assert.equal(await locked, 'ok');
      assert.equal(mutex.tryLock(), false);
      await assert.rejects(peer.run(() => process.kill(process.pid, 'SIGKILL')));
      assert.equal(mutex.lock(), true);
      assert.equal(mutex.ownerDied, true);
      mutex.unlock();
    });

    it(`knows who uses a ${kind} segment, and keeps it for them`, async (t) => {
      const ref = newRef(kind);
      segfs.create(ref, 4096).close();
      assert.equal(segfs.inUse(pathOf(ref)), false);
      const peer = startPeer(t);
      await peer.run((segfs, path) => { globalThis.segment = segfs.open(path); }, pathOf(ref));

      assert.equal(segfs.inUse(ref), true);
      assert.equal(segfs.inUse(pathOf(ref)), true);
      assert.ok(segfs.users(ref).users.some(({ mount, mapped }) => mount && mapped));
      for (const name of [ref, pathOf(ref)]) {
        assert.throws(() => segfs.destroy(name, { ifUnused: true }), { code: 'EBUSY' });
      }
      await peer.stop();
      segfs.destroy(pathOf(ref), { ifUnused: true });
      assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
    });
  }

  it('creates a POSIX segment', () => {
    const ref = newRef('posix');
    const segment = keep(segfs.create(pathOf(ref), 10_000, { exclusive: true }));

    new Uint8Array(segment.buffer).fill(5);
    const { size, mode, uid } = segfs.stat(ref);
    assert.deepEqual({ size, mode, uid }, { size: 10_000, mode: 0o600, uid: process.getuid() });
    assert.ok(new Uint8Array(segfs.open(ref).buffer).every((byte) => byte === 5));
    assert.throws(() => segfs.create(pathOf(ref), 1, { exclusive: true }), { code: 'EEXIST' });
    assert.throws(() => segfs.create(pathOf(ref), 10_001), { code: 'EINVAL' });
  });

  it('in sysv/ is a key', () => {
    assert.throws(() => segfs.create(path.join(mountpoint, 'sysv/name'), 4096),
      { code: 'EINVAL', syscall: 'create' });
  });
});
