"""What a client that has logged in may send: messages that are cut, swapped, too long or of other bytes.

The same bytes in every run. Whatever comes, the server answers with an error or ends the connection,
and others are served as before.
"""

import os
import random
import select
import struct
import time

from connect import connect

DUE = [
    (b"Q", b"SELECT 1\0"),
    (b"Q", b"SELECT customer_id, stage FROM profiles LIMIT 3; SELECT 2\0"),
    (b"P", b"s\0SELECT $1::int + 1\0\0\1\0\0\0\x17"),
    (b"P", b"\0SELECT count(*) FROM events WHERE ts > $1\0\0\0"),
    (b"B", b"\0s\0\0\1\0\1\0\1\0\0\0\4\0\0\0\x2a\0\1\0\1"),
    (b"B", b"p\0s\0\0\0\0\1\0\0\0\1\x37\0\0"),
    (b"D", b"Ss\0"),
    (b"D", b"Pp\0"),
    (b"E", b"p\0\0\0\0\1"),
    (b"E", b"\0\0\0\0\0"),
    (b"C", b"Ss\0"),
    (b"H", b""),
    (b"S", b""),
    (b"d", b"1\t2\n"),
    (b"c", b""),
    (b"f", b"no\0"),
    (b"F", b"\0\0\0\1\0\0\0\0\0\0"),
    (b"p", b"SCRAM-SHA-256\0\0\0\0\0"),
]
ROUNDS = 400


def mutated(rng):
    """A message, half of the time with something wrong."""
    kind, body = rng.choice(DUE)
    body = bytearray(body)
    if rng.random() < 0.5:
        return kind + struct.pack("!I", len(body) + 4) + bytes(body)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        change = rng.randrange(5)
        at = rng.randrange(len(body) + 1)
        if change == 0 and at < len(body):
            body[at] = rng.randrange(256)
        elif change == 1:
            body[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif change == 2:
            del body[at:]
        elif change == 3 and at < len(body):
            body[at : at + 2] = struct.pack("!H", rng.choice([0, 1, 0x7FFF, 0x8000, 0xFFFF]))
        elif change == 4:
            body[at:at] = "é☃\U0001f600".encode()[: rng.randrange(1, 10)]
    length = len(body) + 4
    if rng.random() < 0.1:
        length = rng.choice([0, 3, length - 1, length + 1, length + 500, (16 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
    if rng.random() < 0.05:
        kind = bytes([rng.randrange(256)])
    return kind + struct.pack("!I", length & 0xFFFFFFFF) + bytes(body)


def answers(fd, patience):
    """The bytes that come until nothing does for a while."""
    out = b""
    while select.select([fd], [], [], patience)[0]:
        try:
            got = os.read(fd, 1 << 16)
        except OSError:
            return out, True
        if not got:
            return out, True
        out += got
    return out, False


rng = random.Random(20261123)
ended, refused, served = 0, 0, 0
with connect() as witness:
    for _ in range(ROUNDS):
        conn = connect()
        fd = conn.pgconn.socket
        messages = [mutated(rng) for _ in range(rng.randrange(1, 6))]
        try:
            os.write(fd, b"".join(messages) + b"S\0\0\0\4")
        except OSError:
            pass
        answer, closed = answers(fd, 0.02)
        # no answer tells of the server's inside
        for word in [b"XX000", b"panicked", b"src/", b".rs:"]:
            assert word not in answer, (word, messages, answer)
        ended += closed
        refused += b"SERROR\0" in answer or b"SFATAL\0" in answer
        served += b"SELECT " in answer
        conn.close()
    begun = time.monotonic()
    assert witness.execute("SELECT 7").fetchone() == (7,)
    assert connect().execute("SELECT 7").fetchone() == (7,)
    assert time.monotonic() - begun < 1
print(f"{ROUNDS} clients: {ended} ended, {refused} told of an error, {served} with an answer")
assert min(ended, refused) > ROUNDS / 4 and served > 5
print("ok")
