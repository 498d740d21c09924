#!/bin/sh
# Installs the Debian packages that Cartan needs, as far as they are missing.
#
#   tools/packages.sh GROUP...   groups: build, test, clang, sanitize, bench, format
#
# Says what it installs and asks for sudo when it is not root. PACKAGES=skip turns it off. On a system without
# apt it names what is needed and stops, unless compiler, CMake and Ninja are there: CMake then finds the
# libraries or says which one is missing.
set -eu

build="g++ cmake ninja-build pkg-config libeigen3-dev libfftw3-dev libhdf5-dev libboost-dev zlib1g-dev
  libzip-dev libxxhash-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev"
test="libgtest-dev clang"
clang="clang libomp-dev"
sanitize="$clang libclang-rt-dev llvm"  # llvm: names and lines in reports
bench="libbenchmark-dev"
format="clang-format"

wanted=
for group in "$@"; do
  case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    clang) wanted="$wanted $clang" ;;
    sanitize) wanted="$wanted $sanitize" ;;
    bench) wanted="$wanted $bench" ;;
    format) wanted="$wanted $format" ;;
    *) echo "packages.sh: unknown group '$group' (build, test, clang, sanitize, bench, format)" >&2; exit 2 ;;
  esac
done
[ "${PACKAGES:-}" = skip ] && exit 0

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  for tool in c++ cmake ninja pkg-config; do
    if ! command -v $tool >/dev/null 2>&1; then
      echo "This system has no apt and no '$tool'. Install the counterparts of these Debian packages:" >&2
      echo $wanted >&2
      exit 1
    fi
  done
  exit 0
fi

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

echo "Installing Debian packages:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "That needs root and there is no sudo. As root, run: apt-get install$missing" >&2
    echo "Or, where these are installed in another way: PACKAGES=skip make ..." >&2
    exit 1
  fi
  as_root=sudo
  [ -t 0 ] || as_root="sudo -n"  # nobody there to type a password
fi
# Index first, but a machine with a stale index and the packages at hand need not fail.
$as_root apt-get update -qq || echo "apt-get update failed; trying with the package index that is there" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
