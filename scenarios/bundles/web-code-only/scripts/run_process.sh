#!/bin/bash
# Starts the web application in the background. Its pages are not in the bundle: the machine image has them.
HOME_DIR=/home/ec2-user/web
PID_FILE=/tmp/web.pid

# What an earlier revision left running would hold the port.
"$(dirname "$0")/kill_process.sh"

cd "$HOME_DIR" || exit 1
# A session of its own and no descriptor of the agent's: the hook ends although the server goes on.
setsid nohup python3 server.py 8080 /var/www/site >/tmp/web.log 2>&1 </dev/null &
echo $! >"$PID_FILE"
echo "started process $!"
