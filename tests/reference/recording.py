"""An independent reader of recordings, written from SPEC.md alone, on top of the reader of streams.

    recording.py SEGMENT... --key-file FILE

Writes the plaintext of segments that continue one another to standard output, once all of them are verified. A refusal is
the number of the segment in the arguments and one word on standard error, and the exit code 4.
"""

import argparse, hmac, struct, sys

from blake3 import blake3
from reelseal import LIVE, TIMED, Refused, find_header, frames, read_key_file, records, require, unlock


class Segment:
    """A segment, and the frames of it that verify in order."""

    def __init__(self, stream, key):
        copy, _ = find_header(stream)
        require(not copy.features & ~(LIVE | TIMED), "features")
        encryption_key, authentication_key, self.link_key, self.segment_key = unlock(copy, None, key, None, 0)
        bodies = [body for kind, body in records(copy) if kind == 0x80]
        require(copy.features & LIVE and copy.features & TIMED, "no-segment")
        require(len(bodies) == 1 and len(bodies[0]) == 108, "no-segment")
        self.body, self.prefix = bodies[0], copy.data[:32]
        fields = struct.unpack("<16sQQQ32sI32s", self.body)
        self.recording, self.number, self.offset, self.before, self.before_mac, self.flags, self.link = fields
        require(self.number > 0 and self.flags <= 1, "no-segment")
        require(self.number > 1 or not any(self.body[24:]), "no-segment")
        require(self.before > 0 or not any(self.body[40:76]), "no-segment")
        self.macs, self.pieces, self.is_final = [], [], False
        wire = (1 << copy.log2_payload) + 64
        try:
            for piece in frames(stream, copy, encryption_key, authentication_key):
                start = 2 * copy.length + len(self.macs) * wire
                self.macs.append(stream[start : start + wire][-32:])
                self.pieces.append(piece)
            self.is_final = True
        except Refused:
            pass
        self.plaintext = b"".join(self.pieces)

    def check_continues(self, segment):
        require(self.recording == segment.recording, "other-recording")
        require(self.number != segment.number, "doubled")
        require(self.number > segment.number, "out-of-order")
        require(self.number == segment.number + 1, "gap")
        link = blake3(self.body[:76] + self.prefix + self.segment_key, key=segment.link_key).digest()
        require(hmac.compare_digest(link, self.link), "not-linked")
        if segment.is_final:
            is_same = self.flags == 1 and self.before == len(segment.macs) and self.before_mac == segment.macs[-1]
            require(is_same and self.offset == segment.offset + len(segment.plaintext), "altered")
            return
        require(self.flags == 0 and self.before <= len(segment.macs), "end-missing")
        require(self.before == 0 or self.before_mac == segment.macs[self.before - 1], "altered")
        raise Refused(4, "unfinished")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("segments", nargs="+")
    parser.add_argument("--key-file", required=True)
    chosen = parser.parse_args()
    key_bytes = read_key_file(open(chosen.key_file, "rb").read())
    opened = []
    for place, name in enumerate(chosen.segments):
        try:
            opened.append(Segment(open(name, "rb").read(), key_bytes))
            if place:
                opened[place].check_continues(opened[place - 1])
        except Refused as refused:
            print(place, refused.reason, file=sys.stderr)
            sys.exit(4)
    if not opened[-1].is_final:
        print(len(opened) - 1, "unfinished", file=sys.stderr)
        sys.exit(4)
    for segment in opened:
        sys.stdout.buffer.write(segment.plaintext)
