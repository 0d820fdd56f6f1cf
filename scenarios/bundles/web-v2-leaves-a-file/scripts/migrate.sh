#!/bin/bash
# Moves the application's data to the new form. Nothing ever moves it back.
DATA=/home/ec2-user/web/data

mkdir -p "$DATA"
echo "schema 2" >"$DATA/schema"
echo "migrated to schema 2"
