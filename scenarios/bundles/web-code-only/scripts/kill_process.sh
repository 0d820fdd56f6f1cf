#!/bin/bash
# Stops the web application, whichever revision started it. Does nothing, and succeeds, where none runs.
PID_FILE=/tmp/web.pid

pid=$(cat "$PID_FILE" 2>/dev/null)
# A pid file that outlived its process may name somebody else's: look before shooting.
if [ -n "$pid" ] && grep -qs server.py "/proc/$pid/cmdline"; then
    kill "$pid"
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null
    echo "stopped process $pid"
else
    echo "nothing to stop"
fi
rm -f "$PID_FILE"
exit 0
