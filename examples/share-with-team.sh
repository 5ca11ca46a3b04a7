#!/usr/bin/env bash
# Lets a team open films that are encrypted already, and lists what opens each film afterwards:
#
#     share-with-team.sh team.txt archive.key films/*.reel
#
# team.txt has a public key on each line, age1... or as in ~/.ssh/id_ed25519.pub; archive.key is an identity that opens
# the films now. Only the headers are rewritten, so it takes no longer for long films.
set -euo pipefail
team=$1 identity=$2
shift 2
reelseal passwd --add --recipients-file "$team" --identity "$identity" "$@"
reelseal passwd --list "$@"
