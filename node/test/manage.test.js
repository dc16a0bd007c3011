// SPDX-License-Identifier: MIT
/* What libseg says and does about segments in use. */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, describe, it } = require('node:test');

const { destroyAll, isRoot, kinds, newRef, newTmpfs, segfs } = require('./support');
const { countDescriptors } = require('./support/observe');
const { startPeer } = require('./support/peer');

after(destroyAll);

async function mapInPeer(t, ref, options) {
  const peer = startPeer(t);
  await peer.run((segfs, r, o) => { globalThis.segment = segfs.open(r, o); }, ref, options);
  return peer;
}

function ephemeral(ref) {
  return segfs.create(ref, 4096, { ephemeral: true });
}

function exists(ref) {
  return fs.existsSync(path.join('/dev/shm', ref));
}

for (const kind of kinds) {
  describe(`a ${kind} segment in use`, () => {
    it('is known to be so, and no more when the other process is killed', async (t) => {
      if (!isRoot) return t.skip('needs root, for System V');
      const ref = newRef(kind);
      segfs.create(ref, 4096).close();
      assert.equal(segfs.inUse(ref), false);
      const peer = await mapInPeer(t, ref, { readOnly: true });

      assert.equal(segfs.inUse(ref), true);
      assert.throws(() => segfs.destroy(ref, { ifUnused: true }), { code: 'EBUSY', syscall: 'destroy', path: ref });
      assert.equal(segfs.stat(ref).size, 4096);
      await assert.rejects(peer.run(() => process.kill(process.pid, 'SIGKILL')));
      assert.equal(segfs.inUse(ref), false);
      segfs.destroy(ref, { ifUnused: true });
      assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
    });

    it('tells who uses it', async (t) => {
      const ref = newRef(kind);
      segfs.create(ref, 4096).close();
      assert.deepEqual(segfs.users(ref).users, []);
      const peer = await mapInPeer(t, ref);
      const { users, complete } = segfs.users(ref);

      assert.equal(typeof complete, 'boolean');
      assert.deepEqual(users, [{
        pid: await peer.run(() => process.pid),
        uid: process.getuid(),
        command: await peer.run(() => require('node:fs').readFileSync('/proc/self/comm', 'utf8').trim()),
        open: false, mapped: kind === 'posix', attached: kind === 'sysv', direct: true, mount: false,
      }]);
    });

    it('is not collected, and is when it is free', async (t) => {
      if (!isRoot) return t.skip('needs root, for System V');
      const [used, free] = [newRef(kind), newRef(kind)];
      segfs.create(used, 8192).close();
      segfs.create(free, 4096).close();
      await mapInPeer(t, used);
      const filter = { kind, pattern: `${free.slice(0, -1)}*`, uid: process.getuid() };
      const refs = (options) => segfs.gc(options).map(({ ref }) => ref);

      assert.deepEqual(refs({ ...filter, unusedFor: 3_600_000 }), []);
      assert.deepEqual(refs({ ...filter, uid: 54_321 }), []);
      assert.ok(refs({ ...filter, dryRun: true }).includes(free));
      assert.equal(segfs.stat(free).size, 4096);
      const collected = segfs.gc(filter);
      assert.ok(collected.some(({ ref, size, error }) => ref === free && size === 4096 && !error));
      assert.ok(!collected.some(({ ref }) => ref === used));
      assert.throws(() => segfs.stat(free), { code: 'ENOENT' });
      assert.equal(segfs.stat(used).size, 8192);
    });
  });

  it(`errors of a missing ${kind} segment name what was asked`, () => {
    const ref = newRef(kind);
    for (const fn of ['inUse', 'users']) {
      assert.throws(() => segfs[fn](ref), { code: 'ENOENT', syscall: fn, path: ref });
    }
    assert.throws(() => segfs.resize(ref, 1), { code: 'ENOENT', syscall: 'resize', path: ref });
  });
}

it('of this process counts as a use, too', () => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  assert.equal(segfs.inUse(ref), true);
  segment.close();
  assert.equal(segfs.inUse(ref), false);
});

