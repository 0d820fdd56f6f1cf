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

cd /opt/drydeploy || exit 1
while :; do
    while [ -e "$run/agent.stopped" ]; do sleep 0.2; done
    python3 -m fleet.agent --config "$boot/agent.yml" >>/var/log/drydeploy-agent.log 2>&1 </dev/null &
    echo $! >"$run/agent.pid"
    wait $!
    rm -f "$run/agent.pid"
    sleep 0.2
done
