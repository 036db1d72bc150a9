//! `INTERVAL '1 day 02:03:04'`: lengths with a time of the clock, as PostgreSQL writes them and Arrow
//! does not read.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    DataType, Expr, Statement, Value, visit_expressions_mut,
};

/// Writes such times out: `1 day 02 hours 03 minutes 04 seconds`.
pub(crate) fn write_out(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        let text = match expr {
            Expr::Interval(interval) => match interval.value.as_mut() {
                Expr::Value(value) => Some(&mut value.value),
                _ => None,
            },
            Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } => match expr.as_mut() {
                Expr::Value(value) => Some(&mut value.value),
                _ => None,
            },
            _ => None,
        };
        if let Some(Value::SingleQuotedString(text)) = text
            && let Some(long) = long(text)
        {
            *text = long;
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The same length in words; none for a text without such a time.
fn long(text: &str) -> Option<String> {
    let (before, clock) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
    let (sign, digits) = match clock.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", clock.strip_prefix('+').unwrap_or(clock)),
    };
    let whole = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = digits.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (hours, minutes, &"0"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    [*hours, *minutes, second, fraction].iter().all(whole).then(|| {
        format!("{before} {sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds")
            .trim_start()
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_clock_are_written_out() {
        let written = "1 day 02 hours 03 minutes 04.5 seconds";
        assert_eq!(long("1 day 02:03:04.5").as_deref(), Some(written));
        assert_eq!(long(" -02:03 ").as_deref(), Some("-02 hours -03 minutes -0 seconds"));
        for other in ["1 day", "", "02:", "a:03", "02:03:04:05", "02:03:", "02:03:04.", "1 day 02"]
        {
            assert_eq!(long(other), None, "{other}");
        }
    }
}
