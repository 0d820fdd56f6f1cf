#!/bin/bash
# Starts the web application in the background, but lets it keep the descriptors that the agent reads from.
HOME_DIR=/home/ec2-user/web
PID_FILE=/tmp/web.pid

"$(dirname "$0")/kill_process.sh"

cd "$HOME_DIR" || exit 1
python3 server.py 8080 site &
echo $! >"$PID_FILE"
echo "started process $!"
