//! `SET` and `SHOW` in all their forms.

use datafusion::logical_expr::sqlparser::tokenizer::Token;

use super::Command;
use super::words::Words;
use crate::server::error::Outcome;

impl Words<'_> {
    /// A name of a setting, such as `tenure.as_of`.
    pub(super) fn dotted(&mut self) -> Outcome<String> {
        let mut name = self.name()?;
        while self.peek() == Some(&Token::Period) {
            self.at += 1;
            name = format!("{name}.{}", self.name()?);
        }
        Ok(name)
    }

    pub(super) fn set(&mut self) -> Outcome<Command> {
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

    pub(super) fn show(&mut self) -> Outcome<Command> {
        self.at += 1;
        let dotted = self.tokens.get(self.at + 1).is_some_and(|t| t.token == Token::Period);
        match self.keyword().as_str() {
            _ if dotted => {}
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
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn set(name: &str, value: Option<&str>, local: bool) -> Command {
        Command::Set { name: name.into(), value: value.map(Into::into), local }
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
}
