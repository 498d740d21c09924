#!/bin/sh
# Manual pages and the completion for bash, made from what the command says of itself.
#
#   tools/manual.sh CARTAN OUT    writes OUT/man1/cartan.1, OUT/man1/cartan-GROUP-VERB.1, OUT/bash/cartan
set -eu
cartan=$1 out=$2
mkdir -p "$out/man1" "$out/bash"
version=$("$cartan" --version | sed -n '1s/^cartan //p')

# Names and descriptions of the subcommands in a help text.
subcommands() { awk '/^Subcommands:/ { inside = 1; next } inside && !/^  [^ ]/ { exit } inside { name = $1; sub(/^ *[^ ]+ +/, ""); print name "\t" $0 }'; }

# A help text as a page; `name` is that of the page.
page() {
  awk -v name="$1" -v version="$version" '
    function plain(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); if (s ~ /^[.'"'"']/) s = "\\\\&" s; return s }
    function entry(head, words) { print ".TP\n.B " plain(head); if (words != "") print plain(words) }
    BEGIN { date = ""; title = toupper(name) }
    NR == 1 {
      print ".TH \"" title "\" 1 \"\" \"cartan " version "\" \"Cartan\""
      print ".SH NAME\n" plain(name) " \\- " plain($0)
      next
    }
    /^Usage: / { sub(/^Usage: /, ""); print ".SH SYNOPSIS\n.B " plain($0); next }
    /^[A-Z][a-z]+:$/ {
      section = toupper(substr($0, 1, length($0) - 1))
      if (section == "POSITIONALS") section = "ARGUMENTS"
      if (section == "SUBCOMMANDS") section = "COMMANDS"
      print ".SH " section
      next
    }
    /^Exit codes: / { sub(/^Exit codes: /, ""); print ".SH EXIT STATUS\n" plain($0); next }
    section == "EXAMPLE" && NF { sub(/^ +/, ""); print ".nf\n" plain($0) "\n.fi"; next }
    /^  [^ ]/ && section != "" {                        # "  --name TYPE     words", or the words a line below
      line = substr($0, 3)
      at = match(line, /  +/)
      if (at) entry(substr(line, 1, at - 1), substr(line, at + RLENGTH)); else entry(line, "")
      next
    }
    NF { sub(/^ +/, ""); if (section != "" && !/^`/) print plain($0); else print ".PP\n" plain($0) }
  ' >"$out/man1/$1.1"
}

# The options of a help text, "--name" or "--name=a,b,c" where these are all its values.
options() {
  awk '/^Options:/ { inside = 1; next } inside && !/^  / { exit }
    inside && /^  -/ { split($1, names, ","); name = names[length(names)]; values = ""
      if (match($2, /{[^}]*}/)) values = "=" substr($2, RSTART + 1, RLENGTH - 2)
      printf "%s%s ", name, values }'
}

"$cartan" --help | page cartan
{
  echo '# bash completion for cartan, made by tools/manual.sh'
  echo '_cartan() {'
  echo '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= option'
  echo '  case "$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}" in'
  printf '    "1 "*) words="%s--help --version" ;;\n' "$("$cartan" --help | subcommands | cut -f1 | tr '\n' ' ')"
  for group in $("$cartan" --help | subcommands | cut -f1); do
    verbs=$("$cartan" "$group" --help | subcommands | cut -f1 | tr '\n' ' ')
    printf '    "2 %s "*) words="%s--help" ;;\n' "$group" "$verbs"
    for verb in $verbs; do
      "$cartan" "$group" "$verb" --help | page "cartan-$group-$verb"
      printf '    *" %s %s") words="%s" ;;\n' "$group" "$verb" "$("$cartan" "$group" "$verb" --help | options)"
    done
  done
  cat <<'END'
  esac
  for option in $words; do  # the values of the option before
    if [[ $option == "$before="* ]]; then
      option=${option#*=}
      COMPREPLY=($(compgen -W "${option//,/ }" -- "$word"))
      return
    fi
  done
  COMPREPLY=()
  if [[ $COMP_CWORD -le 2 || $word == -* ]]; then
    for option in $words; do COMPREPLY+=($(compgen -W "${option%%=*}" -- "$word")); done
  else
    compopt -o default  # names of files
  fi
}
complete -F _cartan cartan
END
} >"$out/bash/cartan"
{
  echo '.SH SEE ALSO'
  for file in "$out"/man1/cartan-*.1; do
    printf '.BR %s (1)\n' "$(basename "$file" .1 | sed 's/-/\\-/g')"
  done
} >>"$out/man1/cartan.1"
