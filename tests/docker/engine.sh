#!/bin/sh
# Runs a command with a Docker engine at hand: engine.sh COMMAND [ARGUMENTS]
#
# The engine that answers already is used. Where there is none, one is installed and started for as long as the command
# runs, with all that it keeps in a temporary directory. The command finds its address in LONGSHORE_TEST_ENGINE and the
# image `longshore-test`, which is a busybox and nothing else.
set -eu

sudo=$([ "$(id -u)" = 0 ] || echo sudo)
started=

need() {
    missing=
    command -v docker >/dev/null || missing="$missing docker.io"
    command -v dockerd >/dev/null || missing="$missing docker.io"
    command -v iptables >/dev/null || missing="$missing iptables"
    [ -z "$missing" ] && return
    echo "installing$missing" >&2
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >&2
}

# Compose, as a program of its own or as a part of the docker command.
compose() {
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 && return
    echo "installing docker-compose" >&2
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker-compose >&2
}

start() {
    root=$(mktemp -d /tmp/longshore-engine.XXXXXX)
    socket=$root/docker.sock
    $sudo dockerd --host "unix://$socket" --data-root "$root/data" --exec-root "$root/exec" \
        --pidfile "$root/pid" --group "$(id -gn)" >"$root/log" 2>&1 &
    started=$!
    trap stop EXIT
    trap 'exit 130' INT TERM
    waited=0
    until DOCKER_HOST=unix://$socket docker info >/dev/null 2>&1; do
        waited=$((waited + 1))
        if [ "$waited" -ge 300 ] || ! kill -0 "$started" 2>/dev/null; then
            tail -20 "$root/log" >&2
            echo "dockerd does not start" >&2
            exit 1
        fi
        sleep 0.1
    done
    export DOCKER_HOST="unix://$socket"
}

stop() {
    docker ps -aq --filter label=longshore.manager | xargs -r docker rm -fv >/dev/null 2>&1 || true
    $sudo kill "$(cat "$root/pid")" 2>/dev/null || true
    wait "$started" 2>/dev/null || true
    $sudo umount "$root"/exec/netns/* 2>/dev/null || true
    $sudo rm -rf "$root"
}

image() {
    docker image inspect longshore-test >/dev/null 2>&1 && return
    root_of_image=$(mktemp -d)
    mkdir -p "$root_of_image/bin" "$root_of_image/tmp" "$root_of_image/etc"
    # A static one, as there is nothing else in the image.
    busybox=$(command -v busybox || true)
    if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
        $sudo apt-get update -qq
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq busybox-static >&2
        busybox=$(command -v busybox)
    fi
    cp "$busybox" "$root_of_image/bin/busybox"
    "$busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$root_of_image/bin/$applet"
    done
    echo 'root:x:0:0::/:/bin/sh' >"$root_of_image/etc/passwd"
    tar -C "$root_of_image" -c . | docker import --change 'CMD ["cat"]' - longshore-test >/dev/null
    rm -rf "$root_of_image"
}

if ! docker info >/dev/null 2>&1; then
    need
    start
fi
image
compose
LONGSHORE_TEST_ENGINE=${DOCKER_HOST:-unix:///var/run/docker.sock}
export LONGSHORE_TEST_ENGINE
"$@"
