"""Every message of a client in every state of a connection: what `states.txt` says is answered.

The arguments are those of `log_in.py`. Another table than the one that is kept is printed whole.
"""

import pathlib
import socket
import struct

import log_in
from log_in import ENCRYPT, TLS, USER, LogIn, message, startup


def parse(name, sql):
    return message(b"P", f"{name}\0{sql}\0\0\0".encode())


def bind(portal, statement):
    return message(b"B", f"{portal}\0{statement}\0\0\0\0\0\0\0".encode())


def execute(portal, rows):
    return message(b"E", f"{portal}\0".encode() + struct.pack("!i", rows))


def query(sql):
    return message(b"Q", f"{sql}\0".encode())


SYNC = message(b"S", b"")

# the statement s is prepared in every session; the portal p is open where the state says so
MESSAGES = {
    "startup": startup(USER),
    "encrypt": ENCRYPT,
    "encrypt (GSS)": message(b"", struct.pack("!i", 80877104)),
    "cancel": message(b"", struct.pack("!iii", 80877102, 1, 2)),
    "password": message(b"p", b"geheim-123\0"),
    "query": query("SELECT 42"),
    "two queries": query("SELECT 42; SELECT 1/0"),
    "empty query": query(""),
    "parse": parse("t", "SELECT 42"),
    "bind": bind("q", "s"),
    "describe s": message(b"D", b"Ss\0"),
    "describe p": message(b"D", b"Pp\0"),
    "execute p": execute("p", 0),
    "describe x": message(b"D", b"x\0"),
    "close s": message(b"C", b"Ss\0"),
    "close p": message(b"C", b"Pp\0"),
    "close x": message(b"C", b"x\0"),
    "flush": message(b"H", b""),
    "sync": SYNC,
    "copy data": message(b"d", b"1\t2\n"),
    "copy done": message(b"c", b""),
    "copy fail": message(b"f", b"no\0"),
    "function call": message(b"F", struct.pack("!ihhih", 1, 0, 0, 0, 0)),
    "unknown": message(b"!", b""),
    "terminate": message(b"X", b""),
}


def read(conn):
    """What the server says, a word a message, until it ends the connection; the last word is `end`."""
    data = b""
    while True:
        while len(data) >= 5 and len(data) > (length := struct.unpack("!i", data[1:5])[0]):
            kind, body, data = data[:1].decode(), data[5 : length + 1], data[length + 1 :]
            if kind == "E":
                yield kind + next(f[1:] for f in body.split(b"\0") if f[:1] == b"C").decode()
            elif kind == "R":
                yield kind + str(struct.unpack("!i", body[:4])[0])
            elif kind == "C":
                yield kind + body[:-1].decode().split()[0].lower()
            elif kind == "Z":
                yield kind + body.decode()
            elif kind not in "NSK":
                yield kind
        try:
            more = conn.recv(1 << 16)
        except (ConnectionResetError, TimeoutError) as why:
            more, data = b"", b""
            if isinstance(why, TimeoutError):
                yield "silence"
        if not more:
            yield "end" + (f" {data!r}" if data else "")
            return
        data += more


def before_log_in(reach):
    """A state that nobody has logged in for: the message, and then no more."""

    def answered(bytes_):
        conn = reach()
        conn.sendall(bytes_)
        if TLS and isinstance(conn, log_in.ssl.SSLSocket):
            return said(conn)
        conn.shutdown(socket.SHUT_WR)
        return list(read(conn))

    return answered


def said(conn):
    """As `read`, of an encrypted connection, which cannot be half closed: a message that nobody takes ends it."""
    conn.sendall(message(b"!", b""))
    return list(read(conn))


def untouched():
    return log_in.connected()


def refused_encryption():
    conn = log_in.connected()
    conn.sendall(ENCRYPT)
    assert conn.recv(1) == b"N"
    return conn


def encrypted():
    return log_in.encrypted(log_in.connected())


def asked_for_a_method():
    return LogIn().socket


def asked_for_a_proof():
    begun = LogIn()
    assert begun.first()[0] == log_in.CONTINUE
    return begun.socket


class Ready:
    """A session that was brought to a state by messages; `until` is the server's last word on them."""

    def __init__(self, *before, until="ZI"):
        self.before, self.until = b"".join(before), until

    def __call__(self, bytes_):
        begun = LogIn()
        assert begun.final(begun.first()[1])[0] == log_in.FINAL
        conn = begun.socket
        words = read(conn)
        conn.sendall(parse("s", "SELECT 42") + SYNC)
        while next(words) != "1" or next(words) != "ZI":
            pass
        # what closes whatever is open shows where the answer ends
        conn.sendall(self.before + bytes_ + SYNC + query("ROLLBACK"))
        while self.before and (word := next(words)) != self.until:
            assert word not in ("end", "silence"), (self.before, word)
        out = []
        for word in words:
            if word in ("Crollback", "end", "silence"):
                return out + [word] * (word != "Crollback")
            out.append(word)


BEGIN = query("BEGIN")
# of the three rows one was asked for
SUSPENDED = parse("", "SELECT * FROM (VALUES (1), (2), (3)) AS t(x)") + bind("p", "") + execute("p", 1)
CURSOR = query("DECLARE p CURSOR FOR SELECT * FROM (VALUES (1), (2), (3)) AS t(x)")

STATES = {
    "untouched": before_log_in(untouched),
    "asked for a method": before_log_in(asked_for_a_method),
    "asked for a proof": before_log_in(asked_for_a_proof),
    "ready": Ready(),
    "in a transaction": Ready(BEGIN, until="ZT"),
    "in a failed transaction": Ready(BEGIN, query("SELECT 1/0"), until="ZE"),
    "after an error, before sync": Ready(parse("", "SELECT nosuch"), until="E42703"),
    "with a portal half read": Ready(SUSPENDED, message(b"H", b""), until="s"),
    "with a cursor": Ready(BEGIN, CURSOR, until="Cdeclare"),
    "while a query runs": Ready(query("SELECT count(*) FROM generate_series(1, 1000000)"), until="T"),
}
if TLS:
    STATES = {
        "untouched": before_log_in(untouched),
        "encrypted": before_log_in(encrypted),
        "asked for a method": before_log_in(asked_for_a_method),
        "ready": Ready(),
    }
else:
    STATES = {"untouched": STATES.pop("untouched"), "refused encryption": before_log_in(refused_encryption), **STATES}

lines = []
for state, answered in STATES.items():
    lines += [f"# {state}", ""]
    lines += [f"{name:<16}{' '.join(answered(bytes_))}" for name, bytes_ in MESSAGES.items()] + [""]
table = "\n".join(lines)
kept = pathlib.Path(__file__).with_name("states_tls.txt" if TLS else "states.txt")
if not kept.exists() or kept.read_text() != table:
    print(table)
    raise AssertionError(f"{kept.name} says otherwise")
print("ok")
