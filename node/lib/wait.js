// SPDX-License-Identifier: MIT
/* What waiting at words and waiting for locks have in common. */
'use strict';

const { constants: { errno: { ECANCELED, EINTR, ETIMEDOUT } } } = require('node:os');
const { isMainThread } = require('node:worker_threads');

const addon = require('./addon');
const { aborted, invalidState } = require('./errors');

// A worker is terminated between two calls, not in one: so there each call is short.
const STEP_MS = isMainThread ? Infinity : 100;

/**
 * Calls `wait` with milliseconds to wait for, until it has another answer than that they
 * are over, or `timeout` is. Signals (those with a listener) only make it call again.
 */
function inSteps(timeout, wait) {
  const end = timeout < 0 ? Infinity : performance.now() + timeout;
  for (let left = timeout < 0 ? Infinity : timeout; ;) {
    const step = Math.min(left, STEP_MS);
    const result = wait(step === Infinity ? -1 : step);
    if (result !== -EINTR && result !== -ETIMEDOUT) return result;
    left = Math.max(0, end - performance.now());
    if (left === 0) return -ETIMEDOUT;
  }
}

/**
 * The result of what `start` starts, in a thread of its own. `pending` holds what ends it
 * when the segment is closed.
 */
function inThread(start, signal, pending) {
  if (signal?.aborted) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    const started = start();
    if (typeof started === 'number') return resolve(started);
    const [result, task] = started;
    const finish = (settle, value) => {
      signal?.removeEventListener('abort', abort);
      pending.delete(cancel);
      settle(value);
    };
    const cancel = (error) => {
      if (addon.cancel(task)) finish(reject, error);
    };
    const abort = () => cancel(aborted(signal));

    signal?.addEventListener('abort', abort, { once: true });
    pending.add(cancel);
    result.then((value) => {
      if (value !== -ECANCELED && pending.has(cancel)) finish(resolve, value);
    });
  });
}

function cancelAll(pending) {
  for (const cancel of [...pending]) cancel(invalidState('the segment has been closed'));
}

module.exports = { cancelAll, inSteps, inThread };
