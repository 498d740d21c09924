#!/bin/sh
# Checks who includes whom: an include points only downwards in the table of modules below.
#
#   tests/check_layers.sh [ROOT]        check a source tree (default: this one)
#   tests/check_layers.sh --self-test   plant one violation of every rule and require that each is found
#
# Rules, for include/cartan/<module>, src/<module> and apps:
#   layer     a file of a module includes headers of that module and of those it may use (directly or through them)
#   public    a public header includes only the standard library and <cartan/...>
#   hdf5      only src/data includes the headers of HDF5
#   openmp    only src/core includes omp.h
#   fftw      only src/core includes fftw3.h
#   cuda      only src/*/cuda includes CUDA headers
#   relative  no "../"
# Prints FILE:LINE: RULE: include, and ends with 1 when there is any.
set -eu

# module: the modules it may use. Keep it as in HACKING.md.
table='core:
autodiff: core
data: core
linalg: autodiff data
so3: autodiff
nn: autodiff data
potentials: so3 nn
operators: nn linalg
chebyshev: linalg
functional: linalg data
completion: linalg nn
apps: potentials operators chebyshev functional completion'

check() {
  (
    cd "$1"
    folders=
    for folder in include src apps; do
      [ ! -d $folder ] || folders="$folders $folder"
    done
    [ -n "$folders" ] || { echo "check_layers.sh: no sources in $1" >&2; exit 2; }
    find $folders -type f \( -name '*.?pp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) | sort |
      TABLE=$table awk '
        function report(rule) { printf "%s:%d: %s: %s\n", file, line, rule, target; bad = 1 }
        BEGIN {
          n = split(ENVIRON["TABLE"], rows, "\n")
          for (i = 1; i <= n; i++) {
            m = rows[i]; sub(/:.*/, "", m); known[m] = 1; may[m, m] = 1
            uses = rows[i]; sub(/^[^:]*: */, "", uses)
            k = split(uses, used, " ")
            for (j = 1; j <= k; j++) for (other in known) if ((used[j], other) in may) may[m, other] = 1
          }
        }
        {
          file = $0; files++
          parts = split(file, path, "/")
          module = path[1] == "include" ? path[3] : path[1] == "src" ? path[2] : "apps"
          if (path[1] == "include" && parts == 3) module = "apps"  # <cartan/all.hpp> may see every module
          line = 0
          while ((getline text < file) > 0) {
            line++
            if (text !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/) continue
            target = text
            sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", target); sub(/[>"].*$/, "", target)
            name = target; sub(/^cartan\//, "", name)
            other = name; sub(/\/.*/, "", other)
            if (!(module in known)) report("layer (module " module " is not in the table)")
            else if (name ~ /\// && other in known && !((module, other) in may)) report("layer")
            else if (target ~ /^cartan\/[^\/]*\// && !(other in known)) report("layer (module " other " is not in the table)")
            if (path[1] == "include" && (target ~ /[.\/]/ && target !~ /^cartan\//)) report("public")
            if (target ~ /^(hdf5|hdf5_hl|H5[A-Za-z]*)\.h$/ && file !~ /^src\/data\//) report("hdf5")
            if (target ~ /^fftw3\.h$/ && file !~ /^src\/core\//) report("fftw")
            if (target ~ /^omp\.h$/ && file !~ /^src\/core\//) report("openmp")
            if (target ~ /^(cuda|cublas|cufft|cusolver|cusparse|curand|nccl|thrust\/|cub\/|cooperative_groups)/ &&
                file !~ /^src\/[^\/]*\/cuda\//) report("cuda")
            if (target ~ /^\.\.\// || target ~ /\/\.\.\//) report("relative")
          }
          close(file)
        }
        END {
          if (!files) { print "check_layers.sh: no file was read"; exit 2 }
          if (!bad) print "layers: " files " files are in order"
          exit bad
        }'
  )
}

self_test() {
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$tree/apps"
  for module in core data autodiff nn chebyshev; do
    mkdir -p "$tree/include/cartan/$module" "$tree/src/$module/cuda"
  done
  printf '#include <vector>\n' >"$tree/include/cartan/core/array.hpp"
  printf '#include <omp.h>\n' >"$tree/src/core/parallel.cpp"
  printf '#include <hdf5.h>\n#include "data/handle.hpp"\n' >"$tree/src/data/file.cpp"
  printf '#include <cuda_runtime.h>\n#include "core/cuda/backend.hpp"\n' >"$tree/src/nn/cuda/a.cu"
  printf '#include <cartan/core/array.hpp>\n#include <cartan/data/file.hpp>\n' >"$tree/include/cartan/nn/model.hpp"
  printf '#include <cartan/nn/model.hpp>\n#include <CLI/CLI.hpp>\n' >"$tree/apps/main.cpp"
  check "$tree" >/dev/null || { echo "self-test: a tree in order was refused"; check "$tree"; exit 1; }

  planted=0
  # plant RULE FILE INCLUDE: the file with this include must be refused by this rule
  plant() {
    printf '// a comment\n  #  include %s\n' "$3" >"$tree/$2"
    if found=$(check "$tree"); then
      echo "self-test: not found: $2 with $3"
      exit 1
    fi
    case $found in
      "$2:2: $1"*) ;;
      *) echo "self-test: $2 with $3 should break the rule '$1', but: $found"; exit 1 ;;
    esac
    rm "$tree/$2"
    planted=$((planted + 1))
  }
  plant layer src/core/up.cpp '<cartan/autodiff/ops.hpp>'
  plant layer src/autodiff/side.cpp '"data/handle.hpp"'
  plant layer include/cartan/data/up.hpp '<cartan/nn/model.hpp>'
  plant layer src/chebyshev/side.cpp '"cartan/nn/model.hpp"'
  plant layer src/nn/up.cpp '"apps/options.hpp"'
  plant layer src/nn/new.cpp '<cartan/novel/thing.hpp>'
  plant public include/cartan/core/bad.hpp '<Eigen/Dense>'
  plant public include/cartan/core/bad.hpp '<zlib.h>'
  plant public include/cartan/core/bad.hpp '"core/buffer.hpp"'
  plant hdf5 src/nn/file.cpp '<hdf5.h>'
  plant hdf5 apps/file.cpp '"H5public.h"'
  plant openmp src/nn/loop.cpp '<omp.h>'
  plant fftw src/nn/transform.cpp '<fftw3.h>'
  plant cuda src/nn/device.cpp '<cuda_runtime.h>'
  plant cuda src/core/device.cpp '<cublas_v2.h>'
  plant relative src/nn/up.cpp '"../core/buffer.hpp"'
  echo "layers: all $planted planted violations were found"
}

if [ "${1:-}" = --self-test ]; then
  self_test
else
  check "${1:-$(dirname "$0")/..}"
fi
