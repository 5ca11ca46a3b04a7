#!/usr/bin/env bash
# Lets a team open films that are encrypted already, and lists what opens each film afterwards:
#
#     share-with-team.sh team.txt archive.key films/*.reel
#
# team.txt has a public key on each line, either age1... or as in ~/.ssh/id_ed25519.pub; archive.key is an identity that already
# opens the films. Only the headers are rewritten, so long films take no longer than short ones.
set -euo pipefail
team=$1 identity=$2
shift 2
reelseal passwd --add --recipients-file "$team" --identity "$identity" "$@"
reelseal passwd --list "$@"
