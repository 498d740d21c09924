#!/bin/sh
# Compiles every public header alone, twice included, and all of them together in either order, as C++17
# without extensions and with no path but include/.
#
#   tests/headers/check.sh COMPILER [ROOT]
set -eu
compiler=$1
root=${2:-$(dirname "$0")/../..}
cd "$root/include"
count=0 bad=0
compile() { "$compiler" -std=c++17 -fsyntax-only -pedantic -Wall -Wextra -Wshadow -Werror -I . -x c++ -; }
headers=$(find cartan -name '*.hpp' | sort)
for header in $headers; do
  count=$((count + 1))
  printf '#include <%s>\n#include <%s>\n' "$header" "$header" | compile || {
    echo "not self-contained: include/$header"
    bad=$((bad + 1))
  }
done
for order in sort 'sort -r'; do
  printf '%s\n' $headers | $order | sed 's/.*/#include <&>/' | compile || {
    echo "the headers do not go together ($order)"
    bad=$((bad + 1))
  }
done
echo "headers: $count compiled alone with $compiler, $bad failed"
[ "$count" -gt 0 ] && [ "$bad" -eq 0 ]
