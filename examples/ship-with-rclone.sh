#!/bin/sh
# Ships a finished segment to any storage that rclone knows:
#
#     reelseal record --output-dir cam -r age1... --segment-time 10m --restarts always --keep-age 1h \
#         --on-segment ./ship-with-rclone.sh --on-segment-arg vault:cam -- ffmpeg ...
#
# The first argument is the destination, the second the segment. The script succeeds once the segment is there; until
# then the recorder runs it again, and --keep-age leaves the segment alone.
set -eu

to=$1
segment=$2

# An existing file is never replaced by a different one, and a transfer that stalls is ended.
exec rclone copy --immutable --no-traverse --timeout=60s --ask-password=false -- "$segment" "$to"
