//! What a statement is to the protocol: a question for the engine, or one of the commands that speak
//! of the session itself (transactions, settings, cursors, `COPY … TO STDOUT`).

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::error::{Failure, Outcome};

/// How far a cursor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Rows(usize),
    All,
}

/// How `COPY … TO STDOUT` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyFormat {
    pub(super) kind: CopyKind,
    pub(super) header: bool,
    pub(super) delimiter: char,
    pub(super) null: String,
    pub(super) quote: char,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyKind {
    Text,
    Csv,
    Binary,
}

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

/// The tokens of a statement, read from the left.
struct Words<'a> {
    sql: &'a str,
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl Words<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    /// The next token as a word without quotes, in capitals.
    fn keyword(&self) -> String {
        match self.peek() {
            Some(Token::Word(w)) if w.quote_style.is_none() => w.value.to_uppercase(),
            Some(Token::LParen) => "(".to_owned(),
            _ => String::new(),
        }
    }

    fn next_keyword(&mut self) -> String {
        let word = self.keyword();
        self.at += 1;
        word
    }

    /// Takes a keyword if it is next.
    fn take(&mut self, keyword: &str) -> bool {
        let found = self.keyword() == keyword;
        self.at += usize::from(found);
        found
    }

    fn ended(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// A name, folded to lower case unless quoted.
    fn name(&mut self) -> Outcome<String> {
        let name = match self.peek() {
            Some(Token::Word(w)) if w.quote_style.is_some() => w.value.clone(),
            Some(Token::Word(w)) => w.value.to_lowercase(),
            _ => return Err(self.unexpected("a name")),
        };
        self.at += 1;
        Ok(name)
    }

    fn unexpected(&self, wanted: &str) -> Box<Failure> {
        let found = self.peek().map_or("the end".to_owned(), |t| match t {
            // what stands in quotes may be a value
            Token::SingleQuotedString(_) => "a string".to_owned(),
            t => t.to_string(),
        });
        Failure::new("42601", format!("syntax error: {wanted} is expected, not {found}"))
    }

    /// The text from the next token on.
    fn rest(&self) -> String {
        let Some(token) = self.tokens.get(self.at) else { return String::new() };
        self.text(token, None)
    }

    /// The text from a token to another one, which is left out.
    fn text(&self, from: &TokenWithSpan, to: Option<&TokenWithSpan>) -> String {
        let start = offset(self.sql, from);
        let end = to.map_or(self.sql.len(), |t| offset(self.sql, t));
        let text = self.sql.get(start..end).unwrap_or_default();
        text.trim().trim_end_matches(';').trim_end().to_owned()
    }

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

    /// A name of a setting, such as `tenure.as_of`.
    fn dotted(&mut self) -> Outcome<String> {
        let mut name = self.name()?;
        while self.peek() == Some(&Token::Period) {
            self.at += 1;
            name = format!("{name}.{}", self.name()?);
        }
        Ok(name)
    }

    fn set(&mut self) -> Outcome<Command> {
        self.at += 1;
        let mut local = false;
        if self.take("LOCAL") {
            local = true;
        } else if self.take("SESSION") {
            match self.keyword().as_str() {
                "CHARACTERISTICS" => return Ok(Command::Nothing { tag: "SET" }),
                "AUTHORIZATION" => {
                    self.at += 1;
                    let value = self.value()?;
                    let name = "session_authorization".to_owned();
                    return Ok(Command::Set { name, value, local });
                }
                _ => {}
            }
        }
        match self.keyword().as_str() {
            "TRANSACTION" | "CONSTRAINTS" => return Ok(Command::Nothing { tag: "SET" }),
            "TIME" => {
                self.at += 1;
                if !self.take("ZONE") {
                    return Err(self.unexpected("ZONE"));
                }
                let value = self.value()?;
                return Ok(Command::Set { name: "timezone".to_owned(), value, local });
            }
            "NAMES" => {
                self.at += 1;
                let value = self.value()?;
                return Ok(Command::Set { name: "client_encoding".to_owned(), value, local });
            }
            "ROLE" => {
                self.at += 1;
                let value = self.value()?;
                return Ok(Command::Set { name: "role".to_owned(), value, local });
            }
            _ => {}
        }
        let name = self.dotted()?;
        if self.peek() == Some(&Token::Eq) {
            self.at += 1;
        } else if !self.take("TO") {
            return Err(self.unexpected("TO or ="));
        }
        let value = self.value()?;
        Ok(Command::Set { name, value, local })
    }

    /// The values of a setting up to the end, joined; none is DEFAULT.
    fn value(&mut self) -> Outcome<Option<String>> {
        if self.ended() {
            return Err(self.unexpected("a value"));
        }
        if self.keyword() == "DEFAULT" && self.at + 1 == self.tokens.len() {
            return Ok(None);
        }
        let mut out = String::new();
        while let Some(token) = self.peek() {
            match token {
                Token::SingleQuotedString(s) | Token::EscapedStringLiteral(s) => out.push_str(s),
                Token::Word(w) => out.push_str(&w.value),
                Token::Comma => out.push_str(", "),
                Token::Number(n, _) => out.push_str(n),
                other => out.push_str(&other.to_string()),
            }
            self.at += 1;
        }
        Ok(Some(out))
    }

    fn show(&mut self) -> Outcome<Command> {
        self.at += 1;
        match self.keyword().as_str() {
            "ALL" => return Ok(Command::ShowAll),
            // the engine's own
            "TENURE" | "TABLES" | "COLUMNS" | "FUNCTIONS" | "DATABASES" | "SCHEMAS" | "CREATE" => {
                return Ok(Command::Query { tag: "SHOW" });
            }
            "TIME" => return Ok(Command::Show("timezone".to_owned())),
            "TRANSACTION" => return Ok(Command::Show("transaction_isolation".to_owned())),
            "SESSION" => return Ok(Command::Show("session_authorization".to_owned())),
            _ => {}
        }
        Ok(Command::Show(self.dotted()?))
    }

    fn declare(&mut self) -> Outcome<Command> {
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

    fn fetch(&mut self, shown: bool) -> Outcome<Command> {
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

    /// `COPY (query) TO STDOUT …` and `COPY table [(columns)] TO STDOUT …`; others are the engine's
    /// to refuse.
    fn copy(&mut self) -> Outcome<Command> {
        self.at += 1;
        let start = self.at;
        let mut depth = 0_usize;
        // TO after what is copied, not in it
        while let Some(token) = self.peek() {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ if depth == 0 && self.keyword() == "TO" => break,
                _ if depth == 0 && self.keyword() == "FROM" => {
                    return Err(Failure::new(
                        "25006",
                        "the session is read-only: COPY FROM is not allowed",
                    ));
                }
                _ => {}
            }
            self.at += 1;
        }
        let (Some(from), Some(to)) = (self.tokens.get(start), self.tokens.get(self.at)) else {
            return Err(self.unexpected("TO STDOUT"));
        };
        let what = self.text(from, Some(to));
        let query = match (from.token == Token::LParen, what.split_once('(')) {
            (true, _) => what.trim_start_matches('(').trim_end_matches(')').to_owned(),
            (false, Some((table, columns))) => {
                format!(
                    "SELECT {} FROM {}",
                    columns.trim_end().trim_end_matches(')'),
                    table.trim_end()
                )
            }
            (false, None) => format!("SELECT * FROM {what}"),
        };
        // parentheses of the query's own end are not the statement's
        let query = match from.token == Token::LParen {
            true => what
                .strip_prefix('(')
                .and_then(|w| w.strip_suffix(')'))
                .map_or(query, str::to_owned),
            false => query,
        };
        self.at += 1;
        if self.keyword() != "STDOUT" {
            return Err(Failure::new("42501", "writing files is not allowed in this session")
                .with_hint("COPY (…) TO STDOUT sends rows to the client"));
        }
        self.at += 1;
        Ok(Command::CopyOut { query, format: self.copy_format()? })
    }

    fn copy_format(&mut self) -> Outcome<CopyFormat> {
        let mut kind = CopyKind::Text;
        let (mut header, mut delimiter, mut null, mut quote) = (false, None, None, '"');
        while !self.ended() {
            match self.peek() {
                Some(Token::LParen | Token::RParen | Token::Comma) => {
                    self.at += 1;
                    continue;
                }
                Some(Token::Word(_)) => {}
                _ => return Err(self.unexpected("an option of COPY")),
            }
            match self.next_keyword().as_str() {
                "WITH" | "AS" => {}
                "FORMAT" => {
                    kind = copy_kind(&self.next_keyword())
                        .ok_or_else(|| self.unexpected("TEXT, CSV or BINARY"))?
                }
                word @ ("CSV" | "BINARY" | "TEXT") => kind = copy_kind(word).unwrap_or(kind),
                "HEADER" => {
                    header = !(self.take("FALSE") || self.take("OFF"));
                    let _ = self.take("TRUE") || self.take("ON");
                }
                "DELIMITER" | "DELIMITERS" => delimiter = self.one_char()?,
                "NULL" => null = Some(self.string()?),
                "QUOTE" => quote = self.one_char()?.unwrap_or('"'),
                "ENCODING" => {
                    let encoding = self.string()?;
                    if !["utf8", "utf-8"].contains(&encoding.to_lowercase().as_str()) {
                        return Err(Failure::new("22023", "COPY writes UTF8"));
                    }
                }
                other => {
                    return Err(Failure::new("0A000", format!("COPY has no option {other} here"))
                        .with_hint("FORMAT, HEADER, DELIMITER, NULL and QUOTE can be used"));
                }
            }
        }
        let (usual, nothing) = if kind == CopyKind::Csv { (',', "") } else { ('\t', "\\N") };
        Ok(CopyFormat {
            kind,
            header,
            delimiter: delimiter.unwrap_or(usual),
            null: null.unwrap_or_else(|| nothing.to_owned()),
            quote,
        })
    }

    fn string(&mut self) -> Outcome<String> {
        self.take("AS");
        let text = match self.peek() {
            Some(Token::SingleQuotedString(s) | Token::EscapedStringLiteral(s)) => s.clone(),
            _ => return Err(self.unexpected("a string")),
        };
        self.at += 1;
        Ok(text)
    }

    fn one_char(&mut self) -> Outcome<Option<char>> {
        let text = self.string()?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if c.is_ascii() && !matches!(c, '\n' | '\r') => Ok(Some(c)),
            _ => Err(Failure::new("22023", "a delimiter of COPY is one character")),
        }
    }
}

