#!/bin/sh
# Ships a finished segment to another host, or another disk, with rsync:
#
#     reelseal record --output-dir cam -r age1... --segment-time 10m --restarts always --keep-age 1h \
#         --on-segment ./ship-with-rsync.sh --on-segment-arg backup@vault:cam -- ffmpeg ...
#
# The first argument is the destination, the second the segment. The script succeeds once the segment is there and on
# the disk; until then the recorder runs it again, and --keep-age leaves the segment alone.
set -eu

to=$1
segment=$2

# Nobody is there to type a password. A transfer that stalls is ended, and the next one resumes where it stopped.
exec rsync --times --fsync --partial-dir=.partial --timeout=60 --rsh='ssh -o BatchMode=yes' -- "$segment" "$to/"
