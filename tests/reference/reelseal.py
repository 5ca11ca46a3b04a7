"""An independent reader of the reelseal container, version 1, written from SPEC.md alone.

    reelseal.py STREAM (--passphrase TEXT | --key-file FILE | --identity FILE) [--max-kdf-memory BYTES]

Writes the plaintext to standard output, each frame once it is verified; a refusal is one word on standard error and the
exit code of the command. Needs the packages cryptography and blake3.
"""

import argparse, hmac, struct, sys, unicodedata

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

import age_slot

MAGIC = bytes.fromhex("8952534c0d0a1a0a")
LIVE, TIMED = 1, 2
FINAL, INTERRUPTED, CRITICAL = 1, 2, 0xFFFF
KEY_USES = "header authentication", "frame encryption", "frame authentication", "recording link", "recording segment"


class Refused(Exception):
    def __init__(self, code, reason):
        self.code, self.reason = code, reason


def require(condition, reason, code=4):
    if not condition:
        raise Refused(code, reason)


def derive_key(context, material):
    return blake3(material, derive_key_context=context).digest()


class Copy:
    """A sound header copy at the front of `data`."""

    def __init__(self, data):
        require(data[:8] == MAGIC[: len(data[:8])], "magic")
        require(len(data) >= 48, "cut")
        require(data[8] == 1, "version")
        self.log2_payload = data[9]
        require(12 <= self.log2_payload <= 24, "frame-size")
        self.length = 64 * int.from_bytes(data[32:34], "little")
        require(512 <= self.length <= 65536, "header-length")
        require(len(data) >= self.length, "cut")
        self.data = data[: self.length]
        require(blake3(self.data[:-16]).digest()[:16] == self.data[-16:], "damaged")
        self.generation = int.from_bytes(data[40:48], "little")
        self.features = int.from_bytes(data[12:16], "little")


def find_header(stream):
    try:
        first = Copy(stream)
    except Refused:
        for length in range(512, 65537, 64):
            if len(stream) < 2 * length:
                break
            try:
                second = Copy(stream[length : 2 * length])
            except Refused:
                continue
            if second.length == length:
                return second, True
        raise
    require(len(stream) >= 2 * first.length, "cut")
    try:
        second = Copy(stream[first.length : 2 * first.length])
        if second.length != first.length:
            return first, True
    except Refused:
        return first, True
    return (second if second.generation > first.generation else first), False


def records(copy):
    area, found = copy.data[48:-48], []
    while len(area) >= 4 and area[0] != 0:
        kind, zero, length = struct.unpack("<BBH", area[:4])
        require(zero == 0, "reserved")
        require(len(area) >= 4 + length, "record-overrun")
        body, area = area[4 : 4 + length], area[4 + length :]
        require(length == {1: 84, 2: 72}.get(kind, length), "slot-length")
        require(kind != 3 or 1 <= length <= 16384, "slot-length")
        require(kind != 1 or body[1:4] == bytes(3), "reserved")
        found.append((kind, body))
    require(not any(area), "reserved")
    require(all(kind < 0xC0 for kind, _ in found), "critical-record")
    return found


