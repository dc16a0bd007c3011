#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into a folder of its own, and builds a program against what is there: by
# pkg-config, shared and static, and by find_package().
# usage: test_package.sh CMAKE BUILD_DIR CC CFLAGS
set -eu
cmake=$1 build=$2 cc=$3 cflags=$4
here=$(cd "$(dirname "$0")" && pwd)

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
prefix=$tmp/prefix
"$cmake" --install "$build" --prefix "$prefix" >"$tmp/install.log" || { cat "$tmp/install.log"; exit 1; }

pc=$(find "$prefix" -name libseg.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"

run() {
	echo "$1"
	"$tmp/$1" "/segfs-test-$$-$1"
}

# The flags are lists of words.
# shellcheck disable=SC2046,SC2086
"$cc" $cflags "$here/main.c" -o "$tmp/with_pkg_config" $(pkg-config --cflags --libs libseg)
run with_pkg_config
# shellcheck disable=SC2046,SC2086
"$cc" $cflags "$here/main.c" -o "$tmp/with_archive" $(pkg-config --cflags libseg) "$libdir/libseg.a"
run with_archive

"$cmake" -S "$here" -B "$tmp/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_C_FLAGS="$cflags" -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$tmp" >"$tmp/cmake.log"
"$cmake" --build "$tmp/build" >>"$tmp/cmake.log" || { cat "$tmp/cmake.log"; exit 1; }
run with_cmake
run with_cmake_static
