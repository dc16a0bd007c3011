// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { countMappings } = require('./support/observe');
const { startPeer } = require('./support/peer');

after(destroyAll);

async function lockInPeer(t, ref, how = 'lock', ...args) {
  const peer = startPeer(t);
  await peer.run(async (segfs, r, how, args) => {
    globalThis.segment = segfs.open(r);
    globalThis.mutex = new segfs.Mutex(globalThis.segment, 64);
    return globalThis.mutex[how](...args);
  }, ref, how, args);
  return peer;
}

function kill(peer) {
  return assert.rejects(peer.run(() => process.kill(process.pid, 'SIGKILL')), { signal: 'SIGKILL' });
}

for (const kind of kinds) {
  describe(`a mutex in a ${kind} segment`, () => {
    const make = () => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      return { ref, segment, mutex: new segfs.Mutex(segment, 64) };
    };

    it('is held by one process at a time', async (t) => {
      const { ref, mutex } = make();
      for (const how of ['lock', 'lockAsync', 'tryLock']) {
        const peer = await lockInPeer(t, ref, how);
        assert.equal(mutex.tryLock(), false);
        assert.equal(mutex.lock(5), false);
        assert.equal(await mutex.lockAsync({ timeout: 5 }), false);
        assert.equal(mutex.held, false);
        const waiting = mutex.lockAsync();
        await peer.run(() => { globalThis.mutex.unlock(); });
        assert.equal(await waiting, true);
        assert.deepEqual([mutex.held, mutex.ownerDied], [true, false]);
        assert.equal(await peer.run(() => globalThis.mutex.tryLock()), false);
        mutex.unlock();
        await peer.stop();
      }
    });

    it('guards what is no single step, from processes that lock either way', async (t) => {
      const { ref, segment } = make();
      const add = async (segfs, r, how) => {
        const segment = segfs.open(r);
        const mutex = new segfs.Mutex(segment, 64);
        const [count] = [segment.as(Float64Array)];
        for (let i = 0; i < (how === 'lock' ? 20_000 : 500); i++) {
          await mutex[how]();
          count[0] += 1;
          mutex.unlock();
        }
      };
      await Promise.all(['lock', 'lock', 'lockAsync'].map((how) => startPeer(t).run(add, ref, how)));
      assert.equal(segment.as(Float64Array)[0], 40_500);
    });

    it('tells the next that its holder was killed, once', async (t) => {
      const { ref, mutex } = make();
      for (const theirs of ['lock', 'lockAsync']) {
        for (const mine of ['lock', 'lockAsync', 'tryLock']) {
          const peer = await lockInPeer(t, ref, theirs);
          const waiting = mine === 'lockAsync' && mutex.lockAsync();
          await kill(peer);
          assert.equal(await (waiting || mutex[mine]()), true);
          assert.equal(mutex.ownerDied, true);
          mutex.unlock();
          assert.equal(mutex.ownerDied, false);
          mutex.lock();
          assert.equal(mutex.ownerDied, false);
          mutex.unlock();
        }
      }
    });

    it('is let go of, and said so, when its worker ends', async () => {
      const { ref, segment, mutex } = make();
      for (const how of ['lock', 'lockAsync']) {
        for (const end of ['process.exit()', 'parentPort.once("message", () => 0)']) {
          const worker = new Worker(`
            const { parentPort, workerData } = require('node:worker_threads');
            const segfs = require(workerData.module);
            const mutex = new segfs.Mutex(segfs.open(workerData.ref), 64);
            (async () => {
              await mutex.${how}();
              parentPort.postMessage('held');
              ${end};
            })();
          `, { eval: true, workerData: { module: require.resolve('..'), ref } });
          const exited = once(worker, 'exit');
          await once(worker, 'message');
          if (end.includes('once')) await worker.terminate();
          await exited;
          assert.equal(mutex.lock(10_000), true);
          assert.equal(mutex.ownerDied, true);
          mutex.unlock();
        }
      }
      segment.close();
    });

    it('made at once by many is one', async (t) => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      const race = (segfs, r) => {
        const segment = segfs.open(r);
        const words = segment.as(Int32Array);
        while (Atomics.load(words, 0) === 0) segment.wait(0, 0);
        const mutex = new segfs.Mutex(segment, 64);
        for (let i = 0; i < 1000; i++) {
          mutex.lock();
          segment.as(Float64Array, 8)[0] += 1;
          mutex.unlock();
        }
      };
      const racing = [1, 2, 3].map(() => startPeer(t).run(race, ref));
      Atomics.store(segment.as(Int32Array), 0, 1);
      segment.notify(0);
      await Promise.all(racing);
      assert.equal(segment.as(Float64Array, 8)[0], 3000);
    });

    it('keeps its memory until it is unlocked', () => {
      const { ref, segment, mutex } = make();
      const other = new segfs.Mutex(segfs.open(ref), 64);
      mutex.lock();
      segment.close();
      assert.equal(countMappings(ref), 2);
      assert.equal(other.tryLock(), false);
      mutex.unlock();
      assert.equal(countMappings(ref), 1);
      assert.equal(other.tryLock(), true);
      other.unlock();
      assert.throws(() => mutex.lock(), { code: 'ERR_INVALID_STATE' });
    });
  });
}