it('gc() without a filter destroys nothing', () => {
  const ref = newRef('posix');
  segfs.create(ref, 4096).close();
  for (const options of [undefined, {}, { dryRun: true }, { all: false }]) {
    assert.throws(() => segfs.gc(options), { code: 'ERR_INVALID_ARG_VALUE' });
  }
  assert.ok(segfs.gc({ all: true, dryRun: true }).some((entry) => entry.ref === ref));
  assert.throws(() => segfs.gc({ kind: 'file' }), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => segfs.gc({ uid: 'root' }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => segfs.gc({ unusedFor: -1 }), { code: 'ERR_OUT_OF_RANGE' });
});

it('resize() grows under a mapping, and the next open() maps all', () => {
  const ref = newRef('posix');
  const before = segfs.create(ref, 4096);

  segfs.resize(ref, 8192n);
  assert.equal(before.buffer.byteLength, 4096);
  const segment = segfs.open(ref);
  assert.equal(segment.buffer.byteLength, 8192);
  before.as(Uint8Array)[0] = 3;
  assert.equal(segment.as(Uint8Array)[0], 3);
});

it('resize() cuts nothing that is mapped, here or elsewhere', async (t) => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 3 * 4096);
  const refused = { code: 'EBUSY', syscall: 'resize', path: ref };

  assert.throws(() => segfs.resize(ref, 4096), refused);
  segment.close();
  const peer = await mapInPeer(t, ref);
  assert.throws(() => segfs.resize(ref, 4096), refused);
  assert.equal(segfs.stat(ref).size, 3 * 4096);
  segfs.resize(ref, 2 * 4096, { force: true });
  await peer.run(() => { globalThis.segment.close(); });
  segfs.resize(ref, 0);
  assert.equal(segfs.stat(ref).size, 0);
});

it('resize() of System V is EOPNOTSUPP', () => {
  const ref = newRef('sysv');
  segfs.create(ref, 4096).close();
  assert.throws(() => segfs.resize(ref, 8192), { code: 'EOPNOTSUPP' });
});

describe('an ephemeral segment', () => {
  it('goes when its creator closes it, unless somebody else uses it', async (t) => {
    const [own, shared] = [newRef('posix'), newRef('posix')];
    const segments = [ephemeral(own), ephemeral(shared)];
    const peer = await mapInPeer(t, shared);

    segments.forEach((segment) => segment.close());
    assert.deepEqual([exists(own), exists(shared)], [false, true]);
    await peer.stop();
    assert.deepEqual(segfs.gc({ ephemeral: true, pattern: shared }).map(({ ref }) => ref), [shared]);
  });

  it('goes when its creator exits, also with an error, and keeps no descriptor', async (t) => {
    for (const status of [0, 3]) {
      const ref = newRef('posix');
      const peer = startPeer(t);
      await peer.run((segfs, r, status) => {
        globalThis.segment = segfs.create(r, 4096, { ephemeral: true });
        segfs.create(r, 4096, { ephemeral: true }).close();
        process.on('disconnect', () => process.exit(status));
      }, ref, status);
      assert.equal(exists(ref), true);
      assert.deepEqual(await peer.stop(), [status, null]);
      assert.equal(exists(ref), false);
    }
  });

  it('is left to gc() when its creator is killed', async (t) => {
    const ref = newRef('posix');
    const peer = startPeer(t);
    await peer.run((segfs, r) => { globalThis.s = segfs.create(r, 4096, { ephemeral: true }); }, ref);
    assert.deepEqual(segfs.gc({ ephemeral: true, pattern: ref }), []);
    await assert.rejects(peer.run(() => process.kill(process.pid, 'SIGTERM')), { signal: 'SIGTERM' });
    assert.equal(exists(ref), true);
    assert.equal(segfs.gc({ ephemeral: true, pattern: ref }).length, 1);
  });

  it('is not taken away by a process that only opened it, nor is another of its name', () => {
    const ref = newRef('posix');
    segfs.create(ref, 4096).close();
    segfs.create(ref, 4096, { ephemeral: true }).close();
    assert.equal(exists(ref), true);
    segfs.destroy(ref);
    const before = countDescriptors();
    const segment = ephemeral(ref);
    assert.equal(countDescriptors(), before);
    segfs.destroy(ref);
    segfs.create(ref, 8192).close();
    segment.close();
    assert.equal(segfs.stat(ref).size, 8192);
    assert.throws(() => segfs.create(ref, 1, { ephemeral: true, exclusive: true }), { code: 'EEXIST' });
  });

  it('of System V is EOPNOTSUPP', () => {
    const ref = newRef('sysv');
    assert.throws(() => segfs.create(ref, 4096, { ephemeral: true }), { code: 'EOPNOTSUPP' });
    assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
  });
});

