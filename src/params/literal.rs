//! A value as the literal that stands for it in a parsed statement.

use datafusion::arrow::array::Array as _;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::sqlparser::ast::{
    Array, CastKind, DataType as SqlType, ExactNumberInfo, Expr, Interval, TimezoneInfo,
    TypedString, UnaryOperator, Value,
};

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
        ScalarValue::Float32(Some(v)) => Ok(float(f64::from(*v), SqlType::Real)),
        ScalarValue::Float64(Some(v)) => Ok(float(*v, SqlType::Double(ExactNumberInfo::None))),
        ScalarValue::Decimal128(_, precision, scale) => Ok(cast(
            Expr::value(Value::SingleQuotedString(text(value)?)),
            SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(
                u64::from(*precision),
                i64::from(*scale),
            )),
        )),
        ScalarValue::Binary(Some(bytes)) => {
            let hex = bytes.iter().map(|b| format!("{b:02x}")).collect();
            Ok(Expr::value(Value::HexStringLiteral(hex)))
        }
        ScalarValue::Date32(_) => typed(SqlType::Date),
        ScalarValue::Time64Microsecond(_) => typed(SqlType::Time(None, TimezoneInfo::None)),
        ScalarValue::TimestampMicrosecond(_, None) => {
            typed(SqlType::Timestamp(None, TimezoneInfo::None))
        }
        ScalarValue::TimestampMicrosecond(_, Some(_)) => {
            typed(SqlType::Timestamp(None, TimezoneInfo::WithTimeZone))
        }
        ScalarValue::IntervalMonthDayNano(Some(v)) => Ok(interval(*v)),
        ScalarValue::List(list) => {
            let values = list.value(0);
            let elem = (0..values.len())
                .map(|i| literal(name, &ScalarValue::try_from_array(&values, i)?))
                .collect::<Result<Vec<_>>>()?;
            Ok(Expr::Array(Array { elem, named: true }))
        }
        v if v.data_type().is_integer() => Ok(number(&text(v)?)),
        v => Err(Error::new(
            ErrorKind::NotSupported,
            format!("parameter ${name} has the type {}, which has no literal", v.data_type()),
        )
        .with_hint("give it as INT, DOUBLE, TEXT, BOOL, DATE, TIMESTAMP or INTERVAL")),
    }
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

/// A float; what is not finite has no digits.
fn float(v: f64, data_type: SqlType) -> Expr {
    if v.is_finite() {
        return number(&format!("{v:?}"));
    }
    cast(Expr::value(Value::SingleQuotedString(v.to_string())), data_type)
}

fn cast(expr: Expr, data_type: SqlType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
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
