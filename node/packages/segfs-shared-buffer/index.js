// SPDX-License-Identifier: MIT
'use strict';

module.exports = require('segfs/shared-buffer');
