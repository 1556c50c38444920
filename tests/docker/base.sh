#!/bin/sh
# Imports a Debian that is made here as an image, as the tests reach no registry: base.sh IMAGE
#
# It is made once, in less than a minute, and kept in target/.
set -eu

cd "$(dirname "$0")/../.."
image=$1
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
kept=target/docker-base.tar

if [ ! -e "$kept" ]; then
    if ! command -v debootstrap >/dev/null; then
        $sudo apt-get update -qq
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >&2
    fi
    mkdir -p target
    root=$(mktemp -d /tmp/longshore-base.XXXXXX)
    trap '$sudo rm -rf "$root"' EXIT
    $sudo debootstrap --variant=minbase bookworm "$root" >&2
    $sudo rm -rf "$root"/usr/share/doc "$root"/usr/share/locale "$root"/usr/share/man "$root"/var/cache/apt/archives "$root"/var/lib/apt/lists
    $sudo tar -C "$root" -c . >"$kept.new"
    mv "$kept.new" "$kept"
fi
docker image inspect "$image" >/dev/null 2>&1 || docker import "$kept" "$image" >/dev/null
