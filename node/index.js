// SPDX-License-Identifier: MIT
/* segfs for Node.js. What each function does, and when it throws, is in index.d.ts. */
'use strict';

const { Mutex } = require('./lib/mutex');
const { destroy, gc, inUse, list, resize, stat, users } = require('./lib/names');
const { create, open } = require('./lib/segment');

module.exports = {
  create, open, stat, list, resize, destroy, inUse, users, gc, Mutex,
};
