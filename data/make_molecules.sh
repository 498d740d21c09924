#!/bin/bash
# Makes xtb_molecules.h5 and isolated_atoms.xyz: three flexible molecules sampled by molecular dynamics on the
# GFN2-xTB surface at three temperatures, every kept frame labelled with its GFN2-xTB energy and forces.
#
#   ./make_molecules.sh [OUTDIR]     make both files (default: the folder of this script), then check them
#   ./make_molecules.sh check [DIR]  check the files that are there: geometry, labels, finite differences
#   ./make_molecules.sh stats [DIR]  a table of energies and forces
#
# Needs bash, awk, xtb 6.5 and the command cartan (CARTAN=path). JOBS=2 runs two trajectories at a time (default 1), same result.
# The time is about 40 minutes on one core. See README.md for the method and for what is reproducible.
set -euo pipefail
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-Haswell}   # the same BLAS kernels on every x86-64 with AVX2
ulimit -s unlimited 2>/dev/null || true

self=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$(basename "${BASH_SOURCE[0]}")
here=$(dirname "$self")

molecules="aminoethanol propanediol glycine"
temperatures="300 600 900"
runs=5          # independent trajectories of each molecule at each temperature
frames=12       # frames kept of each trajectory
between=2       # segments between kept frames
segment=0.25    # ps of NVE dynamics between two draws of velocities
step=0.5        # fs
accuracy=0.01   # of the labels (xtb --acc)

# Shared by the awk programs: CODATA 2018 constants, and a generator that any awk computes alike
# (L'Ecuyer 1988: two multiplicative congruential generators, all products exact in double precision).
prelude='
BEGIN {
  hartree = 27.211386245988; bohr = 0.529177210903; kb = 3.1668115634556e-6; amu = 1822.888486209
  pi = 3.14159265358979323846
  mass["H"] = 1.008; mass["C"] = 12.011; mass["N"] = 14.007; mass["O"] = 15.999
  radius["H"] = 0.32; radius["C"] = 0.75; radius["N"] = 0.71; radius["O"] = 0.63
}
function stir(x, v, m,   i) {
  for (i = 0; i < 3; i++) { x = (40014 * x + v) % m; x = (x + (x % 65536) * int(x / 65536)) % m }
  return x
}
function seed(a, b, c, d,   i, m1, m2) {
  m1 = 2147483562; m2 = 2147483398
  rng1 = 1 + stir(stir(stir(stir(1, a, m1), b, m1), c, m1), d, m1)
  rng2 = 1 + stir(stir(stir(stir(2, d, m2), c, m2), b, m2), a, m2)
  for (i = 0; i < 64; i++) uniform()
}
function uniform(   z) {
  rng1 = (40014 * rng1) % 2147483563
  rng2 = (40692 * rng2) % 2147483399
  z = rng1 - rng2
  if (z < 1) z += 2147483562
  return z / 2147483563
}
function normal() { return sqrt(-2 * log(uniform())) * cos(2 * pi * uniform()) }
'

