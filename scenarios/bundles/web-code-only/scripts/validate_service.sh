#!/bin/bash
# Waits until the web application accepts connections. Whatever it answers is good enough here.
for _ in $(seq 100); do
    curl --silent --output /dev/null --max-time 2 http://127.0.0.1:8080/ && exit 0
    sleep 0.1
done
echo "nothing answers on port 8080" >&2
exit 1