describe('a mapping', () => {
  for (const kind of kinds) {
    it(`of a ${kind} segment can be populated, with huge pages or without`, () => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20, { populate: true }).close();
      assert.equal(segfs.stat(ref).allocated, 1 << 20);
      for (const readOnly of [false, true]) {
        const segment = segfs.open(ref, { populate: true, hugePages: true, readOnly, offset: 4104 });
        assert.equal(segment.as(Uint8Array).every((byte) => byte === 0), true);
      }
    });
  }

  it('that cannot be populated is ENOSPC, not a SIGBUS', (t) => {
    const directory = isRoot && newTmpfs(t, '1m');
    if (!directory) return t.skip('needs to mount a small tmpfs');
    const file = path.join(directory, 'x');
    segfs.create(file, 2 << 20).close();
    assert.throws(() => segfs.open(file, { populate: true }), { code: 'ENOSPC', syscall: 'open', path: file });
  });

  it('that is private keeps its writes to itself', async (t) => {
    const ref = newRef('posix');
    const shared = segfs.create(ref, 8192, { mode: 0o644 });
    const copy = segfs.open(ref, { private: true, populate: true, offset: 8 });

    shared.as(Uint8Array)[8] = 5;
    assert.equal(copy.as(Uint8Array)[0], 5);
    copy.as(Uint8Array).fill(9);
    assert.deepEqual([...shared.as(Uint8Array, 7, 3)], [0, 5, 0]);
    copy.close();
    const peer = await mapInPeer(t, ref, { private: true });
    await peer.run(() => { globalThis.segment.as(Uint8Array).fill(1); });
    assert.equal(shared.as(Uint8Array)[0], 0);
  });

  it('that is private is none of System V, nor read-only', () => {
    const [sysv, posix] = [newRef('sysv'), newRef('posix')];
    for (const ref of [sysv, posix]) segfs.create(ref, 4096).close();
    assert.throws(() => segfs.open(sysv, { private: true }), { code: 'EOPNOTSUPP' });
    assert.throws(() => segfs.open(posix, { private: true, readOnly: true }), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('a view', () => {
  it('is of any kind, and of as many whole elements as fit', () => {
    const segment = segfs.create(newRef('posix'), 4100);
    assert.equal(segment.as(Float64Array).length, 512);
    assert.equal(segment.as(Float64Array, 8).length, 511);
    assert.equal(segment.as(BigInt64Array, 8, 2).length, 2);
    assert.equal(segment.as(DataView, 3).byteLength, 4097);
    const bytes = segment.as(Buffer, 1, 5);
    assert.ok(Buffer.isBuffer(bytes));
    bytes.write('hello');
    assert.equal(segment.as(DataView).getUint8(1), 'h'.charCodeAt());
    assert.equal(segment.as(Buffer).length, 4100);
  });

  it('outside of the buffer is a RangeError', () => {
    const segment = segfs.create(newRef('posix'), 4096);
    for (const [offset, length] of [[-1], [4097], [0, 513], [1.5], [8, 512]]) {
      assert.throws(() => segment.as(Float64Array, offset, length), { code: 'ERR_OUT_OF_RANGE' });
    }
    assert.throws(() => segment.as('Float64Array'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => segment.as(Float64Array, 4), RangeError);
  });
});

it('Symbol.dispose closes', () => {
  const segment = segfs.create(newRef('posix'), 4096);
  segment[Symbol.dispose]();
  segment[Symbol.dispose]();
  assert.equal(segment.buffer.byteLength, 0);
});
