"""A log-in by SCRAM-SHA-256, a message at a time.

The first argument is the port, the second `tls` if the server has a certificate."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import sys

PORT, TLS = int(sys.argv[1]), sys.argv[2:] == ["tls"]
USER, PASSWORD = os.environ["PGUSER"], os.environ["PGPASSWORD"]
DATABASE = "retail"
OK, CONTINUE, FINAL = 0, 11, 12


def b64(data):
    return base64.b64encode(data).decode()


def sign(key, text):
    return hmac.new(key, text if isinstance(text, bytes) else text.encode(), hashlib.sha256).digest()


def message(kind, body):
    """A message; the first ones of a connection have no kind."""
    return kind + struct.pack("!i", len(body) + 4) + body


def startup(user):
    return message(b"", struct.pack("!i", 196608) + f"user\0{user}\0database\0{DATABASE}\0\0".encode())


ENCRYPT = message(b"", struct.pack("!i", 80877103))


def connected():
    return socket.create_connection(("127.0.0.1", PORT), timeout=20)


def encrypted(plain):
    """The same connection, encrypted; nobody asks here whose certificate it is."""
    plain.sendall(ENCRYPT)
    assert plain.recv(1) == b"S"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


class LogIn:
    """A connection up to the end of its log-in."""

    def __init__(self, user=USER):
        self.socket = encrypted(connected()) if TLS else connected()
        self.socket.sendall(startup(user))
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
        self.socket.sendall(message(b"p", body))

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
