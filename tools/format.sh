#!/bin/sh
# Formats the tracked C++ files, or checks them. Other versions of clang-format disagree in details, hence 14.
#
#   tools/format.sh check | fix
set -eu
mode=${1:-check}
cd "$(dirname "$0")/.."

tool=
for candidate in "${CLANG_FORMAT:-}" clang-format-14 clang-format; do
  [ -n "$candidate" ] || continue
  if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
    tool=$candidate
    break
  fi
done
if [ -z "$tool" ]; then
  echo "format.sh: clang-format 14 was not found (Debian 12: apt-get install clang-format)" >&2
  exit 1
fi

if [ -e .git ]; then
  files=$(git ls-files '*.cpp' '*.hpp' '*.h' '*.c' '*.cu' '*.cuh')
else
  files=$(find include src apps tests benchmarks -name '*.cpp' -o -name '*.hpp' -o -name '*.cu')
fi
[ -n "$files" ] || { echo "format.sh: no C++ file found" >&2; exit 1; }

case $mode in
  check)
    bad=
    for file in $files; do
      [ ! -f "$file" ] || "$tool" --dry-run -Werror "$file" >/dev/null 2>&1 || bad="$bad $file"
    done
    if [ -n "$bad" ]; then
      printf 'not formatted: %s\n' $bad
      echo "format: run make format"
      exit 1
    fi
    echo "format: $(echo "$files" | wc -l) files are in order"
    ;;
  fix)
    for file in $files; do
      [ ! -f "$file" ] || "$tool" -i "$file"
    done
    ;;
  *) echo "usage: tools/format.sh check | fix" >&2; exit 2 ;;
esac
