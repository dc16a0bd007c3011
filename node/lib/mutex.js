// SPDX-License-Identifier: MIT
'use strict';

const { constants: { errno: { EBUSY, EDEADLK, ETIMEDOUT } } } = require('node:os');

const addon = require('./addon');
const { check, invalidState } = require('./errors');
const { Segment } = require('./segment');
const validate = require('./validate');
const { inSteps, inThread } = require('./wait');

// What is held must not be collected: nobody could unlock it then.
const held = new Set();

class Mutex {
  static BYTES = addon.MUTEX_BYTES;

  #segment;
  #native;
  #pending;
  #state = 'free'; // 'locking' or 'held'
  #ownerDied = false;

  constructor(segment, byteOffset = 0) {
    const { handle, pending } = Segment.lockable(segment, byteOffset, Mutex.BYTES);

    this.#segment = segment;
    this.#pending = pending;
    this.#native = check(addon.mutexOpen(handle, Number(byteOffset)), 'mutex', segment.ref);
  }

  get held() {
    return this.#state === 'held';
  }

  get ownerDied() {
    return this.#ownerDied;
  }

  lock(timeout) {
    timeout = validate.timeout('timeout', timeout);
    this.#begin();
    return this.#end(() => inSteps(timeout, (ms) => addon.mutexLock(this.#native, ms)));
  }

  tryLock() {
    this.#begin();
    return this.#end(() => {
      const result = addon.mutexLock(this.#native, 0);
      return result === -EDEADLK ? -EBUSY : result; // by another object, in this thread
    });
  }

  async lockAsync(options) {
    options = validate.options(options);
    const timeout = validate.timeout('options.timeout', options.timeout);
    const signal = validate.signal(options.signal);
    this.#begin();
    let result;
    try {
      const start = () => addon.mutexLockAsync(this.#native, timeout);
      result = await inThread(start, signal, this.#pending);
    } finally {
      this.#state = 'free';
    }
    return this.#end(() => result);
  }

  unlock() {
    if (this.#state !== 'held') throw invalidState('the mutex is not held');
    this.#state = 'free';
    this.#ownerDied = false;
    held.delete(this);
    check(addon.mutexUnlock(this.#native), 'unlock', this.#segment.ref);
  }

  #begin() {
    if (this.#state !== 'free') throw invalidState(`the mutex is ${this.#state} already`);
    if (Segment.isClosed(this.#segment)) throw invalidState('the segment has been closed');
    this.#state = 'locking';
  }

  #end(lock) {
    let result = -EBUSY;
    try {
      result = lock();
    } finally {
      this.#state = result < 0 ? 'free' : 'held';
    }
    if (result === -EBUSY || result === -ETIMEDOUT) return false;
    this.#ownerDied = check(result, 'lock', this.#segment.ref) === 1;
    held.add(this);
    return true;
  }
}

if (Symbol.dispose) {
  Mutex.prototype[Symbol.dispose] = function dispose() {
    if (this.held) this.unlock();
  };
}

module.exports = { Mutex };
