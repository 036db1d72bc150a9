//! `COPY … TO STDOUT`: what is copied, and how it is written.

use datafusion::logical_expr::sqlparser::tokenizer::Token;

use super::Command;
use super::words::Words;
use crate::server::error::{Failure, Outcome};

/// How `COPY … TO STDOUT` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct CopyFormat {
    pub(in crate::server) kind: CopyKind,
    pub(in crate::server) header: bool,
    pub(in crate::server) delimiter: char,
    pub(in crate::server) null: String,
    pub(in crate::server) quote: char,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum CopyKind {
    Text,
    Csv,
    Binary,
}

impl Words<'_> {
    /// `COPY (query) TO STDOUT …` and `COPY table [(columns)] TO STDOUT …`; others are the engine's
    /// to refuse.
    pub(super) fn copy(&mut self) -> Outcome<Command> {
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
                    let name = match self.peek() {
                        Some(Token::SingleQuotedString(_)) => self.string()?.to_uppercase(),
                        _ => self.next_keyword(),
                    };
                    kind = copy_kind(&name).ok_or_else(|| self.unexpected("TEXT, CSV or BINARY"))?
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

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

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
            copy("COPY t TO STDOUT WITH (FORMAT 'csv', HEADER true, DELIMITER ';', NULL '-')");
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
