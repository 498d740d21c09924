# For the scripts of this folder, which source it: an empty folder to work in, and checks that are counted.
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

complain() { echo "FAILED: $*"; sed 's/^/    /' out err; failures=$((failures + 1)); }

# expect CODE PATTERN COMMAND...: the exit code, and PATTERN in what it prints
expect() {
  code=$1 pattern=$2
  shift 2
  checks=$((checks + 1))
  "$@" > out 2> err
  got=$?
  if [ $got -ne "$code" ]; then complain "$* ended with $got, expected $code"; return; fi
  if ! cat out err | grep -q -e "$pattern"; then complain "$* does not print '$pattern'"; fi
}