it('an AbortSignal, or close(), ends the waiting for a lock', async (t) => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const mutex = new segfs.Mutex(segment, 64);
  const peer = await lockInPeer(t, ref);
  const controller = new AbortController();
  const waiting = mutex.lockAsync({ signal: controller.signal });

  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.equal(mutex.held, false);
  await peer.run(() => { globalThis.mutex.unlock(); });
  assert.equal(mutex.lock(10_000), true); // what was aborted lets go, if it got it at all
  assert.equal(mutex.ownerDied, false);
  mutex.unlock();
  await peer.run(() => globalThis.mutex.lock());
  const again = mutex.lockAsync();
  segment.close();
  await assert.rejects(again, { code: 'ERR_INVALID_STATE' });
});

it('an abort at the same time as the lock leaves it free', async () => {
  const segment = segfs.create(newRef('posix'), 4096);
  const [mutex, other] = [new segfs.Mutex(segment, 64), new segfs.Mutex(segment, 64)];
  for (let i = 0; i < 200; i++) {
    const controller = new AbortController();
    const waiting = mutex.lockAsync({ signal: controller.signal });
    if (i % 2) await new Promise(setImmediate);
    controller.abort();
    await waiting.then(() => mutex.unlock(), (error) => assert.equal(error.name, 'AbortError'));
    assert.equal(other.lock(10_000), true);
    other.unlock();
  }
});

it('what is held is not collected, and its memory neither', async (t) => {
  const ref = newRef('posix');
  segfs.create(ref, 4096).close();
  const peer = startPeer(t, { flags: ['--expose-gc'] });
  await peer.run(async (segfs, r) => {
    new segfs.Mutex(segfs.open(r), 64).lock();
    let dropped = false;
    globalThis.registry = new FinalizationRegistry(() => { dropped = true; });
    globalThis.registry.register({});
    await observe.collectUntil(() => dropped);
  }, ref);
  const mutex = new segfs.Mutex(segfs.open(ref), 64);
  assert.equal(mutex.tryLock(), false);
  await kill(peer);
  assert.equal(mutex.lock(), true);
  assert.equal(mutex.ownerDied, true);
  mutex.unlock();
});

it('misuse is an error', async () => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const mutex = new segfs.Mutex(segment, 64);
  const state = { code: 'ERR_INVALID_STATE' };

  assert.throws(() => mutex.unlock(), state);
  mutex.lock();
  assert.throws(() => mutex.lock(), state);
  await assert.rejects(mutex.lockAsync(), state);
  assert.throws(() => new segfs.Mutex(segment, 64).lock(), { code: 'EDEADLK', syscall: 'lock' });
  mutex[Symbol.dispose]();
  mutex[Symbol.dispose]();
  assert.equal(mutex.held, false);
  assert.throws(() => new segfs.Mutex(segment, 4), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new segfs.Mutex(segment, 4096 - 32), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new segfs.Mutex({}, 0), { code: 'ERR_INVALID_ARG_TYPE' });
  for (const options of [{ readOnly: true }, { private: true }]) {
    assert.throws(() => new segfs.Mutex(segfs.open(ref, options), 64), { code: 'ERR_INVALID_ARG_VALUE' });
  }
  segment.as(Uint8Array).fill(0x41, 128, 256);
  assert.throws(() => new segfs.Mutex(segment, 128), { code: 'EINVAL', syscall: 'mutex' });
  segment.as(Uint8Array).fill(0, 256, 384)[256] = 1;
  assert.throws(() => new segfs.Mutex(segment, 256), { code: 'EINVAL' });
  assert.throws(() => segfs.Mutex.prototype.lock.call({}), TypeError);
});

it('a C program locks the same mutex, and dies with it', (t) => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  const program = `/tmp/segfs-test-${process.pid}-locker`;
  t.after(() => fs.rmSync(program, { force: true }));
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
  } catch {
    return t.skip('needs a C compiler');
  }
  execFileSync('cc', ['-x', 'c', '-', '-pthread', '-o', program], { input: `
    #include <fcntl.h>
    #include <pthread.h>
    #include <string.h>
    #include <sys/mman.h>
    int main(int argc, char **argv)
    {
      char *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[1], O_RDWR), 0);
      pthread_mutexattr_t attr;
      if (strcmp(argv[2], "init") == 0) {
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
        return pthread_mutex_init((void *)(at + 128), &attr);
      }
      return pthread_mutex_lock((void *)(at + 64)) || pthread_mutex_lock((void *)(at + 128));
    }` });
  const run = (what) => execFileSync(program, [`/dev/shm${ref}`, what]);
  const ours = new segfs.Mutex(segment, 64);

  run('init');
  const theirs = new segfs.Mutex(segment, 128);
  run('lock');
  for (const mutex of [ours, theirs]) {
    assert.equal(mutex.tryLock(), true);
    assert.equal(mutex.ownerDied, true);
    mutex.unlock();
  }
});