def unlock(copy, passphrase, key, identity, max_memory):
    slots = records(copy)
    costs = []
    for kind, body in slots:
        if kind == 1:
            log_n, (r, p), salt = body[0], struct.unpack("<II", body[4:12]), body[12:44]
            costs.append((salt, log_n, r, p))
    require(len(costs) <= 8, "too-many-slots")
    for _, log_n, r, p in costs:
        require(1 <= log_n <= 30 and 1 <= r <= 32 and 1 <= p <= 16 and log_n < 16 * r, "cost-bounds")
    require(sum(kind == 3 for kind, _ in slots) <= 32, "too-many-slots")
    require(all(age_slot.is_sound(body) for kind, body in slots if kind == 3), "recipient-slot")
    wanted = 1 if passphrase is not None else 2 if key is not None else 3
    require(any(kind == wanted for kind, _ in slots), "no-slot", 2)
    if passphrase is not None:
        for _, log_n, r, p in costs:
            require(128 * r * (2**log_n + p + 1) <= max_memory, "cost", 2)
        work = sum(2**log_n * r * p for _, log_n, r, p in set(costs))
        require(work <= max(2**25, max_memory // 32), "cost", 2)
    unwrapped = False
    for kind, body in slots:
        if kind == 1 and passphrase is not None:
            log_n, (r, p) = body[0], struct.unpack("<II", body[4:12])
            salt, wrapped = b"reelseal v1 passphrase slot" + body[12:44], body[44:]
            kek = Scrypt(salt=salt, length=32, n=2**log_n, r=r, p=p).derive(passphrase)
        elif kind == 2 and key is not None:
            kek, wrapped = derive_key("reelseal v1 key-file slot", key + body[:32]), body[32:]
        elif kind != 3 or identity is None:
            continue
        try:
            file_key = age_slot.unwrap(body, identity) if kind == 3 else aes_key_unwrap(kek, wrapped)
        except InvalidUnwrap:
            continue
        if file_key is None:
            continue
        unwrapped = True
        keys = [
            derive_key(f"reelseal v1 {use}", file_key + copy.data[:32])
            for use in KEY_USES
        ]
        if hmac.compare_digest(blake3(copy.data[:-48], key=keys[0]).digest(), copy.data[-48:-16]):
            return keys[1:]
    require(not unwrapped, "altered")
    raise Refused(3, "wrong-secret")


def frames(stream, copy, encryption_key, authentication_key):
    payload = 1 << copy.log2_payload
    live, timed = bool(copy.features & LIVE), bool(copy.features & TIMED)
    initial = int.from_bytes(copy.data[16:32], "big")
    position, index, next_offset, last_time = 2 * copy.length, 0, 0, 0
    while True:
        wire = stream[position : position + payload + 64]
        require(wire, "end")
        require(index < 2**52 // (payload + 32), "too-many-frames")
        require(len(wire) >= 64, "cut-frame")
        ciphertext, mac = wire[:-32], wire[-32:]
        expected = blake3(ciphertext + struct.pack("<Q", index), key=authentication_key)
        require(hmac.compare_digest(expected.digest(), mac), "mac")
        counter = (initial + index * ((payload + 32) // 16)) % 2**128
        cipher = Cipher(algorithms.AES(encryption_key), modes.CTR(counter.to_bytes(16, "big")))
        text = cipher.decryptor().update(ciphertext)
        tag_index, time, offset, length, flags = struct.unpack("<QqQII", text[:32])
        field, full = text[32:], len(wire) == payload + 64
        require(tag_index == index, "index")
        require(not flags & CRITICAL & ~(FINAL | INTERRUPTED), "flags")
        require(not (full and flags & FINAL), "final-but-full")
        require(full or flags & FINAL, "not-final")
        require(flags & FINAL or not flags & INTERRUPTED, "not-final")
        require(length == len(field) or (live and full and length < len(field)), "length")
        require(not any(field[length:]), "padding")
        require(offset == (next_offset if live else index * payload), "offset")
        require(time > 0 and time >= last_time if timed else time == 0, "time")
        yield field[:length]
        if flags & FINAL:
            return
        position, index = position + len(wire), index + 1
        next_offset, last_time = offset + length, time


def decrypt(stream, passphrase, key, identity, max_memory, release):
    copy, damaged = find_header(stream)
    require(not copy.features & ~(LIVE | TIMED), "features")
    require(copy.data[10:12] == bytes(2) and copy.data[34:40] == bytes(6), "reserved")
    keys = unlock(copy, passphrase, key, identity, max_memory)
    for plaintext in frames(stream, copy, *keys[:2]):
        release(plaintext)
    return damaged


def read_key_file(text):
    label, digits = text[:16], text[16:].removesuffix(b"\n").removesuffix(b"\r")
    require(label == b"reelseal-key-v1:" and len(digits) == 72, "key-file", 2)
    data = bytes.fromhex(digits.decode())
    require(derive_key("reelseal v1 key-file checksum", data[:32])[:4] == data[32:], "key-file", 2)
    return data[:32]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stream")
    parser.add_argument("--passphrase")
    parser.add_argument("--key-file")
    parser.add_argument("--identity")
    parser.add_argument("--max-kdf-memory", type=int, default=1 << 30)
    chosen = parser.parse_args()
    try:
        secret = chosen.passphrase and unicodedata.normalize("NFC", chosen.passphrase).encode()
        key_bytes = read_key_file(open(chosen.key_file, "rb").read()) if chosen.key_file else None
        identity_bytes = age_slot.read_identity(open(chosen.identity).read()) if chosen.identity else None
        whole = open(chosen.stream, "rb").read()
        if decrypt(whole, secret, key_bytes, identity_bytes, chosen.max_kdf_memory, sys.stdout.buffer.write):
            print("damaged-copy", file=sys.stderr)
    except Refused as refused:
        sys.stdout.flush()
        print(refused.reason, file=sys.stderr)
        sys.exit(refused.code)
