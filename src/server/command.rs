//! What a statement is to the protocol: a question for the engine, or one of the commands that speak
//! of the session itself (transactions, settings, cursors, `COPY … TO STDOUT`).

mod copy;
mod cursor;
mod settings;
mod words;

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::error::Outcome;
use words::Words;

pub(super) use copy::{CopyFormat, CopyKind};
pub(super) use cursor::Step;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Empty,
    /// rows, by the engine
    Query {
        tag: &'static str,
    },
    /// no rows, by the engine
    Other {
        tag: String,
    },
    Begin,
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS …`, `LISTEN`: nothing to do
    Nothing {
        tag: &'static str,
    },
    Set {
        name: String,
        value: Option<String>,
        local: bool,
    },
    Reset(Option<String>),
    Show(String),
    ShowAll,
    Discard(Discard),
    Deallocate(Option<String>),
    Declare {
        name: String,
        hold: bool,
        binary: bool,
        query: String,
    },
    Fetch {
        name: String,
        step: Step,
        shown: bool,
    },
    Close(Option<String>),
    CopyOut {
        query: String,
        format: CopyFormat,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discard {
    All,
    Plans,
    Nothing,
}

impl Command {
    /// Reads one statement.
    pub(super) fn read(sql: &str) -> Outcome<Self> {
        let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() else {
            // the engine says what is wrong, in its own dialect
            return Ok(Self::Query { tag: "SELECT" });
        };
        let tokens: Vec<TokenWithSpan> = tokens
            .into_iter()
            .filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF))
            .collect();
        let tokens = match tokens.split_last() {
            Some((last, rest)) if last.token == Token::SemiColon => rest,
            _ => &tokens,
        };
        Words { sql, tokens, at: 0 }.command()
    }
}

impl Words<'_> {
    fn command(mut self) -> Outcome<Command> {
        let first = self.keyword();
        let query = |tag| Ok(Command::Query { tag });
        match first.as_str() {
            "" if self.ended() => Ok(Command::Empty),
            "SELECT" | "WITH" | "VALUES" | "FROM" | "TABLE" | "(" => query("SELECT"),
            "EXPLAIN" => query("EXPLAIN"),
            "DESCRIBE" | "DESC" => query("SELECT"),
            "BEGIN" => Ok(Command::Begin),
            "START" => Ok(Command::Begin),
            "COMMIT" | "END" => Ok(Command::Commit),
            "ROLLBACK" | "ABORT" => {
                self.at += 1;
                let _ = self.take("WORK") || self.take("TRANSACTION");
                if !self.take("TO") {
                    return Ok(Command::Rollback);
                }
                self.take("SAVEPOINT");
                Ok(Command::RollbackTo(self.name()?))
            }
            "SAVEPOINT" => {
                self.at += 1;
                Ok(Command::Savepoint(self.name()?))
            }
            "RELEASE" => {
                self.at += 1;
                self.take("SAVEPOINT");
                Ok(Command::Release(self.name()?))
            }
            "SET" => self.set(),
            "RESET" => {
                self.at += 1;
                let name = self.dotted()?;
                Ok(Command::Reset((name != "all").then_some(name)))
            }
            "SHOW" => self.show(),
            "DISCARD" => {
                self.at += 1;
                Ok(Command::Discard(match self.next_keyword().as_str() {
                    "ALL" => Discard::All,
                    "PLANS" => Discard::Plans,
                    "TEMP" | "TEMPORARY" | "SEQUENCES" => Discard::Nothing,
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected("ALL, PLANS, SEQUENCES or TEMP"));
                    }
                }))
            }
            "DEALLOCATE" => {
                self.at += 1;
                self.take("PREPARE");
                if self.take("ALL") {
                    return Ok(Command::Deallocate(None));
                }
                Ok(Command::Deallocate(Some(self.name()?)))
            }
            "DECLARE" => self.declare(),
            "FETCH" | "MOVE" => self.fetch(first == "FETCH"),
            "CLOSE" => {
                self.at += 1;
                if self.take("ALL") {
                    return Ok(Command::Close(None));
                }
                Ok(Command::Close(Some(self.name()?)))
            }
            "COPY" => self.copy(),
            "LISTEN" => Ok(Command::Nothing { tag: "LISTEN" }),
            "UNLISTEN" => Ok(Command::Nothing { tag: "UNLISTEN" }),
            "LOCK" => Ok(Command::Nothing { tag: "LOCK TABLE" }),
            other => {
                self.at += 1;
                let tag = match (other, self.keyword()) {
                    ("CREATE" | "DROP" | "ALTER", kind) if kind == "OR" => {
                        format!("{other} VIEW")
                    }
                    ("CREATE" | "DROP" | "ALTER", kind) => format!("{other} {kind}"),
                    _ => other.to_owned(),
                };
                Ok(Command::Other { tag })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn read(sql: &str) -> Command {
        Command::read(sql).unwrap()
    }

    #[test]
    fn statements_are_told_apart() {
        assert_eq!(read(" -- nothing\n;"), Command::Empty);
        assert_eq!(read("/* x */ select 1"), Command::Query { tag: "SELECT" });
        assert_eq!(read("(select 1) union select 2"), Command::Query { tag: "SELECT" });
        assert_eq!(read("create view v as select 1"), Command::Other { tag: "CREATE VIEW".into() });
        assert_eq!(read("ROLLBACK WORK"), Command::Rollback);
        assert_eq!(read("rollback to savepoint \"S\""), Command::RollbackTo("S".into()));
        assert_eq!(read("SHOW tenure"), Command::Query { tag: "SHOW" });
        assert_eq!(read("SHOW tenure.as_of"), Command::Show("tenure.as_of".into()));
        assert_eq!(
            read("SHOW TRANSACTION ISOLATION LEVEL"),
            Command::Show("transaction_isolation".into())
        );
        assert_eq!(read("DISCARD ALL"), Command::Discard(Discard::All));
        assert_eq!(read("DEALLOCATE ALL"), Command::Deallocate(None));
    }
}
