#!/bin/sh
# Uses the installed package from a second project.
#
#   run.sh prefix BUILD_DIR WORK             installs the build into WORK/first, then moves it to WORK/prefix:
#                                            the package must not know where it was
#   run.sh cmake COMPILER WORK               find_package(cartan CONFIG), built with COMPILER and run
#   run.sh pkg-config COMPILER WORK [--static]
#   run.sh subdirectory SOURCE WORK          add_subdirectory(cartan): configures, changes no setting of the caller
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mode=$1 what=$2
mkdir -p "$3"
work=$(cd "$3" && pwd)
unset CXXFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH 2>/dev/null || true

library_folder() { dirname "$(find "$work/prefix" -name 'libcartan.*' | head -n 1)"; }

case $mode in
  prefix)
    rm -rf "$work/first" "$work/prefix"
    cmake --install "$what" --prefix "$work/first" >/dev/null
    mv "$work/first" "$work/prefix"
    if grep -rIl "$work/first" "$work/prefix"; then
      echo "these files hold the folder they were installed to"
      exit 1
    fi
    if [ -e "$work/prefix/bin/cartan" ]; then
      "$work/prefix/bin/cartan" --version
    fi
    if nm -DC "$(find "$work/prefix" -name 'libcartan.*' | head -n 1)" | grep ' Eigen::'; then
      echo "these functions would take the place of those of a program's own Eigen"
      exit 1
    fi
    echo "installed $(find "$work/prefix" -type f | wc -l) files"
    ;;
  cmake)
    build=$work/cmake-$(basename "$what")
    rm -rf "$build"
    cmake -S "$here" -B "$build" -DCMAKE_CXX_COMPILER="$what" -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_PREFIX_PATH="$work/prefix" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
    cmake --build "$build" 2>&1
    "$build/consumer"
    ;;
  pkg-config)
    export PKG_CONFIG_PATH="$(library_folder)/pkgconfig"
    program=$work/pkg-config-$(basename "$what")
    "$what" -std=c++17 -O1 $(pkg-config --cflags cartan) "$here/consumer.cpp" -o "$program" \
      $(pkg-config ${4:-} --libs cartan)
    LD_LIBRARY_PATH=$(library_folder) "$program"
    ;;
  subdirectory)
    build=$work/subdirectory
    rm -rf "$build"
    cmake -S "$here" -B "$build" -DCARTAN_SOURCE="$what" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
    echo "configured inside another project"
    ;;
  *)
    echo "run.sh: unknown mode $mode" >&2
    exit 2
    ;;
esac
