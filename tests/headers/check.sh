#!/bin/sh
# Compiles every public header alone, twice included, as C++17 without extensions and with no path but include/.
#
#   tests/headers/check.sh COMPILER [ROOT]
set -eu
compiler=$1
root=${2:-$(dirname "$0")/../..}
cd "$root/include"
count=0 bad=0
for header in $(find cartan -name '*.hpp' | sort); do
  count=$((count + 1))
  printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
    "$compiler" -std=c++17 -fsyntax-only -pedantic -Wall -Wextra -Wshadow -Werror -I . -x c++ - || {
    echo "not self-contained: include/$header"
    bad=$((bad + 1))
  }
done
echo "headers: $count compiled alone with $compiler, $bad failed"
[ "$count" -gt 0 ] && [ "$bad" -eq 0 ]
