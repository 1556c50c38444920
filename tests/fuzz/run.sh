#!/bin/sh
# Fuzzes every target for so many seconds, two at a time: run.sh SECONDS. Fails when one finds something.
set -eu
cd "$(dirname "$0")"

# One target: run.sh SECONDS NAME DIRECTORY. What it learns stays in the directory, so that the tree stays clean.
one() {
	cp -r "corpus/$2" "$3/$2"
	log=$3/$2.log
	if cargo run --release --locked --quiet --bin "$2" -- "$3/$2" \
		-max_total_time="$1" -timeout=10 -dict=dictionary -artifact_prefix="$crashes/$2-" >"$log" 2>&1
	then
		sed -n 's/^#\([0-9]*\)\tDONE *cov: \([0-9]*\) .*/\1 executions, coverage \2/p' "$log" | sed "s/^/$2: /"
	else
		crash=$(sed -n 's/.*Test unit written to //p' "$log")
		sed -n '/panicked at/,/^stack backtrace/p; /^SUMMARY/p' "$log"
		echo "$2: FOUND SOMETHING. Again: cd tests/fuzz && cargo run --release --bin $2 -- $crash"
		return 1
	fi
}

crashes=$(cd ../.. && pwd)/target/fuzz-crashes
mkdir -p "$crashes"
if [ $# = 3 ]; then
	one "$@"
	exit
fi

cargo build --release --locked --quiet
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ls corpus | xargs -P 2 -I NAME ./run.sh "$1" NAME "$scratch"
