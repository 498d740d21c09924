#!/bin/sh
# Writes docs/run_file.md and docs/operator_run_file.md from the program's own description of run files.
#
#   tools/run_file_page.sh CARTAN    CARTAN the command, as in build/dev/apps/cartan
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
keys=$("$1" potential train --help-keys)
cat > "$root/docs/run_file.md" <<END
# Run files

\`cartan potential train RUN.toml\` reads one TOML file. Every key has a default, so a file holds only what differs;
every key is also a flag, \`--section.key VALUE\`, whose value is taken as it is (lists with commas). File names in a run
file count from its folder; \`\$NAME\` and \`\${NAME}\` are taken from the environment, \`\$\$\` is a dollar. File names in
flags count from the current folder, and so does \`output.folder\`.

A key that does not exist is an error that names the line and the nearest key; a value outside its limits names both.
The folder of a run gets \`run.toml\` with every key resolved and paths absolute: running that file again repeats the
run. Without \`--force\` no file of an earlier run is replaced, and no run.toml that you wrote. \`--resume\` goes on from
the folder's checkpoint; where there is none the command says so and starts at the first step.

Keys with their defaults (also \`cartan potential train --help-keys\`):

\`\`\`toml
$keys
\`\`\`
END

keys=$("$1" operator train --help-keys)
cat > "$root/docs/operator_run_file.md" <<END
# Run files of neural operators

\`cartan operator train RUN.toml\` reads one TOML file; [run files](run_file.md) says what holds for all of them. \`data/operators.toml\` and
\`benchmarks/accuracy/darcy_small.toml\` are examples. The channels of the operator are those of the data.

Keys with their defaults (also \`cartan operator train --help-keys\`):

\`\`\`toml
$keys
\`\`\`
END
