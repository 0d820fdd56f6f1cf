#!/bin/bash
kill -0 "$(cat /run/worker.pid)"
