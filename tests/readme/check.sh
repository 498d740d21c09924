#!/bin/sh
# Runs the README's C++ example and compares what it prints with the README's text block.
#
#   tests/readme/check.sh PROGRAM README.md
set -eu
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk -v language=text -f "$here/extract.awk" "$2" >"$folder/expected"
"$1" >"$folder/printed"
diff "$folder/expected" "$folder/printed" && echo "the README's example prints what it says"