# leaves `gradient` (Eh/bohr, all digits) and `*.engrad` (Eh, twelve digits) in the current folder
label_single_point() {  # FILE.xyz UHF
  rm -f gradient energy ./*.engrad xtbrestart
  if ! xtb "$1" --grad --gfn 2 --uhf "$2" --acc "$accuracy" --norestart > label.log 2>&1 ||
     ! grep -q 'convergence criteria satisfied' label.log; then
    echo "xtb failed on $PWD/$1" >&2; return 1
  fi
}
total_energy() { awk '/current total energy in Eh/ { getline; getline; print $1; exit }' ./*.engrad; }

# One trajectory. Massive Andersen thermostat: NVE segments, at the start of each all velocities are drawn anew from the
# Maxwell-Boltzmann distribution. (xtb's own thermostat is Berendsen's, which does not give the canonical distribution.)
# The velocities reach xtb through its restart file, so xtb draws no random number.
run_one() {  # WORK MOLECULE TEMPERATURE RUN
  local work=$1 molecule=$2 temperature=$3 run=$4
  local dir=$work/$molecule.$temperature.$run n s kept=0 t i m
  m=0; for i in $molecules; do m=$((m + 1)); [ "$i" = "$molecule" ] && break; done
  mkdir -p "$dir"; cd "$dir"
  cp "$here/start/$molecule.xyz" start.xyz
  n=$(awk 'NR == 1 { print $1 }' start.xyz)
  awk "$prelude"' NR > 2 && NF >= 4 { printf "%.14E %.14E %.14E\n", $2 / bohr, $3 / bohr, $4 / bohr }' start.xyz > position

  # every trajectory is heated to 900 K first, so that runs at low temperature start from different conformers
  local schedule="900 900 900 900 900 900"
  case $temperature in
    300) schedule="$schedule 600 600 300 300 300 300" ;;
    600) schedule="$schedule 600 600 600 600" ;;
  esac
  local equilibration; equilibration=$(set -- $schedule; echo $#)
  for ((i = 0; i < frames * between; i++)); do schedule="$schedule $temperature"; done

  : > frames.extxyz
  s=0
  for t in $schedule; do
    s=$((s + 1))
    { echo " -1.0"
      paste -d' ' <(awk 'NR > 2 && NF >= 4 { print $1 }' start.xyz) position |
      awk -v m="$m" -v t="$t" -v id="$((temperature * 10 + run))" -v s="$s" "$prelude"'
        BEGIN { seed(m, id, s, 1) }
        { v = sqrt(kb * t / (mass[$1] * amu))
          printf "%22.14E%22.14E%22.14E%22.14E%22.14E%22.14E\n", $2, $3, $4, v * normal(), v * normal(), v * normal() }'
    } > mdrestart
    cat > md.inp <<END
\$md
 temp=$t
 time=$segment
 step=$step
 dump=100000
 hmass=0
 shake=0
 nvt=false
 sccacc=1.0
 restart=true
\$end
END
    rm -f xtbmdok xtbrestart
    xtb start.xyz --md --gfn 2 --input md.inp --norestart > md.log 2>&1 || true
    if [ ! -e xtbmdok ] || grep -q unstable md.log; then echo "xtb failed in $dir, segment $s" >&2; return 1; fi
    awk 'NR > 1 { gsub("D", "E"); print $1, $2, $3 }' mdrestart > position
    [ "$(wc -l < position)" = "$n" ]

    if ((s > equilibration && (s - equilibration) % between == 0)); then
      kept=$((kept + 1))
      # centre of mass to the origin, a random rotation (uniform unit quaternion), rounding; then the label of exactly that
      paste -d' ' <(awk 'NR > 2 && NF >= 4 { print $1 }' start.xyz) position |
      awk -v m="$m" -v id="$((temperature * 10 + run))" -v s="$s" "$prelude"'
        BEGIN { seed(m, id, s, 2) }
        { e[NR] = $1; x[NR] = $2; y[NR] = $3; z[NR] = $4; w = mass[$1]; W += w; X += w * $2; Y += w * $3; Z += w * $4 }
        END {
          a = normal(); b = normal(); c = normal(); d = normal(); q = sqrt(a*a + b*b + c*c + d*d)
          a /= q; b /= q; c /= q; d /= q
          printf "%d\n\n", NR
          for (i = 1; i <= NR; i++) {
            u = (x[i] - X / W) * bohr; v = (y[i] - Y / W) * bohr; w = (z[i] - Z / W) * bohr
            printf "%s %.8f %.8f %.8f\n", e[i], \
              (a*a + b*b - c*c - d*d) * u + 2 * (b*c - a*d) * v + 2 * (b*d + a*c) * w, \
              2 * (b*c + a*d) * u + (a*a - b*b + c*c - d*d) * v + 2 * (c*d - a*b) * w, \
              2 * (b*d - a*c) * u + 2 * (c*d + a*b) * v + (a*a - b*b - c*c + d*d) * w
          }
        }' > frame.xyz
      label_single_point frame.xyz 0
      local time; time=$(awk -v k="$kept" -v b="$between" -v s="$segment" 'BEGIN { printf "%.0f", k * b * s * 1000 }')
      write_frame frame.xyz "config_type=\"${molecule}_${temperature}K\" name=\"$molecule\" temperature=$temperature run=$run time=$time" >> frames.extxyz
    fi
  done
  mv frames.extxyz "$work/$molecule.$temperature.$run.extxyz"
  cd "$work"; rm -r "$dir"
}

write_frame() {  # FILE.xyz KEYS: the extended-xyz frame with the labels that lie in the current folder
  awk -v energy="$(total_energy)" -v keys="$2" "$prelude"'
    FNR == 1 { file++ }
    file == 1 && FNR == 1 { n = $1 }
    file == 1 && FNR > 2 && NF >= 4 { atom[++k] = $0 }
    file == 2 && NF == 3 && FNR > 2 { g1[++j] = $1; g2[j] = $2; g3[j] = $3 }
    END {
      if (k != n || j != n) { print "labels and atoms do not match" > "/dev/stderr"; exit 1 }
      printf "%d\nProperties=species:S:1:pos:R:3:forces:R:3 energy=%.8f %s pbc=\"F F F\"\n", n, energy * hartree, keys
      f = -hartree / bohr
      for (i = 1; i <= n; i++) printf "%s %.6f %.6f %.6f\n", atom[i], f * g1[i] + 0, f * g2[i] + 0, f * g3[i] + 0
    }' "$1" gradient
}

# xtb 6.5.1 has a fault in open-shell atoms whose alpha shell is full (H, N, O): the energy is right or too high by a whole
# number of hartrees, at random (it reads past the end of the orbital list). The lowest of 40 calculations is the right one.
isolated_atoms() {  # WORK
  local dir=$1/atoms element uhf i e best
  mkdir -p "$dir"; cd "$dir"
  for element in H C N O; do
    case $element in H) uhf=1 ;; N) uhf=3 ;; *) uhf=2 ;; esac
    printf '1\n\n%s 0.00000000 0.00000000 0.00000000\n' $element > atom.xyz
    best=0
    for ((i = 0; i < 40; i++)); do
      label_single_point atom.xyz $uhf
      e=$(total_energy)
      if awk -v a="$e" -v b="$best" 'BEGIN { exit !(a < b) }'; then best=$e; cp ./*.engrad best; fi
    done
    cp best atom.engrad
    write_frame atom.xyz "config_type=\"isolated_atom\" name=\"$element\" multiplicity=$((uhf + 1))"
  done > "$1/isolated_atoms.xyz"
}

# The bonds of the start structure must be the bonds of every frame, and nothing else may be bonded; the forces must be
# finite and add up to no force and no torque; the energy must lie in the range that the temperature allows.
check_frames() {  # FILE.extxyz
  awk "$prelude"'
    function value(key,   p, s) {
      p = index(" " $0, " " key "="); if (!p) return ""
      s = substr($0, p + length(key) + 1); sub(/^"/, "", s); sub(/[" ].*$/, "", s); return s
    }
    function distance(i, j) { return sqrt((x[i]-x[j])^2 + (y[i]-y[j])^2 + (z[i]-z[j])^2) }
    function bad(what) { printf "frame %d (%s, run %s): %s\n", nframe, type, run, what; faults++ }
    function topology(   i, j, r, d, s) {
      for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) {
        r = radius[e[i]] + radius[e[j]]; d = distance(i, j)
        if (start) { bond[name, i, j] = (d < 1.25 * r); continue }
        if (bond[name, i, j]) {
          s = d / r; if (s > stretch) stretch = s; if (!shrink || s < shrink) shrink = s
          if (s > 1.35 || s < 0.75) bad("bond " e[i] i "-" e[j] j " is " d " A")
        } else {
          s = d / r; if (!near || s < near) near = s
          if (s < 1.35) bad("contact " e[i] i "-" e[j] j " is " d " A")
        }
      }
    }
    FNR == 1 { start = (FILENAME !~ /extxyz$/); line = 0 }
    line == 0 { n = $1; line = 1; next }
    line == 1 {
      if (start) { name = FILENAME; sub(/.*\//, "", name); sub(/\.xyz$/, "", name) }
      else { name = value("name"); type = value("config_type"); run = value("run"); energy = value("energy"); nframe++ }
      line = 2; k = 0; next
    }
    {
      k++; e[k] = $1; x[k] = $2; y[k] = $3; z[k] = $4
      if (!start) {
        if (NF != 7) bad("line with " NF " fields")
        for (c = 5; c <= 7; c++) if ($c !~ /^-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/ || $c > 40 || $c < -40) bad("force " $c)
        fx[k] = $5; fy[k] = $6; fz[k] = $7
      }
      if (k < n) next
      line = 0
      topology()
      if (start) next
      sx = sy = sz = tx = ty = tz = 0
      for (i = 1; i <= n; i++) {
        sx += fx[i]; sy += fy[i]; sz += fz[i]
        tx += y[i]*fz[i] - z[i]*fy[i]; ty += z[i]*fx[i] - x[i]*fz[i]; tz += x[i]*fy[i] - y[i]*fx[i]
      }
      f = sqrt(sx*sx + sy*sy + sz*sz); if (f > fmax) fmax = f; if (!(f < 2e-5)) bad("net force " f)
      t = sqrt(tx*tx + ty*ty + tz*tz); if (t > tmax) tmax = t; if (!(t < 1e-3)) bad("net torque " t)
      if (!(name in lowest) || energy < lowest[name]) lowest[name] = energy
      if (!(name in highest) || energy > highest[name]) highest[name] = energy
    }
    END {
      for (name in lowest) if (highest[name] - lowest[name] > 5) { print name ": energies spread over more than 5 eV"; faults++ }
      printf "%d frames: bonds %.2f to %.2f of the sum of covalent radii, nearest other pair %.2f,", nframe, shrink, stretch, near
      printf " largest net force %.1e eV/A, net torque %.1e eV: %s\n", fmax, tmax, faults ? faults " FAULTS" : "ok"
      exit !(nframe > 0 && !faults)
    }' "$here"/start/*.xyz "$1"
}

# Central differences of the energy with xtb, step 1e-3 A, three coordinates of two frames of each molecule.
check_forces() {  # FILE.extxyz WORK
  local file=$1 dir=$2/differences molecule frame atom axis plus minus worst=0 force fd
  mkdir -p "$dir"; cd "$dir"
  for molecule in $molecules; do
    for frame in 7 170; do
      awk -v name="$molecule" -v frame="$frame" '
        line == 0 { n = $1; line = 1; next }
        line == 1 { hit = (index($0, "name=\"" name "\"") && ++k == frame); line = 2; i = 0; if (hit) print n "\n" $0; next }
        { if (hit) print; if (++i == n) { line = 0; if (hit) exit } }' "$file" > stored
      for pick in "1 1" "3 2" "8 3"; do
        set -- $pick; atom=$1; axis=$2
        for h in 0.001 -0.001; do
          awk -v a="$atom" -v c="$axis" -v h="$h" '
            NR == 1 { print; next } NR == 2 { print ""; next }
            { if (NR - 2 == a) $(c + 1) = sprintf("%.8f", $(c + 1) + h); print $1, $2, $3, $4 }' stored > moved.xyz
          label_single_point moved.xyz 0
          if [ $h = 0.001 ]; then plus=$(total_energy); else minus=$(total_energy); fi
        done
        force=$(awk -v a="$atom" -v c="$axis" 'NR - 2 == a { print $(c + 4) }' stored)
        fd=$(awk -v p="$plus" -v m="$minus" "$prelude"'BEGIN { printf "%.6f", -(p - m) * hartree / 0.002 }')
        printf '%-13s frame %3d atom %d axis %d: force %10.6f  difference quotient %10.6f eV/A\n' \
          "$molecule" "$frame" "$atom" "$axis" "$force" "$fd"
        worst=$(awk -v w="$worst" -v a="$force" -v b="$fd" 'BEGIN { d = a - b; if (d < 0) d = -d; print (d > w) ? d : w }')
      done
    done
  done
  echo "largest disagreement $worst eV/A"
  awk -v w="$worst" 'BEGIN { exit !(w < 5e-4) }'
}

stats() {  # FILE.extxyz: energies relative to the lowest frame of the molecule
  awk '
    function value(key,   p, s) {
      p = index(" " $0, " " key "="); if (!p) return ""
      s = substr($0, p + length(key) + 1); sub(/^"/, "", s); sub(/[" ].*$/, "", s); return s
    }
    line == 0 { n = $1; line = 1; next }
    line == 1 {
      c = value("config_type"); m = value("name"); e = value("energy") + 0
      if (!(c in count)) { order[++kinds] = c; of[c] = m; atoms[c] = n }
      count[c]++; es[c] += e; list[c, count[c]] = e
      if (!(m in lowest) || e < lowest[m]) lowest[m] = e
      line = 2; i = 0; next
    }
    { for (k = 5; k <= 7; k++) { f2[c] += $k * $k; a = $k < 0 ? -$k : $k; if (a > fm[c]) fm[c] = a }
      nf[c] += 3; if (++i == n) line = 0 }
    END {
      print "config_type          frames atoms  E-Emin mean     std     max (eV)   force RMS     max (eV/A)"
      for (j = 1; j <= kinds; j++) {
        c = order[j]; mean = es[c] / count[c]; v = 0; hi = -1e9
        for (k = 1; k <= count[c]; k++) { v += (list[c, k] - mean)^2; if (list[c, k] > hi) hi = list[c, k] }
        printf "%-20s %6d %5d  %11.3f %7.3f %7.3f        %9.3f %7.2f\n", c, count[c], atoms[c], mean - lowest[of[c]], \
          sqrt(v / (count[c] - 1)), hi - lowest[of[c]], sqrt(f2[c] / nf[c]), fm[c]
      }
    }' "$1"
}

if [ "${1:-}" = --one ]; then shift; run_one "$@"; exit; fi

command -v xtb > /dev/null || { echo "xtb is not installed" >&2; exit 1; }
cartan=${CARTAN:-$here/../build/release/apps/cartan}
[ -x "$cartan" ] || { echo "the command cartan is not built: make demo, or set CARTAN" >&2; exit 1; }
verb=make
case ${1:-} in check | stats) verb=$1; shift ;; -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$self"; exit ;; esac
out=$(mkdir -p "${1:-$here}" && cd "${1:-$here}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/xtb_molecules.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ $verb = make ]; then
  isolated_atoms "$work"
  for run in $(seq $runs); do
    for molecule in $molecules; do
      for temperature in $temperatures; do echo "$work $molecule $temperature $run"; done
    done
  done | xargs -P "${JOBS:-1}" -L 1 bash "$self" --one
  for molecule in $molecules; do
    for temperature in $temperatures; do
      for run in $(seq $runs); do cat "$work/$molecule.$temperature.$run.extxyz"; done
    done
  done > "$work/xtb_molecules.extxyz"
  "$cartan" data convert "$work/xtb_molecules.extxyz" "$out/xtb_molecules.h5" --force
  mv "$work/isolated_atoms.xyz" "$out/"
fi
# What is checked is what the file in Cartan's layout holds.
file=$work/check.extxyz
"$cartan" data convert "$out/xtb_molecules.h5" "$file" --force > /dev/null
if [ $verb != stats ]; then check_frames "$file"; check_forces "$file" "$work"; fi
stats "$file"
