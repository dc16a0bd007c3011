// SPDX-License-Identifier: MIT
/*
 * Before `npm pack`: puts beside the package's own files what comes from elsewhere in this
 * tree: the addon that CMake has built, libseg's sources, and the licence. With --clean,
 * takes them away again.
 *
 * prebuilds/ is laid out for node-gyp-build: linux-arm64/ and segfs.musl.node have their
 * place beside what is there.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const top = path.join(root, '..');
const prebuilt = path.join(root, 'prebuilds', `linux-${process.arch}`);

function clean() {
  for (const name of ['prebuilds', 'libseg', 'LICENSE']) {
    fs.rmSync(path.join(root, name), { recursive: true, force: true });
  }
}

function copySources(from, to) {
  fs.mkdirSync(to, { recursive: true });
  for (const name of fs.readdirSync(from)) {
    if (/\.[ch]$/.test(name)) fs.copyFileSync(path.join(from, name), path.join(to, name));
  }
}

function copyAddon() {
  const addon = path.join(prebuilt, 'segfs.glibc.node');
  fs.mkdirSync(prebuilt, { recursive: true });
  fs.copyFileSync(path.join(top, 'build/node/segfs.node'), addon);
  execFileSync('strip', ['--strip-unneeded', addon]);
}

clean();
if (!process.argv.includes('--clean')) {
  copyAddon();
  copySources(path.join(top, 'libseg'), path.join(root, 'libseg'));
  copySources(path.join(top, 'libseg/include'), path.join(root, 'libseg/include'));
  fs.copyFileSync(path.join(top, 'LICENSE'), path.join(root, 'LICENSE'));
}
