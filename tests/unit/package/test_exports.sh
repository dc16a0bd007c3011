#!/bin/sh
# SPDX-License-Identifier: MIT
# The library exports what the headers declare, and nothing else.
# usage: test_exports.sh INCLUDE_DIR LIBRARY
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sed -n 's/^SEG_API .*[ *]\(seg_[a-z_]*\)(.*/\1/p' "$1"/*.h | sort >"$tmp/declared"
nm --dynamic --defined-only "$2" | sed -n 's/.* T \([a-z_]*\)@.*/\1/p' | sort >"$tmp/exported"
test -s "$tmp/declared"
diff -u "$tmp/declared" "$tmp/exported"
