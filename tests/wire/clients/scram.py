"""SCRAM-SHA-256 by hand: what a log-in must hold, and that a stranger learns nothing from a refusal.

The arguments are the port, and `tls` if the server has a certificate."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import statistics
import struct
import sys
import time

PORT, TLS = int(sys.argv[1]), sys.argv[2:] == ["tls"]
USER, PASSWORD = os.environ["PGUSER"], os.environ["PGPASSWORD"]
OK, CONTINUE, FINAL = 0, 11, 12


def b64(data):
    return base64.b64encode(data).decode()


def sign(key, text):
    return hmac.new(key, text if isinstance(text, bytes) else text.encode(), hashlib.sha256).digest()


class LogIn:
    """A connection up to the end of its log-in."""

    def __init__(self, user=USER):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=20)
        if TLS:
            self.socket.sendall(struct.pack("!ii", 8, 80877103))
            assert self.socket.recv(1) == b"S"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        body = struct.pack("!i", 196608) + b"user\0" + user.encode() + b"\0database\0retail\0\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        kind, self.methods = self.answer()
        assert kind == 10, kind

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def answer(self):
        """The number of the server's next step and what it says, or the SQLSTATE of its refusal."""
        kind, length = struct.unpack("!ci", self.exactly(5))
        body = self.exactly(length - 4)
        if kind == b"E":
            fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
            return fields[b"C"], fields[b"M"]
        assert kind == b"R", kind
        return struct.unpack("!i", body[:4])[0], body[4:].decode()

    def send(self, body):
        self.socket.sendall(b"p" + struct.pack("!i", len(body) + 4) + body)

    def first(self, gs2="n,,", bare=None, method="SCRAM-SHA-256"):
        self.nonce = b64(os.urandom(18))
        self.bare = bare or f"n=,r={self.nonce}"
        self.gs2 = gs2
        text = (gs2 + self.bare).encode()
        self.send(method.encode() + b"\0" + struct.pack("!i", len(text)) + text)
        return self.answer()

    def final(self, server_first, password=PASSWORD, change=None, channel=None, nonce=None):
        """The proof of a password; `change` makes another of it."""
        said = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(said["s"]), int(said["i"])
        )
        client_key = sign(salted, "Client Key")
        bare = f"c={channel or b64(self.gs2.encode())},r={nonce or said['r']}"
        message = f"{self.bare},{server_first},{bare}"
        signature = sign(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        if change is not None:
            proof = change(proof)
        self.signature = b64(sign(sign(salted, "Server Key"), message))
        self.send(f"{bare},p={b64(proof)}".encode())
        return self.answer()


def refused(answer, user=USER):
    code, message = answer
    assert code == "28P01", answer
    assert message == f'password authentication failed for user "{user}"', message


# who knows the password gets in, and the server proves that it knows its verifier
log_in = LogIn()
step, said = log_in.first()
assert step == CONTINUE and said.startswith(f"r={log_in.nonce}"), said
assert log_in.final(said) == (FINAL, f"v={log_in.signature}")
assert log_in.answer()[0] == OK

# a proof that is not exactly the proof
for change in [
    lambda p: p + b"\0",
    lambda p: p[:-1],
    lambda p: p[:-1] + bytes([p[-1] ^ 1]),
    lambda p: b"",
    lambda p: bytes(32),
]:
    log_in = LogIn()
    refused(log_in.final(log_in.first()[1], change=change))
# the proof of another exchange: another nonce, or another channel than was said first
log_in = LogIn()
said = log_in.first()[1]
refused(log_in.final(said, nonce=log_in.nonce))
log_in = LogIn()
refused(log_in.final(log_in.first()[1], channel=b64(b"y,,")))
# a binding to a channel that is not this one, a method that there is not, what cannot be read
for gs2 in ["p=tls-unique,,", "", "x,,"] + ([] if TLS else ["p=tls-server-end-point,,"]):
    refused(LogIn().first(gs2=gs2))
for method in ["SCRAM-SHA-1", "PLAIN", ""]:
    refused(LogIn().first(method=method))
for bare in ["m=ext,n=,r=abc", "r=", "n="]:
    refused(LogIn().first(bare=bare))
if TLS:
    # who says that the server offers no binding was told so by someone in between
    assert "SCRAM-SHA-256-PLUS" in LogIn().methods
    refused(LogIn().first(gs2="y,,"))
else:
    assert "SCRAM-SHA-256-PLUS" not in LogIn().methods
    log_in = LogIn()
    assert log_in.final(log_in.first(gs2="y,,")[1])[0] == FINAL

# a user that there is not: the same salt each time, of the same length, and the same steps
STRANGER = "nobody-here"


def parts(user):
    said = LogIn(user).first()[1]
    fields = dict(part.split("=", 1) for part in said.split(","))
    return fields["s"], fields["i"], len(said)


known, stranger = parts(USER), parts(STRANGER)
assert parts(USER) == known and parts(STRANGER) == stranger and stranger[0] != known[0]
assert stranger[1:] == known[1:] and len(stranger[0]) == len(known[0]), (known, stranger)
log_in = LogIn(STRANGER)
refused(log_in.final(log_in.first()[1]), STRANGER)


def took(user, refusal):
    log_in = LogIn(user)
    begun = time.perf_counter()
    said = log_in.first()[1]
    if refusal:
        begun = time.perf_counter()
        refused(log_in.final(said, change=lambda p: bytes(32)), user)
    return time.perf_counter() - begun


# and no time tells them apart: neither that of the first answer, nor that of the refusal, which has its
# pause, whose end is a timer's. What a busy machine adds goes as there are more of them; a difference stays.
for refusal, rounds in [(False, 100), (True, 8)]:
    times = {USER: [], STRANGER: []}
    for _ in range(5):
        for _ in range(rounds):
            for user, all_ in times.items():
                all_.append(took(user, refusal))
        a, b = (statistics.median(all_) * 1000 for all_ in times.values())
        print(f"known {a:.3f} ms, unknown {b:.3f} ms, {len(times[USER])} times, refusal: {refusal}")
        if abs(a - b) < 5:
            break
    assert abs(a - b) < 5, (refusal, a, b)
print("ok")
