"""The key slot of a recipient, kind 3, written from SPEC.md and the specification of age.

    age_slot.py STREAM [FOLDER]

Takes the bodies of such slots out of a stream: each becomes FOLDER/N.age, which any age opens. Needs cryptography, and blake3.
"""

import base64, hashlib, hmac, re, sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)")
FOOTER = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


def is_sound(body):
    return outline(body) is not None


def outline(body):
    """Stanzas, the header up to its MAC, the MAC, and what follows; or nothing."""
    introduction, stanzas = b"age-encryption.org/v1\n", []
    if not body.startswith(introduction):
        return None
    position = len(introduction)
    while match := STANZA.match(body, position):
        stanzas.append((match[1].decode().split(" "), match[2].replace(b"\n", b"")))
        position = match.end()
    footer = FOOTER.match(body, position)
    if not footer or not is_canonical(footer[1]) or not all(is_canonical(wrapped) for _, wrapped in stanzas):
        return None
    if not 1 <= len(stanzas) <= 16 or any(words[0] == "scrypt" for words, _ in stanzas):
        return None
    if len(body) - footer.end() != 64:
        return None
    return stanzas, body[: position + 3], decoded(footer[1]), body[footer.end() :]


def decoded(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def is_canonical(text):
    return len(text) % 4 != 1 and base64.b64encode(decoded(text)).rstrip(b"=") == text


def derived(material, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(material)


def unwrap(body, identity):
    """The file key in a slot's body, for an X25519 identity of 32 bytes; or nothing."""
    stanzas, covered, mac, payload = outline(body)
    private = X25519PrivateKey.from_private_bytes(identity)
    for words, wrapped in stanzas:
        if words[0] != "X25519":
            continue
        # What age refuses as a whole is skipped as a whole.
        if len(words) != 2 or not re.fullmatch("[A-Za-z0-9+/]{43}", words[1]) or not is_canonical(words[1].encode()):
            return None
        if len(decoded(wrapped)) != 32:
            return None
        share = decoded(words[1].encode())
        try:
            secret = private.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            return None
        try:
            salt = share + private.public_key().public_bytes_raw()
            key = derived(secret, salt, b"age-encryption.org/v1/X25519")
            inner = ChaCha20Poly1305(key).decrypt(bytes(12), decoded(wrapped), None)
            expected = hmac.digest(derived(inner, b"", b"header"), covered, hashlib.sha256)
        except InvalidTag:
            continue
        try:
            key = derived(inner, payload[:16], b"payload")
            plain = ChaCha20Poly1305(key).decrypt(bytes(11) + b"\x01", payload[16:], None)
            return plain if hmac.compare_digest(expected, mac) else None
        except InvalidTag:
            return None
    return None


def read_identity(text):
    """The 32 bytes in the first line AGE-SECRET-KEY-1... (Bech32, whose checksum is left alone here)."""
    digits = re.search("^AGE-SECRET-KEY-1([A-Z0-9]{58})$", text, re.MULTILINE)[1].lower()
    number = 0
    for digit in digits[:52]:
        number = number << 5 | "qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(digit)
    return (number >> 4).to_bytes(32, "big")


if __name__ == "__main__":
    import reelseal

    copy, _ = reelseal.find_header(open(sys.argv[1], "rb").read())
    bodies = [body for kind, body in reelseal.records(copy) if kind == 3]
    for number, body in enumerate(bodies, 1):
        with open(f"{sys.argv[2] if len(sys.argv) > 2 else '.'}/{number}.age", "wb") as file:
            file.write(body)
