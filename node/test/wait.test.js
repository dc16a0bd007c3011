// SPDX-License-Identifier: MIT
/* Waiting for another process at a word of a segment. */
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { startPeer } = require('./support/peer');

after(destroyAll);

async function openInPeer(t, ref) {
  const peer = startPeer(t);
  await peer.run((segfs, r) => { globalThis.segment = segfs.open(r); }, ref);
  return peer;
}

/** Whoever waits is asleep when there is somebody to wake. */
async function notifyUntil(segment, index, count = 1) {
  for (let woken = 0; woken < count;) {
    woken += segment.notify(index, count - woken);
    await new Promise(setImmediate);
  }
}

const threads = () => fs.readdirSync('/proc/self/task').length;

for (const kind of kinds) {
  describe(`a word of a ${kind} segment`, () => {
    it('is where a process sleeps until another wakes it', async (t) => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      const peer = await openInPeer(t, ref);
      const waiting = peer.run(() => globalThis.segment.wait(3, 0));

      await notifyUntil(segment, 3);
      assert.equal(await waiting, 'ok');
    });

    it('hands a message to and fro a thousand times', async (t) => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      const words = segment.as(Int32Array);
      const peer = await openInPeer(t, ref);
      const done = peer.run(() => {
        const words = globalThis.segment.as(Int32Array);
        for (let turn = 1; turn <= 1000; turn++) {
          while (Atomics.load(words, 0) < turn) globalThis.segment.wait(0, turn - 1);
          Atomics.store(words, 1, turn);
          globalThis.segment.notify(1);
        }
        return words[0];
      });

      for (let turn = 1; turn <= 1000; turn++) {
        Atomics.store(words, 0, turn);
        segment.notify(0);
        while (Atomics.load(words, 1) < turn) segment.wait(1, turn - 1);
      }
      assert.equal(await done, 1000);
    });

    it('is where a promise waits, in another process or in this one', async (t) => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      const peer = await openInPeer(t, ref);
      const waiting = [
        peer.run(() => globalThis.segment.waitAsync(5, 0)),
        segment.waitAsync(5, 0),
        segfs.open(ref, { offset: 8 }).waitAsync(3, 0),
      ];
      await notifyUntil(segment, 5, 3);
      assert.deepEqual(await Promise.all(waiting), ['ok', 'ok', 'ok']);
      assert.equal(segment.notify(5), 0);
    });

    it('that has changed is not waited for', async () => {
      const segment = segfs.create(newRef(kind), 4096);
      segment.as(Int32Array)[2] = -7;
      assert.equal(segment.wait(2, 0), 'not-equal');
      assert.equal(await segment.waitAsync(2, 0), 'not-equal');
      assert.equal(segment.wait(2, -7, 1), 'timed-out');
      assert.equal(segment.wait(2, 2 ** 32 - 7, 0), 'timed-out');
    });

    it('is waited for as long as asked', async () => {
      const segment = segfs.create(newRef(kind), 4096);
      const before = performance.now();
      assert.equal(segment.wait(0, 0, 20.5), 'timed-out');
      assert.equal(await segment.waitAsync(0, 0, { timeout: 20 }), 'timed-out');
      assert.ok(performance.now() - before >= 40);
    });
  });
}

it('two processes count to 2 * 10^7 in one word with Atomics', async (t) => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const count = (segfs, r) => {
    const segment = segfs.open(r);
    const words = segment.as(Int32Array);
    Atomics.add(words, 1, 1);
    segment.notify(1);
    while (Atomics.load(words, 1) < 2) segment.wait(1, 1);
    for (let i = 0; i < 1e7; i++) Atomics.add(words, 0, 1);
  };
  await Promise.all([startPeer(t), startPeer(t)].map((peer) => peer.run(count, ref)));
  assert.equal(segment.as(Int32Array)[0], 2e7);
});