fn copy_kind(word: &str) -> Option<CopyKind> {
    match word {
        "TEXT" => Some(CopyKind::Text),
        "CSV" => Some(CopyKind::Csv),
        "BINARY" => Some(CopyKind::Binary),
        _ => None,
    }
}

/// The byte where a token begins.
fn offset(sql: &str, token: &TokenWithSpan) -> usize {
    let start = token.span.start;
    let number = |n: u64| usize::try_from(n).unwrap_or(1).saturating_sub(1);
    let line: usize = sql.split_inclusive('\n').take(number(start.line)).map(str::len).sum();
    let rest = sql.get(line..).unwrap_or_default();
    line + rest.char_indices().nth(number(start.column)).map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Command {
        Command::read(sql).unwrap()
    }

    fn set(name: &str, value: Option<&str>, local: bool) -> Command {
        Command::Set { name: name.into(), value: value.map(Into::into), local }
    }

    #[test]
    fn statements_are_told_apart() {
        assert_eq!(read(" -- nothing\n;"), Command::Empty);
        assert_eq!(read("/* x */ select 1"), Command::Query { tag: "SELECT" });
        assert_eq!(read("(select 1) union select 2"), Command::Query { tag: "SELECT" });
        assert_eq!(read("create view v as select 1"), Command::Other { tag: "CREATE VIEW".into() });
        assert_eq!(read("ROLLBACK WORK"), Command::Rollback);
        assert_eq!(read("rollback to savepoint \"S\""), Command::RollbackTo("S".into()));
        assert_eq!(read("SHOW tenure.as_of"), Command::Query { tag: "SHOW" });
        assert_eq!(
            read("SHOW TRANSACTION ISOLATION LEVEL"),
            Command::Show("transaction_isolation".into())
        );
        assert_eq!(read("DISCARD ALL"), Command::Discard(Discard::All));
        assert_eq!(read("DEALLOCATE ALL"), Command::Deallocate(None));
    }

    #[test]
    fn settings_are_read_in_all_their_forms() {
        assert_eq!(read("SET extra_float_digits = 3"), set("extra_float_digits", Some("3"), false));
        assert_eq!(read("SET DateStyle TO ISO, DMY"), set("datestyle", Some("ISO, DMY"), false));
        assert_eq!(
            read("SET LOCAL tenure.as_of = '2018-01-01'"),
            set("tenure.as_of", Some("2018-01-01"), true)
        );
        assert_eq!(read("SET SESSION x TO DEFAULT"), set("x", None, false));
        assert_eq!(read("SET TIME ZONE 'UTC'"), set("timezone", Some("UTC"), false));
        assert_eq!(read("SET NAMES 'UTF8'"), set("client_encoding", Some("UTF8"), false));
        assert_eq!(read("SET TIME ZONE -3"), set("timezone", Some("-3"), false));
        let nothing = Command::Nothing { tag: "SET" };
        assert_eq!(read("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), nothing);
        assert_eq!(read("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), nothing);
        assert!(Command::read("SET x").is_err());
    }

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

    #[test]
    fn copy_is_to_the_client_only() {
        let copy = |sql: &str| match read(sql) {
            Command::CopyOut { query, format } => (query, format),
            other => panic!("{other:?}"),
        };
        assert_eq!(copy("COPY (SELECT (1) + f(2)) TO STDOUT").0, "SELECT (1) + f(2)");
        assert_eq!(copy("copy orders to stdout").0, "SELECT * FROM orders");
        assert_eq!(
            copy("COPY raw.orders (a, \"b\") TO STDOUT").0,
            "SELECT a, \"b\" FROM raw.orders"
        );
        let (_, csv) =
            copy("COPY t TO STDOUT WITH (FORMAT csv, HEADER true, DELIMITER ';', NULL '-')");
        assert_eq!(
            (csv.kind, csv.header, csv.delimiter, csv.null.as_str()),
            (CopyKind::Csv, true, ';', "-")
        );
        let (_, csv) = copy("COPY t TO STDOUT CSV HEADER");
        assert_eq!((csv.kind, csv.header, csv.delimiter), (CopyKind::Csv, true, ','));
        assert_eq!(Command::read("COPY t TO '/tmp/x'").unwrap_err().code, "42501");
        assert_eq!(Command::read("COPY t TO PROGRAM 'sh'").unwrap_err().code, "42501");
        assert_eq!(Command::read("COPY t FROM STDIN").unwrap_err().code, "25006");
    }
}
