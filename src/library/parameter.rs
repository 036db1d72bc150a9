//! Typed parameters of a query.

use std::fmt;
use std::str::FromStr;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;

use crate::error::{Error, ErrorKind, Result};

/// What a query can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `$name` in the statement
    pub name: String,
    /// how a given text is read
    pub ty: ParamType,
    /// the text that is read if none is given; without one the parameter must be given
    pub default: Option<String>,
    /// what it means
    pub description: String,
}

impl Parameter {
    /// The value of a text, for the query of that name.
    ///
    /// # Errors
    /// If the text is not of the parameter's type.
    pub fn value(&self, query: &str, text: &str) -> Result<ScalarValue> {
        self.ty.parse(text).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("{query}: parameter {} is {}, not '{text}'", self.name, self.ty),
            )
            .with_hint(format!("such as {}={}", self.name, self.ty.example()))
        })
    }
}

/// The types of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParamType {
    /// a whole number
    Int,
    /// a finite number
    Double,
    /// text as it stands
    Text,
    /// `true` or `false`
    Bool,
    /// a day
    Date,
    /// a point in time without zone
    Timestamp,
    /// a span of time, with its units
    Interval,
}

impl ParamType {
    const ALL: [Self; 7] = [
        Self::Int,
        Self::Double,
        Self::Text,
        Self::Bool,
        Self::Date,
        Self::Timestamp,
        Self::Interval,
    ];

    /// The type's name in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Double => "DOUBLE",
            Self::Text => "TEXT",
            Self::Bool => "BOOL",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Interval => "INTERVAL",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Int => "20",
            Self::Double => "0.5",
            Self::Text => "text",
            Self::Bool => "true",
            Self::Date => "2017-12-31",
            Self::Timestamp => "'2017-12-31 12:00:00'",
            Self::Interval => "'90 days'",
        }
    }

    /// Reads a text; `None` if it is not of this type.
    pub fn parse(self, text: &str) -> Option<ScalarValue> {
        let trimmed = text.trim();
        let cast = |ty: DataType| {
            ScalarValue::try_from_string(trimmed.to_owned(), &ty).ok().filter(|v| !v.is_null())
        };
        match self {
            Self::Int => trimmed.parse().ok().map(|v| ScalarValue::Int64(Some(v))),
            Self::Double => trimmed
                .parse::<f64>()
                .ok()
                .filter(|v| v.is_finite())
                .map(|v| ScalarValue::Float64(Some(v))),
            Self::Text => Some(ScalarValue::Utf8(Some(text.to_owned()))),
            Self::Bool => trimmed.parse().ok().map(|v| ScalarValue::Boolean(Some(v))),
            Self::Date => cast(DataType::Date32),
            Self::Timestamp => cast(DataType::Timestamp(TimeUnit::Microsecond, None)),
            // a bare number would be read as seconds: hardly ever what is meant
            Self::Interval if !trimmed.contains(|c: char| c.is_ascii_alphabetic()) => None,
            Self::Interval => cast(DataType::Interval(IntervalUnit::MonthDayNano)),
        }
    }
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ParamType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|ty| ty.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|ty| ty.name()).collect();
            format!("type '{text}' is not one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_type_are_read_and_others_refused() {
        for (ty, good, bad) in [
            (ParamType::Int, "-3", "3.5"),
            (ParamType::Double, "1e-3", "nan"),
            (ParamType::Bool, "false", "maybe"),
            (ParamType::Date, "2017-02-28", "2017-02-30"),
            (ParamType::Timestamp, "2017-02-28 12:30:00", "noon"),
            (ParamType::Interval, "1 month 3 days", "90"),
            (ParamType::Interval, "2 weeks", "a while"),
        ] {
            assert!(ty.parse(good).is_some(), "{ty} {good}");
            assert!(ty.parse(bad).is_none(), "{ty} {bad}");
            assert!(ty.parse("").is_none(), "{ty} empty");
        }
        assert_eq!(ParamType::Text.parse(" x ").unwrap().to_string(), " x ");
    }

    #[test]
    fn names_of_types_are_read_back() {
        for ty in ParamType::ALL {
            assert_eq!(ty.name().parse(), Ok(ty));
        }
        assert!("int".parse::<ParamType>().is_err());
    }
}
