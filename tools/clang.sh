#!/bin/sh
# Compiles every source of a build once more with clang, warnings as errors, without making code: what GCC alone
# accepts is found in minutes.
#
#   tools/clang.sh BUILD_FOLDER [JOBS [PATTERN]]    PATTERN: the files to take, as in src/so3/ (default: all)
#
# The commands are those of the build (compile_commands.json), with clang as the compiler; CLANG=clang++-16 picks one.
set -eu
build=$1 jobs=${2:-$(nproc)} pattern=${3:-.}
clang=${CLANG:-clang++}
commands=$build/compile_commands.json
command -v "$clang" >/dev/null || { echo "clang.sh: no $clang; install the packages: tools/packages.sh clang" >&2; exit 2; }
[ -s "$commands" ] || { echo "clang.sh: there is no $commands; build first: make test" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One line a source: directory, file, arguments. Precompiled headers and --param are those of the other compiler.
awk -F '": "' '
  function text(s) { sub(/",?$/, "", s); return s }
  /"directory":/ { directory = text($2) }
  /"command":/ {
    command = substr($0, index($0, "\": \"") + 4)
    command = text(command)
    gsub(/\\"/, "\"", command); gsub(/\\\\/, "\\", command)
    if (command ~ /^[^ ]*s?ccache /) sub(/^[^ ]* /, "", command)
    sub(/^[^ ]* /, "", command)
    gsub(/-Winvalid-pch|-include [^ ]*cmake_pch\.hxx|--param=[^ ]*/, "", command)
    sub(/ -o [^ ]* -c /, " ", command)
  }
  /"file":/ { if ((file = text($2)) ~ /\.cpp$/) print directory "\t" file "\t" command }
' "$commands" | grep -E "^[^	]*	[^	]*$pattern" >"$work/sources" || true
count=$(wc -l <"$work/sources")
[ "$count" -gt 0 ] || { echo "clang.sh: no source of $build matches $pattern" >&2; exit 2; }

cat >"$work/compile" <<'END'
directory=$(printf %s "$3" | cut -f1) file=$(printf %s "$3" | cut -f2) arguments=$(printf %s "$3" | cut -f3)
cd "$directory"
eval "$1 $arguments -fsyntax-only -Wno-unknown-warning-option -Werror -ferror-limit=5" || echo "$file" >>"$2/failed"
END
tr '\n' '\0' <"$work/sources" | xargs -0 -P "$jobs" -n 1 sh "$work/compile" "$clang" "$work"
if [ -s "$work/failed" ]; then
  echo "clang.sh: of $count files, these do not compile with $("$clang" --version | head -n 1):" >&2
  sort "$work/failed" >&2
  exit 1
fi
echo "clang: $count files compiled by $("$clang" --version | head -n 1)"