it('an AbortSignal ends a wait, and no other', async () => {
  const segment = segfs.create(newRef('posix'), 4096);
  const controllers = [new AbortController(), new AbortController()];
  const waits = controllers.map(({ signal }) => segment.waitAsync(0, 0, { signal }));
  const reason = new Error('enough');

  controllers[0].abort(reason);
  await assert.rejects(waits[0], { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
  await notifyUntil(segment, 0);
  assert.equal(await waits[1], 'ok');
  controllers[1].abort();
  await assert.rejects(segment.waitAsync(0, 0, { signal: controllers[0].signal }), { name: 'AbortError' });
});

it('close() ends the waits, and unmaps', async () => {
  const segment = segfs.create(newRef('posix'), 4096);
  const waits = [segment.waitAsync(0, 0), segment.waitAsync(1, 0)];
  segment.close();
  for (const wait of waits) await assert.rejects(wait, { code: 'ERR_INVALID_STATE' });
  for (const fn of ['wait', 'notify']) {
    assert.throws(() => segment[fn](0, 0), { code: 'ERR_INVALID_STATE' });
  }
  await assert.rejects(segment.waitAsync(0, 0), { code: 'ERR_INVALID_STATE' });
});

it('waits take no thread of the pool, and give back their own', async () => {
  const segment = segfs.create(newRef('posix'), 4096);
  await fs.promises.stat('/');
  const before = threads();
  const waits = Array.from({ length: 20 }, () => segment.waitAsync(0, 0));

  assert.equal(threads(), before + 20);
  await fs.promises.stat('/'); // the pool has four threads
  await notifyUntil(segment, 0, 20);
  await Promise.all(waits);
  assert.equal(threads(), before);
});

it('a signal listener runs after the wait, which goes on', async (t) => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const peer = await openInPeer(t, ref);
  const pid = await peer.run(() => {
    process.on('SIGUSR2', () => { globalThis.seen = true; });
    return process.pid;
  });
  const waiting = peer.run(() => globalThis.segment.wait(0, 0));
  for (let i = 0; i < 50; i++) process.kill(pid, 'SIGUSR2');
  await notifyUntil(segment, 0);
  assert.equal(await waiting, 'ok');
  assert.equal(await peer.run(async () => {
    while (!globalThis.seen) await new Promise(setImmediate);
    return true;
  }), true);
});

it('a process ends when its waits do, and can exit with them open', () => {
  const program = (end) => `
    const segfs = require(${JSON.stringify(require.resolve('..'))});
    const segment = segfs.create('${newRef('posix')}', 4096);
    ${end}`;
  const run = (end) => execFileSync(process.execPath, ['-e', program(end)], { encoding: 'utf8' });

  assert.equal(run("segment.waitAsync(0, 0, { timeout: 30 }).then(console.log)"), 'timed-out\n');
  assert.equal(run('segment.waitAsync(0, 0); new segfs.Mutex(segment, 64).lockAsync().then(() => process.exit())'), '');
  assert.equal(run('segment.waitAsync(0, 0); process.exit()'), '');
});

it('a worker can be terminated in each kind of wait', async () => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const mutex = new segfs.Mutex(segment, 64);
  mutex.lock();
  for (const wait of ['segment.wait(0, 0)', 'segment.waitAsync(0, 0)', 'mutex.lock()', 'mutex.lockAsync()']) {
    const worker = new Worker(`
      const { parentPort, workerData } = require('node:worker_threads');
      const segfs = require(workerData.module);
      const segment = segfs.open(workerData.ref);
      const mutex = new segfs.Mutex(segment, 64);
      parentPort.postMessage('waits');
      ${wait};
    `, { eval: true, workerData: { module: require.resolve('..'), ref } });
    await once(worker, 'message');
    await worker.terminate();
  }
  mutex.unlock();
  assert.equal(mutex.tryLock(), true);
  assert.equal(mutex.ownerDied, false);
});

it('arguments are checked', async () => {
  const segment = segfs.create(newRef('posix'), 4096);
  const range = { code: 'ERR_OUT_OF_RANGE' };
  const type = { code: 'ERR_INVALID_ARG_TYPE' };
  for (const [args, error] of [
    [[-1, 0], range], [[1024, 0], range], [[0.5, 0], range], [['0', 0], type],
    [[0, '0'], type], [[0, 2 ** 32], range], [[0], type],
    [[0, 0, -1], range], [[0, 0, NaN], range], [[0, 0, '5'], type], [[0, 0, 5n], type],
  ]) assert.throws(() => segment.wait(...args), error);
  assert.throws(() => segment.notify(0, -1), range);
  assert.throws(() => segment.notify(1024), range);
  await assert.rejects(segment.waitAsync(0, 0, { timeout: -1 }), range);
  await assert.rejects(segment.waitAsync(0, 0, { signal: {} }), type);
  await assert.rejects(segment.waitAsync(0, 0, 5), type);
});

it('a C program waits at the same word', async (t) => {
  const compiler = ['cc', 'gcc', 'clang'].find((name) => {
    try {
      return execFileSync(name, ['--version']);
    } catch {
      return false;
    }
  });
  if (!compiler) return t.skip('needs a C compiler');
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const program = `/tmp/segfs-test-${process.pid}-waiter`;
  t.after(() => fs.rmSync(program, { force: true }));
  execFileSync(compiler, ['-x', 'c', '-', '-o', program], { input: `
    #include <fcntl.h>
    #include <linux/futex.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int main(int argc, char **argv)
    {
      int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[1], O_RDWR), 0);
      while (*(volatile int *)word == 0)
        syscall(SYS_futex, word, FUTEX_WAIT, 0, 0, 0, 0);
      return *word;
    }` });
  const waiter = spawn(program, [`/dev/shm${ref}`]);
  const exited = once(waiter, 'exit');
  const words = segment.as(Int32Array);

  Atomics.store(words, 0, 7);
  segment.notify(0);
  assert.deepEqual(await exited, [7, null]);
});
