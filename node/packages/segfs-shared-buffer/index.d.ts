// SPDX-License-Identifier: MIT
export * from 'segfs/shared-buffer';
