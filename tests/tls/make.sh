#!/bin/sh
# Makes the certificates that tests use; they are good for a hundred years, and for nothing else. Needs OpenSSL.
set -eu
cd "$(dirname "$0")"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 "$@"; }
ca() { new -keyout "$1.key" -out "$1.pem" -subj "/CN=longshore test $1" -addext keyUsage=critical,keyCertSign; }
signed() { # name, extended usage, extra
	new -CA "$3.pem" -CAkey "$3.key" -keyout "$1.key" -out "$1.pem" -subj "/CN=longshore test $1" \
		-addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$2" -addext "$4"
}
# An authority, and what it vouches for.
ca authority
signed server serverAuth authority "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
signed client clientAuth authority "subjectAltName=DNS:client.test"
# Another one, which nobody trusts.
ca stranger
signed impostor serverAuth stranger "subjectAltName=DNS:localhost,IP:127.0.0.1"
# As many make one at home: an authority that is its own server, for a name that nobody here uses.
new -keyout home.key -out home.pem -subj /CN=box.example -addext subjectAltName=DNS:box.example
