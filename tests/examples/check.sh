#!/bin/sh
# Runs the C++ example of a page and compares what it prints with the page's text block.
#
#   tests/examples/check.sh PROGRAM PAGE.md
set -eu
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk -v language=text -f "$here/extract.awk" "$2" >"$folder/expected"
"$1" >"$folder/printed"
diff "$folder/expected" "$folder/printed" && echo "the example of $(basename "$2") prints what it says"
