// SPDX-License-Identifier: MIT
'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

function load() {
  const root = path.join(__dirname, '..');
  // Not in the package: this is the source tree, whose addon CMake builds.
  if (!existsSync(path.join(root, 'CMakeLists.txt'))) return require('node-gyp-build')(root);
  try {
    return require('../../build/node/segfs.node');
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') {
      error.message = `segfs: the addon has not been built: run scripts/start. ${error.message}`;
    }
    throw error;
  }
}

module.exports = load();
