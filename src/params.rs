//! Values for the `$name` and `$1` of a statement.
//!
//! They take the place of the placeholders in the parsed statement, before it is planned: a
//! parameter is then worth the same as the literal, also where a function wants a literal, in
//! `LIMIT`, and beside an operator that could not tell its type.

mod literal;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::sqlparser::ast::{
    Expr, Statement, Value, visit_expressions, visit_expressions_mut,
};

use crate::error::{Error, ErrorKind, Result, did_you_mean};
use literal::literal;

/// Values for placeholders: `$top` in a statement is the value of `top`, `$1` that of `1`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<String, ScalarValue>,
    /// placeholders without value stay: the statement is described, not run
    open: bool,
}

impl Params {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name=value`, with the type that its text suggests: integer, number, `true`
    /// or `false`, `NULL`, date, timestamp, otherwise text.
    ///
    /// A number with a leading zero is text, as customers' and articles' numbers are. What stands
    /// in single quotes is text in any case: `'NULL'`, `'20'`.
    ///
    /// # Errors
    /// If there is no `=` or the name is no name.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, value) = Self::split(text)?;
        let mut params = Self::new();
        params.insert(name, guess(&value));
        Ok(params)
    }

    /// Takes `name=value` apart.
    ///
    /// # Errors
    /// If there is no `=` or the name is no name.
    pub fn split(text: &str) -> Result<(String, String)> {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("parameter '{text}' has no value"))
                .with_hint("write name=value, such as top=20")
        })?;
        let name = name.trim().trim_start_matches('$');
        if !is_name(name) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("'{name}' is no name of a parameter"),
            )
            .with_hint("a name is made of letters, digits and _, and starts with a letter"));
        }
        Ok((name.to_owned(), value.to_owned()))
    }

    /// Sets a value and returns the one that was there.
    pub fn insert(&mut self, name: impl Into<String>, value: ScalarValue) -> Option<ScalarValue> {
        self.values.insert(name.into(), value)
    }

    /// Adds the values of `other`; they win over those that are there.
    pub fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&ScalarValue> {
        self.values.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ScalarValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values by position: the first is that of `$1`.
    pub fn positional(values: impl IntoIterator<Item = ScalarValue>) -> Self {
        (1..).zip(values).map(|(place, value)| (place.to_string(), value)).collect()
    }

    /// The same values; what has none stays a placeholder.
    pub(crate) fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// The same values by name; `$1` and its like stay placeholders.
    pub(crate) fn positions_open(mut self) -> Self {
        self.values.retain(|name, _| !is_position(name));
        self
    }

    /// Whether values by position are given: then each `$1` needs one.
    fn has_positions(&self) -> bool {
        self.values.keys().any(|name| is_position(name))
    }

    /// Puts the values in the place of the placeholders of a parsed statement. Values that the
    /// statement does not use are left over; positional placeholders (`$1`) are left alone where
    /// no value is given by position.
    pub(crate) fn bind(&self, statement: &mut Statement) -> Result<()> {
        let flow = visit_expressions_mut(statement, |expr| {
            let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
            let Value::Placeholder(id) = &value.value else { return ControlFlow::Continue(()) };
            let bound = |name: &&str| is_name(name) || (is_position(name) && self.has_positions());
            let Some(name) = id.strip_prefix('$').filter(bound) else {
                return ControlFlow::Continue(());
            };
            if self.open && self.get(name).is_none() {
                return ControlFlow::Continue(());
            }
            match self.get(name).ok_or_else(|| self.unbound(name)).and_then(|v| literal(name, v)) {
                Ok(bound) => {
                    *expr = bound;
                    ControlFlow::Continue(())
                }
                Err(e) => ControlFlow::Break(e),
            }
        });
        match flow {
            ControlFlow::Break(e) => Err(e),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn unbound(&self, name: &str) -> Error {
        if is_position(name) {
            let given = self.values.len();
            let plural = if given == 1 { " is" } else { "s are" };
            let message = format!("parameter ${name} has no value: {given} value{plural} given");
            return Error::new(ErrorKind::Invalid, message);
        }
        let hint =
            did_you_mean(name, self.values.keys().map(String::as_str)).unwrap_or_else(|| {
                format!("give it with --param {name}=…, \\param {name} … or by name in a program")
            });
        Error::new(ErrorKind::Invalid, format!("parameter ${name} has no value")).with_hint(hint)
    }
}

impl FromIterator<(String, ScalarValue)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, ScalarValue)>>(values: I) -> Self {
        Self { values: values.into_iter().collect(), open: false }
    }
}

/// For DataFusion's own `with_param_values`.
impl From<Params> for ParamValues {
    fn from(params: Params) -> Self {
        params.values.into_iter().collect::<Vec<_>>().into()
    }
}

/// What a parameter may be called: as an identifier without quotes.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `1`, `2` and so on.
pub(crate) fn is_position(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// The names of a statement's placeholders, without `$`, in order and each once.
pub(crate) fn names(statement: &Statement) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    let _ = visit_expressions(statement, |expr| {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(id) = &value.value
            && let Some(name) = id.strip_prefix('$').filter(|n| is_name(n) || is_position(n))
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
        ControlFlow::<()>::Continue(())
    });
    // positions in their order, whichever the statement names first
    names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
    names
}

fn guess(text: &str) -> ScalarValue {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && !(digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."));
    if numeric {
        if let Ok(value) = text.parse::<i64>() {
            return ScalarValue::Int64(Some(value));
        }
        if let Some(value) = text.parse::<f64>().ok().filter(|v| v.is_finite()) {
            return ScalarValue::Float64(Some(value));
        }
        let like_a_date = text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-');
        let types = [DataType::Date32, DataType::Timestamp(TimeUnit::Microsecond, None)];
        for ty in types.iter().filter(|_| like_a_date) {
            if (text.len() == 10) == (*ty == DataType::Date32)
                && let Ok(value) = ScalarValue::try_from_string(text.to_owned(), ty)
            {
                return value;
            }
        }
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return ScalarValue::Utf8(Some(quoted.to_owned()));
    }
    match text {
        "NULL" | "null" => ScalarValue::Null,
        "true" => ScalarValue::Boolean(Some(true)),
        "false" => ScalarValue::Boolean(Some(false)),
        _ => ScalarValue::Utf8(Some(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::IntervalMonthDayNano;
    use datafusion::prelude::SessionContext;
    use datafusion::sql::parser::{DFParser, Statement as DfStatement};

    use super::*;

    #[test]
    fn text_suggests_the_type() {
        let guessed = |value: &str| {
            let params = Params::parse(&format!("x={value}")).unwrap();
            params.get("x").unwrap().data_type()
        };
        assert_eq!(guessed("20"), DataType::Int64);
        assert_eq!(guessed("-20"), DataType::Int64);
        assert_eq!(guessed("0"), DataType::Int64);
        assert_eq!(guessed("0.5"), DataType::Float64);
        assert_eq!(guessed("1e3"), DataType::Float64);
        assert_eq!(guessed("true"), DataType::Boolean);
        assert_eq!(guessed("2017-07-01"), DataType::Date32);
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(guessed("2017-07-01 12:30:00"), timestamp);
        assert_eq!(guessed("2017-07-01T12:30:00"), timestamp);
        assert_eq!(guessed("NULL"), DataType::Null);
        assert_eq!(guessed("'NULL'"), DataType::Utf8);
        assert_eq!(guess("'20'"), ScalarValue::from("20"));
        for text in
            ["Null", "'", "007", "nan", "inf", "90 days", "2017-13-01", "2017-07", "", "a=b"]
        {
            assert_eq!(guessed(text), DataType::Utf8, "{text}");
        }
    }

    #[test]
    fn a_parameter_without_value_or_name_is_refused() {
        assert_eq!(Params::parse("top").unwrap_err().to_string(), "parameter 'top' has no value");
        assert!(Params::parse("=3").is_err());
        assert!(Params::parse("a b=3").is_err());
    }

    async fn answer(sql: &str, params: &Params) -> Result<String> {
        let mut parsed = DFParser::parse_sql(sql)?;
        let Some(mut statement) = parsed.pop_front() else { panic!("no statement") };
        if let DfStatement::Statement(inner) = &mut statement {
            params.bind(inner)?;
        }
        let context = SessionContext::new();
        let plan = context.state().statement_to_plan(statement).await?;
        let batches = context.execute_logical_plan(plan).await?.collect().await?;
        Ok(ScalarValue::try_from_array(batches[0].column(0), 0)?.to_string())
    }

    #[tokio::test]
    async fn every_type_is_worth_its_literal() {
        let mut params: Params = [
            ("i", ScalarValue::Int64(Some(-3))),
            ("f", ScalarValue::Float64(Some(-0.25))),
            ("t", ScalarValue::from("it's")),
            ("b", ScalarValue::Boolean(Some(true))),
            ("n", ScalarValue::Null),
            ("h", ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(1, 2, 3_000)))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        params.extend(Params::parse("d=2017-07-01").unwrap());
        params.extend(Params::parse("ts=2017-07-01 12:30:00").unwrap());
        for (sql, expected) in [
            ("SELECT 5 - $i", "8"),
            ("SELECT $f * 2", "-0.5"),
            ("SELECT $t || '!'", "it's!"),
            ("SELECT $b AND true", "true"),
            ("SELECT $n IS NULL", "true"),
            ("SELECT CAST($d + INTERVAL '1 day' AS VARCHAR)", "2017-07-02"),
            ("SELECT CAST($ts + $h AS VARCHAR)", "2017-08-03T12:30:00.000003"),
            ("SELECT CAST($ts - INTERVAL '1 day' AS VARCHAR)", "2017-06-30T12:30:00"),
            ("SELECT count(*) FROM (SELECT * FROM (VALUES (1), (2), (3)) v LIMIT -$i - 1)", "2"),
        ] {
            let found = answer(sql, &params).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            assert_eq!(found, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn positions_are_bound_like_names() {
        let mut params = Params::new();
        params.insert("1", ScalarValue::Decimal128(Some(1250), 10, 2));
        params.insert("2", ScalarValue::Binary(Some(vec![1, 0xab])));
        params.insert(
            "3",
            ScalarValue::List(ScalarValue::new_list_nullable(
                &[ScalarValue::from(3_i64), ScalarValue::Int64(None)],
                &DataType::Int64,
            )),
        );
        for (sql, expected) in [
            ("SELECT CAST($1 AS VARCHAR)", "12.50"),
            ("SELECT encode($2, 'hex')", "01ab"),
            ("SELECT array_length($3)", "2"),
        ] {
            let found = answer(sql, &params).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            assert_eq!(found, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_type_without_literal_keeps_its_type() {
        let zone = || Some("Europe/London".into());
        let at = 1_498_867_200_000_000;
        let list = ScalarValue::new_list_nullable(&["a".into(), "b'".into()], &DataType::Utf8);
        let params = Params::positional([
            ScalarValue::Float32(Some(0.1)),
            ScalarValue::Decimal128(Some(-1250), 10, 2),
            ScalarValue::TimestampNanosecond(Some(at * 1000 + 1), None),
            ScalarValue::TimestampMicrosecond(Some(at), zone()),
            ScalarValue::Binary(Some(vec![0, 255])),
            ScalarValue::Time64Microsecond(Some(1_000_000)),
            ScalarValue::List(list),
            ScalarValue::Date64(Some(0)),
        ]);
        for (sql, expected) in [
            ("SELECT arrow_typeof($1)", "Float32"),
            ("SELECT $2 * 2", "-25.00"),
            ("SELECT arrow_typeof($2)", "Decimal128(10, 2)"),
            ("SELECT CAST($3 AS VARCHAR)", "2017-07-01T00:00:00.000000001"),
            ("SELECT CAST($4 AS VARCHAR)", "2017-07-01T01:00:00+01:00"),
            ("SELECT encode($5, 'hex')", "00ff"),
            ("SELECT CAST($6 AS VARCHAR)", "00:00:01"),
            ("SELECT $7[2]", "b'"),
            ("SELECT arrow_typeof($8)", "Date64"),
        ] {
            let found = answer(sql, &params).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            assert_eq!(found, expected, "{sql}");
        }
        let e = answer("SELECT $9", &params).await.unwrap_err();
        assert_eq!(e.to_string(), "parameter $9 has no value: 8 values are given");
    }

    #[test]
    fn placeholders_are_named_once_and_in_order() {
        let of = |sql: &str| {
            let mut parsed = DFParser::parse_sql(sql).unwrap();
            let Some(DfStatement::Statement(inner)) = parsed.pop_front() else { panic!("{sql}") };
            names(&inner)
        };
        assert_eq!(of("SELECT $2, $1, $2 WHERE x > $10"), ["1", "2", "10"]);
        assert_eq!(of("SELECT $b, $a, $b"), ["b", "a"]);
    }

    #[tokio::test]
    async fn a_placeholder_without_value_is_named() {
        let params = Params::parse("horizon=3").unwrap();
        let e = answer("SELECT $horizont", &params).await.unwrap_err();
        assert_eq!(e.to_string(), "parameter $horizont has no value");
        assert_eq!(e.hint(), Some("did you mean horizon?"));
    }
}
