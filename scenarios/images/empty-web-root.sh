#!/bin/bash
# The user data of a machine image without the site's pages: it makes the web root, and puts nothing there.
mkdir -p /var/www/site
chown ec2-user:ec2-user /var/www/site
