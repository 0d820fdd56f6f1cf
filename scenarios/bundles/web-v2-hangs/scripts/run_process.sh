#!/bin/bash
# Starts the web application. In v2 somebody took the & away: the script lasts as long as the server.
HOME_DIR=/home/ec2-user/web
PID_FILE=/tmp/web.pid

"$(dirname "$0")/kill_process.sh"

cd "$HOME_DIR" || exit 1
echo $$ >"$PID_FILE"
exec python3 server.py 8080 site
