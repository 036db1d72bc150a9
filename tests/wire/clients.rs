//! Drivers: psycopg, psycopg2, SQLAlchemy with pandas.

use crate::support::served::Served;

#[test]
fn psycopg_reads_every_type_in_text_and_in_binary() {
    let served = Served::retail(&[]);
    served.python("values.py", &[]);
}

#[test]
fn psycopg_prepares_has_cursors_copies_and_cancels() {
    let served = Served::retail(&[]);
    served.python("statements.py", &[]);
}

#[test]
fn transactions_and_settings_behave() {
    let served = Served::retail(&[]);
    served.python("transactions.py", &[]);
}
