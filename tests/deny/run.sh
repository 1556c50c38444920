#!/bin/sh
# What is in the build, and who brought it in: see deny.toml. Says no, too, when the advisories can be fetched and one of them is ours; when they
# cannot, those of an earlier run count, and without any a warning says that nobody looked.
set -eu
cd "$(dirname "$0")/../.."
deny=${1:?the program cargo-deny}
database=target/advisories

"$deny" --workspace check bans licenses sources

if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
	"$deny" --workspace check advisories
elif [ -d "$database" ]; then
	echo "WARNING: the advisory database cannot be reached: an older copy is used" >&2
	"$deny" --offline --workspace check advisories
else
	echo "WARNING: the advisory database cannot be reached: advisories were NOT checked" >&2
fi
