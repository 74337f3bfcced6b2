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
page dsim
for c in run study explore systematic repro shrink explain replay import conform diff live cell dc switchyard doctor check list schema version; do page dsim "$c"; done
for c in info path cut repair export; do page dsim trace "$c"; done
for c in serve add-cell add-link set-link status apply down; do page dsim dc "$c"; done
for c in serve echo ping ntp dhcp dns sniff capture replay impair fw stats tap bridge; do page dsim switchyard "$c"; done
for c in man completion; do page dsim "$c"; done
