#!/bin/bash
# Starts the web application in the background.
HOME_DIR=/home/ec2-user/web

if [ ! -r "$HOME_DIR/settings.ini" ]; then
    # v2 reads its settings from a file that nobody put into the bundle.
    echo "cannot read $HOME_DIR/settings.ini: no such file" >&2
    exit 1
fi
