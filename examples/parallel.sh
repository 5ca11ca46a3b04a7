#!/usr/bin/env bash
# Encrypts every film below a folder with GNU parallel:
#
#     parallel.sh clips home.key
#
# On one machine, `reelseal encrypt --recursive` keeps all cores busy by itself; parallel can also spread the films over
# several machines (--sshlogin). The exit code says how many films failed.
set -euo pipefail
folder=$1 key=$2
find "$folder" -name '*.mp4' -print0 | parallel --null --quote reelseal encrypt --threads 1 --key-file "$key"
