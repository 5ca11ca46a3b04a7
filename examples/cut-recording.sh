#!/usr/bin/env bash
# Cuts a part out of an encrypted recording, by time, without plaintext on disk:
#
#     cut-recording.sh night.ts.reel '2026-11-24 02:00' '2026-11-24 02:15' cut.ts.reel home.key
#
# The cut is a stream of its own, with its own keys. encrypt runs decrypt and watches it: if decrypt fails, there is no
# output file. In a plain pipeline encrypt would make a whole stream of whatever it got.
set -euo pipefail
recording=$1 since=$2 until=$3 output=$4 key=$5
reelseal encrypt --key-file "$key" -o "$output" -- \
    reelseal decrypt --key-file "$key" "$recording" --since "$since" --until "$until" -o -
