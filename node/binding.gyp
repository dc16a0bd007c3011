# SPDX-License-Identifier: MIT
# For a rebuild by hand, from what is in the package: npx node-gyp rebuild
{
  "targets": [
    {
      "target_name": "segfs",
      "sources": [
        "<!@(node -p \"require('fs').readdirSync('src').filter((f) => f.endsWith('.cc')).map((f) => 'src/' + f).join(' ')\")",
        "<!@(node -p \"require('fs').readdirSync('libseg').filter((f) => f.endsWith('.c')).map((f) => 'libseg/' + f).join(' ')\")",
      ],
      "include_dirs": [
        "<!(node -p \"require('node-addon-api').include_dir\")",
        "libseg/include",
      ],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "_FILE_OFFSET_BITS=64",
      ],
      "cflags": ["-fvisibility=hidden", "-fstack-protector-strong"],
      "cflags_c": ["-std=gnu11"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-std=gnu++17", "-fexceptions"],
      "ldflags": ["-Wl,--exclude-libs,ALL"],
    },
  ],
}
