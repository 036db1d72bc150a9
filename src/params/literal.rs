//! A value as the literal that stands for it in a parsed statement.

use std::fmt::Write as _;

use datafusion::arrow::array::{Array as _, ArrayRef};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::sqlparser::ast::{
    Array, DataType as SqlType, Expr, Interval, TimezoneInfo, TypedString, UnaryOperator, Value,
};
use datafusion::logical_expr::sqlparser::dialect::GenericDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;

use crate::error::{Error, ErrorKind, Result};

/// The literal that stands for a value.
pub(super) fn literal(name: &str, value: &ScalarValue) -> Result<Expr> {
    let text = |v: &ScalarValue| -> Result<String> {
        match v.cast_to(&DataType::Utf8)? {
            ScalarValue::Utf8(Some(text)) => Ok(text),
            _ => Err(Error::new(ErrorKind::Internal, format!("parameter ${name} has no text"))),
        }
    };
    let typed = |data_type: SqlType| -> Result<Expr> {
        let value = Value::SingleQuotedString(text(value)?).into();
        Ok(Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }))
    };
    match value {
        v if v.is_null() => Ok(Expr::value(Value::Null)),
        ScalarValue::Boolean(Some(v)) => Ok(Expr::value(Value::Boolean(*v))),
        ScalarValue::Utf8(_) | ScalarValue::LargeUtf8(_) | ScalarValue::Utf8View(_) => {
            Ok(Expr::value(Value::SingleQuotedString(text(value)?)))
        }
        ScalarValue::Float64(Some(v)) if v.is_finite() => Ok(number(&format!("{v:?}"))),
        ScalarValue::Date32(_) => typed(SqlType::Date),
        ScalarValue::TimestampMicrosecond(_, None) => {
            typed(SqlType::Timestamp(None, TimezoneInfo::None))
        }
        ScalarValue::IntervalMonthDayNano(Some(v)) => Ok(interval(*v)),
        v if v.data_type().is_integer() => Ok(number(&text(v)?)),
        ScalarValue::Binary(Some(v))
        | ScalarValue::LargeBinary(Some(v))
        | ScalarValue::BinaryView(Some(v)) => {
            let hex = v.iter().fold(String::with_capacity(2 * v.len()), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            Ok(Expr::value(Value::HexStringLiteral(hex)))
        }
        ScalarValue::Dictionary(_, v) => literal(name, v),
        ScalarValue::List(v) => elements(name, &v.value(0)),
        ScalarValue::LargeList(v) => elements(name, &v.value(0)),
        v if is_cast(&v.data_type()) => cast(&text(v)?, &v.data_type()),
        v => Err(Error::new(
            ErrorKind::NotSupported,
            format!("parameter ${name} has the type {}, which has no literal", v.data_type()),
        )
        .with_hint(
            "give it as INT, DOUBLE, DECIMAL, TEXT, BINARY, BOOL, DATE, TIME, TIMESTAMP, INTERVAL or a list of these",
        )),
    }
}

/// Types without a literal of their own, which are read from a text.
fn is_cast(data_type: &DataType) -> bool {
    data_type.is_floating()
        || data_type.is_decimal()
        || matches!(
            data_type,
            DataType::Timestamp(..) | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_)
        )
}

/// `arrow_cast('text', 'type')`: a value of just this type.
fn cast(text: &str, data_type: &DataType) -> Result<Expr> {
    let quoted = |text: &str| text.replace('\'', "''");
    let call = format!("arrow_cast('{}', '{}')", quoted(text), quoted(&data_type.to_string()));
    let parser = Parser::new(&GenericDialect).try_with_sql(&call);
    let expr = parser.and_then(|mut parser| parser.parse_expr());
    expr.map_err(|e| Error::from(datafusion::common::DataFusionError::from(e)))
}

/// `[1, 2]`
fn elements(name: &str, values: &ArrayRef) -> Result<Expr> {
    let elem = (0..values.len())
        .map(|row| literal(name, &ScalarValue::try_from_array(values, row)?))
        .collect::<Result<Vec<Expr>>>()?;
    Ok(Expr::Array(Array { elem, named: false }))
}

/// A number; the minus is an operator of its own in SQL.
fn number(text: &str) -> Expr {
    let plain = |digits: &str| Expr::value(Value::Number(digits.to_owned(), false));
    match text.strip_prefix('-') {
        Some(digits) => Expr::Nested(Box::new(Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(plain(digits)),
        })),
        None => plain(text),
    }
}

fn interval(v: IntervalMonthDayNano) -> Expr {
    let text = format!("{} months {} days {} nanoseconds", v.months, v.days, v.nanoseconds);
    Expr::Interval(Interval {
        value: Box::new(Expr::value(Value::SingleQuotedString(text))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}
