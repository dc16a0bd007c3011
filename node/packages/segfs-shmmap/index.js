// SPDX-License-Identifier: MIT
'use strict';

module.exports = require('segfs/shmmap');
