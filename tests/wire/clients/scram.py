"""SCRAM-SHA-256 by hand: what a log-in must hold, and that a stranger learns nothing from a refusal.

The arguments are those of `log_in.py`."""

import statistics
import time

from log_in import CONTINUE, FINAL, OK, PASSWORD, TLS, USER, LogIn, b64


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
