//! The exchange of a log-in, by hand: wrong proofs, and what a stranger can learn.

use super::psql::encrypted;
use crate::support::served::Served;

#[test]
fn a_log_in_holds_its_proof_and_a_refusal_tells_nothing() {
    let served = Served::retail(&[]);
    served.python("scram.py", &[]);
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
}

#[test]
fn a_log_in_under_encryption_cannot_be_talked_down() {
    let served = encrypted();
    served.python("scram.py", &["tls"]);
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
}
