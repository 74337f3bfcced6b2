#!/bin/sh
# Prints docs/handbook/cli.md: what --help says of dsim and of each subcommand.
#
#   sh docs/handbook/cli.sh > docs/handbook/cli.md
set -eu
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/dsim" ./cmd/dsim
cat <<'END'
# The command

What `--help` prints, gathered by `sh docs/handbook/cli.sh > docs/handbook/cli.md`.

Results go to standard output, errors and what a run prints on the way (progress, `-v`) to standard error. Under
`go run` the command that repeats a run begins `go run ./cmd/dsim`, else `dsim`. `--no-color` is on by itself
where the output is no terminal, or `NO_COLOR` is set.
END
page() {
	printf '\n## %s\n\n```\n' "$*"
	shift
	"$bin/dsim" "$@" --help | sed 's/[ \t]*$//'
	printf '```\n'
}
# below names the subcommands of one, in the order of its help.
below() { "$bin/dsim" "$@" --help | sed -n '/^Available Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'; }
page dsim
for c in run study explore systematic repro shrink explain replay import conform diff trace live cell dc switchyard doctor check list schema version man completion; do page dsim "$c"; done
for c in trace dc switchyard; do
	for d in $(below "$c"); do page dsim "$c" "$d"; done
done
