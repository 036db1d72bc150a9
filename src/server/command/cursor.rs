//! `DECLARE`, and `FETCH` and `MOVE`, which only go forward.

use datafusion::logical_expr::sqlparser::tokenizer::Token;

use super::Command;
use super::words::Words;
use crate::server::error::{Failure, Outcome};

/// How far a cursor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Step {
    Rows(usize),
    All,
}

impl Words<'_> {
    pub(super) fn declare(&mut self) -> Outcome<Command> {
        self.at += 1;
        let name = self.name()?;
        let (mut binary, mut hold) = (false, false);
        loop {
            match self.next_keyword().as_str() {
                "BINARY" => binary = true,
                "INSENSITIVE" | "ASENSITIVE" => {}
                "NO" => {
                    if !self.take("SCROLL") {
                        return Err(self.unexpected("SCROLL"));
                    }
                }
                "SCROLL" => {
                    return Err(Failure::new("0A000", "cursors only go forward")
                        .with_hint("leave SCROLL out"));
                }
                "CURSOR" => break,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("CURSOR"));
                }
            }
        }
        loop {
            match self.next_keyword().as_str() {
                "WITH" => hold = true,
                "WITHOUT" | "HOLD" => {}
                "FOR" => break,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("FOR"));
                }
            }
        }
        Ok(Command::Declare { name, hold, binary, query: self.rest() })
    }

    pub(super) fn fetch(&mut self, shown: bool) -> Outcome<Command> {
        self.at += 1;
        let step = match self.keyword().as_str() {
            "NEXT" => {
                self.at += 1;
                Step::Rows(1)
            }
            "ALL" => {
                self.at += 1;
                Step::All
            }
            "FORWARD" => {
                self.at += 1;
                self.count()?
            }
            "PRIOR" | "FIRST" | "LAST" | "ABSOLUTE" | "RELATIVE" | "BACKWARD" => {
                return Err(Failure::new("55000", "cursors only go forward")
                    .with_hint("FETCH NEXT, FETCH n and FETCH ALL can be used"));
            }
            _ => self.count()?,
        };
        let _ = self.take("FROM") || self.take("IN");
        Ok(Command::Fetch { name: self.name()?, step, shown })
    }

    /// A number of rows, ALL, or one row where nothing is said.
    fn count(&mut self) -> Outcome<Step> {
        if self.take("ALL") {
            return Ok(Step::All);
        }
        match self.peek() {
            Some(Token::Number(n, _)) => {
                let rows = n.parse().map_err(|_| self.unexpected("a number of rows"))?;
                self.at += 1;
                Ok(Step::Rows(rows))
            }
            Some(Token::Minus) => Err(Failure::new("55000", "cursors only go forward")),
            _ => Ok(Step::Rows(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn cursors_go_forward() {
        assert_eq!(
            read("declare \"SQL_CUR1\" cursor with hold for select ';' from t"),
            Command::Declare {
                name: "SQL_CUR1".into(),
                hold: true,
                binary: false,
                query: "select ';' from t".into()
            }
        );
        let fetch = |name: &str, step| Command::Fetch { name: name.into(), step, shown: true };
        assert_eq!(read("FETCH 2048 IN \"SQL_CUR1\""), fetch("SQL_CUR1", Step::Rows(2048)));
        assert_eq!(read("fetch c"), fetch("c", Step::Rows(1)));
        assert_eq!(read("FETCH FORWARD ALL FROM c"), fetch("c", Step::All));
        assert_eq!(read("FETCH NEXT FROM c"), fetch("c", Step::Rows(1)));
        for sql in ["FETCH PRIOR FROM c", "FETCH -1 FROM c", "FETCH BACKWARD 2 FROM c"] {
            assert_eq!(Command::read(sql).unwrap_err().code, "55000", "{sql}");
        }
        assert_eq!(
            Command::read("DECLARE c SCROLL CURSOR FOR SELECT 1").unwrap_err().code,
            "0A000"
        );
    }
}
