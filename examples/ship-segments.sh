#!/usr/bin/env bash
# Records a camera to a public key, ships each finished segment to another host with rsync, and removes it here an hour later,
# but never before it is there:
#
#     ship-segments.sh cam age1... archive:cam/ ffmpeg -v error -i rtsp://camera/1 -c copy -f mpegts -
#
# If rsync fails, that is reported, and it is run again later, also after a restart of the recorder. With rclone, the program is
# rclone and the arguments are copy, {} and remote:cam.
set -euo pipefail
folder=$1 recipient=$2 target=$3
shift 3
exec reelseal record --output-dir "$folder" --recipient "$recipient" --segment-time 10m --restarts always --keep-age 1h \
    --on-segment rsync --on-segment-arg=--timeout=60 --on-segment-arg={} --on-segment-arg="$target" -- "$@"
