#!/bin/sh
# What a host runs: on its first boot it makes users and files, and runs its image's user data, whose exit code
# nobody acts on; then it keeps the agent running, as an init system would, except while the agent is meant to be
# stopped.
boot=/opt/drydeploy/boot
run=/run/drydeploy
mkdir -p "$run"
rm -f "$run/agent.pid"

if [ ! -e /var/lib/drydeploy/booted ]; then
    while read -r user; do
        id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user" || exit 1
    done <"$boot/users"
    # Into directories that are there already, which keep their owner, or into new ones.
    (cd "$boot/files" && find . -type f ! -path ./.keep -exec cp --parents {} / \;) || exit 1
    mkdir -p /var/lib/drydeploy
    if [ -e "$boot/user_data" ]; then
        chmod 700 "$boot/user_data"
        (cd / && "$boot/user_data") >/var/log/cloud-init-output.log 2>&1 </dev/null
        echo $? >/var/lib/drydeploy/user_data
    fi
    touch /var/lib/drydeploy/booted
fi

# Only where the scenario has a wrong clock: what the agent starts has the same one, and /run/drydeploy/clock sets it.
if [ -e "$boot/clock" ]; then
    [ -e "$run/clock" ] || echo +0 >"$run/clock"
    export FAKETIME_TIMESTAMP_FILE="$run/clock" FAKETIME_NO_CACHE=1
    # Only the wall clock. What threads wait for is left alone, or Python's hand over to each other once a second.
    export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0
    export PYTHONPATH=/opt/drydeploy/hostside/clock LD_PRELOAD="$(echo /usr/lib/*/faketime/libfaketime.so.1)"
    # libfaketime shares a semaphore and memory among all that run under it, and ends those who may not open them, as
    # scripts of another user may not. One process keeps them, and they are opened to all.
    sleep infinity &
    while [ ! -s "/dev/shm/faketime_shm_$!" ]; do sleep 0.05; done
    chmod 666 "/dev/shm/faketime_shm_$!" "/dev/shm/sem.faketime_sem_$!"
    export FAKETIME_SHARED="/faketime_sem_$! /faketime_shm_$!"
fi

cd /opt/drydeploy || exit 1
while :; do
    while [ -e "$run/agent.stopped" ]; do sleep 0.2; done
    python3 -m fleet.agent --config "$boot/agent.yml" >>/var/log/drydeploy-agent.log 2>&1 </dev/null &
    echo $! >"$run/agent.pid"
    wait $!
    rm -f "$run/agent.pid"
    sleep 0.2
done
