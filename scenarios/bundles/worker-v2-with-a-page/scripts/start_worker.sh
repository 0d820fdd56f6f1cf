#!/bin/bash
set -e
setsid sh /home/ec2-user/worker/worker.sh >/dev/null 2>&1 </dev/null &
echo $! >/run/worker.pid
