#!/bin/sh
# Makes the secrets that docker-compose.yml wants, those that are not there yet: secrets.sh [DIRECTORY]
#
# The containers' user is nobody on this machine, so the files can be read by everybody, and the directory by its owner only.
set -eu

directory=${1:-secrets}
umask 077
mkdir -p "$directory"
chmod 700 "$directory"

random() {
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'
}

make() {
    [ -e "$directory/$1" ] && return
    printf '%s%s\n' "$2" "$(random)" >"$directory/$1.new"
    chmod 444 "$directory/$1.new"
    mv "$directory/$1.new" "$directory/$1"
}

make api-key lsm_
make token ls_
make controller-secret-key ''
make manager-secret-key ''
