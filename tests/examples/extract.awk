# Prints the first fenced block of a language: awk -v language=cpp -f extract.awk README.md
$0 == "```" language && !done { inside = 1; next }
inside && $0 == "```" { inside = 0; done = 1 }
inside { print; lines++ }
END { if (!lines) { print "no ```" language " block" > "/dev/stderr"; exit 1 } }
