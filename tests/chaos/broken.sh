#!/bin/sh
# Builds a copy of longshore that breaks its promises, each when it is told to, and looks whether the checker finds it.
set -eu
cd "$(dirname "$0")/../.."
copy=target/broken
rm -rf "$copy"
mkdir -p "$copy"
tar --exclude=./target --exclude=./.git --exclude=./.venv --exclude=node_modules --exclude=./fuzz/target -cf - . | tar -C "$copy" -xf -
patch --directory="$copy" --strip=1 --fuzz=0 --no-backup-if-mismatch --quiet < tests/chaos/broken.patch
# Where the dependencies are built already.
CARGO_TARGET_DIR=target cargo build --quiet --locked --package longshore --manifest-path "$copy/Cargo.toml"

finds() { # what is broken, and the faults that show it
	target/debug/chaos --binary target/debug/longshore-broken --seconds 90 --round 8 --broken "$1" --only "$2"
}
finds shown-before-stored disk-errors
finds resumed-without-cursor cut-link,cut-viewer
finds dropped twin
finds message-id-forgotten lose-viewer,kill-controller,freeze-manager
finds runs-left-open kill-manager
finds never-synced power-cut
finds told-twice twin
