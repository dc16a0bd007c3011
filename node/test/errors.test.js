// SPDX-License-Identifier: MIT
/* Each error that index.d.ts names, made to happen. */
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, it } = require('node:test');

const { destroyAll, isRoot, kinds, newDirectory, newRef, newTmpfs, segfs } = require('./support');
const { startPeer } = require('./support/peer');

after(destroyAll);

const { errno } = os.constants;

function assertFails(fn, ref, code, ...args) {
  assert.throws(() => segfs[fn](ref, ...args), (error) => {
    assert.ok(error instanceof Error);
    assert.deepEqual({ ...error }, { errno: -errno[code], code, syscall: fn, path: String(ref) });
    return true;
  });
}

it('has the form of errors of node:fs', () => {
  const ref = newRef('posix');
  assert.throws(() => segfs.open(ref), {
    name: 'Error', message: `ENOENT: no such file or directory, open '${ref}'` });
  assert.throws(() => segfs.open(Buffer.from(ref)), { path: ref });
});

for (const kind of kinds) {
  it(`ENOENT: there is no such ${kind} segment`, () => {
    const ref = newRef(kind);
    for (const fn of ['open', 'stat', 'destroy']) assertFails(fn, ref, 'ENOENT');
  });

  it(`EEXIST: the ${kind} segment is there already`, () => {
    const ref = newRef(kind);
    segfs.create(ref, 4096, { exclusive: true }).close();
    assertFails('create', ref, 'EEXIST', 4096, { exclusive: true });
  });

  it(`EINVAL: the existing ${kind} segment is too small`, () => {
    const ref = newRef(kind);
    segfs.create(ref, 4096).close();
    assertFails('create', ref, 'EINVAL', 8192);
    assert.equal(segfs.stat(ref).size, 4096);
  });

  it(`EACCES, EPERM: the ${kind} segment is somebody else's`, async (t) => {
    if (!isRoot) return t.skip('needs root, to become somebody else');
    const [own, readable] = [newRef(kind), newRef(kind)];
    segfs.create(own, 4096).close();
    segfs.create(readable, 4096, { mode: 0o644 }).close();
    fs.existsSync(`/dev/shm${readable}`) && fs.chmodSync(`/dev/shm${readable}`, 0o644);
    const peer = startPeer(t);
    await peer.run(() => { process.setgroups([]); process.setgid(65534); process.setuid(65534); });

    const open = (ref, options) => peer.run((segfs, r, o) => segfs.open(r, o).close(), ref, options);
    await assert.rejects(open(own), { code: 'EACCES', errno: -13, syscall: 'open', path: own });
    await assert.rejects(open(own, { readOnly: true }), { code: 'EACCES' });
    await assert.rejects(open(readable), { code: 'EACCES' });
    await open(readable, { readOnly: true });
    await assert.rejects(peer.run((segfs, r) => segfs.create(r, 1), own), { code: 'EACCES' });
    await assert.rejects(peer.run((segfs, r) => segfs.destroy(r), own), { code: 'EPERM' });
    assert.equal(await peer.run((segfs, r) => segfs.stat(r).size, own), 4096);
  });
}

it('EEXIST, ENOENT: the name belongs to a directory', () => {
  const name = `/segfs-test-${process.pid}-directory`;
  fs.mkdirSync(`/dev/shm${name}`);
  try {
    assertFails('create', name, 'EEXIST', 4096);
    for (const fn of ['open', 'stat', 'destroy']) assertFails(fn, name, 'ENOENT');
  } finally {
    fs.rmdirSync(`/dev/shm${name}`);
  }
});

it('EINVAL: the reference is malformed', () => {
  for (const ref of ['/', '/.', '..', 'sysv:', 'sysv:0xg', 'sysv:-1', 'sysv:id:x', 'sysv:4294967296']) {
    assertFails('open', ref, 'EINVAL');
    assertFails('create', ref, 'EINVAL', 4096);
  }
});

it('EINVAL: the segment is empty', () => {
  const ref = newRef('posix');
  fs.writeFileSync(`/dev/shm${ref}`, '');
  assertFails('open', ref, 'EINVAL');
});

it('EINVAL: the path names no regular file', (t) => {
  const directory = newDirectory(t);
  for (const fn of ['open', 'stat', 'destroy']) assertFails(fn, directory, 'EINVAL');
});

it('ENOENT: a directory on the way is missing', (t) => {
  assertFails('create', path.join(newDirectory(t), 'missing', 'x'), 'ENOENT', 4096);
});

it('ENAMETOOLONG: a name of 256 bytes', () => {
  for (const fn of ['open', 'stat', 'destroy']) assertFails(fn, `/${'x'.repeat(256)}`, 'ENAMETOOLONG');
  assertFails('create', `/${'ü'.repeat(128)}`, 'ENAMETOOLONG', 4096);
});

it('ENODEV: a file that cannot be mapped', (t) => {
  const file = '/sys/kernel/mm/transparent_hugepage/enabled';
  if (!fs.existsSync(file)) return t.skip(`no ${file}`);
  assertFails('open', file, 'ENODEV', { readOnly: true });
});

it('ENOMEM: a System V segment larger than memory', () => {
  assertFails('create', newRef('sysv'), 'ENOMEM', 2 ** 50, { length: 8 });
});

it('ENOSPC: preallocation on a full file system, and nothing is left behind', (t) => {
  if (!isRoot) return t.skip('needs root, to mount a small tmpfs');
  const directory = newTmpfs(t, '1m');
  if (!directory) return t.skip('mounting a tmpfs is not allowed here');
  const file = path.join(directory, 'data');

  assertFails('create', file, 'ENOSPC', 2 << 20, { preallocate: true });
  assert.ok(!fs.existsSync(file));
  segfs.create(file, 2 << 20).close();
});

it('EMFILE: no descriptor left', async (t) => {
  const ref = newRef('posix');
  segfs.create(ref, 4096).close();
  const peer = startPeer(t, { limits: '-n 64' });

  const code = await peer.run((segfs, r) => {
    const fs = require('node:fs');
    try {
      for (;;) fs.openSync('/dev/null');
    } catch { /* that was the last one */ }
    try {
      segfs.open(r);
    } catch (error) {
      return error.code;
    }
  }, ref);
  assert.equal(code, 'EMFILE');
});

it('EAGAIN: somebody holds a lease', async (t) => {
  const ref = newRef('posix');
  segfs.create(ref, 4096).close();
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
  } catch {
    return t.skip('needs python3, to take a lease');
  }
  const holder = spawn('python3', ['-c', `
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open('/dev/shm${ref}', os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.read()
`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(holder, 'exit');
  await once(holder.stdout, 'data');

  assertFails('open', ref, 'EAGAIN');
  holder.stdin.end();
  await exited;
  segfs.open(ref).close();
});
