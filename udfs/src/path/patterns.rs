//! The patterns of a batch of rows: read once where they stay the same.

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::Expr;

use super::pattern::{self, Pattern};

#[derive(Debug)]
pub(super) struct Patterns<'a> {
    function: &'static str,
    texts: &'a StringArray,
    last: Option<(&'a str, Pattern)>,
}

impl<'a> Patterns<'a> {
    pub(super) fn new(function: &'static str, texts: &'a ArrayRef) -> Self {
        Self { function, texts: texts.as_string::<i32>(), last: None }
    }

    /// The pattern of a row where it is not NULL.
    pub(super) fn of(&mut self, row: usize) -> Result<&Pattern> {
        let text = self.texts.value(row);
        if self.last.as_ref().is_none_or(|last| last.0 != text) {
            self.last = Some((text, parse(self.function, text)?));
        }
        match &self.last {
            Some((_, pattern)) => Ok(pattern),
            None => internal_err!("{} has read a pattern", self.function),
        }
    }

    /// Reads a pattern that is a constant, the second argument, while the call is planned.
    pub(super) fn check(function: &str, args: &[Expr]) -> Result<()> {
        let text = match args.get(1) {
            Some(Expr::Literal(value, _)) => value.try_as_str().flatten(),
            _ => None,
        };
        text.map_or(Ok(()), |text| parse(function, text).map(|_| ()))
    }
}

fn parse(function: &str, text: &str) -> Result<Pattern> {
    pattern::parse(text).or_else(|what| plan_err!("{function}: pattern '{text}': {what}"))
}
