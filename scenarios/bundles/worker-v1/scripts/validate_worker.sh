#!/bin/sh
kill -0 "$(cat /run/worker.pid)"
