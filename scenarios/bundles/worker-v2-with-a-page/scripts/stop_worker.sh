#!/bin/bash
# A worker that does not run is as good as one that was stopped.
[ ! -f /run/worker.pid ] || kill "$(cat /run/worker.pid)" 2>/dev/null || true
rm -f /run/worker.pid
