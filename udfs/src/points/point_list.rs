//! The list of turning points as a column.

use std::fmt::{self, Write};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, ListArray, StringBuilder, StructArray, TimestampMicrosecondBuilder,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::Result;

use super::life::{Detail, Point, Reading};
use crate::payload::Texts;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let text = |n: &str| Field::new(n, DataType::Utf8, true);
    let float = |n: &str| Field::new(n, DataType::Float64, true);
    Fields::from(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        text("kind"),
        text("point"),
        float("before"),
        float("after"),
        float("score"),
        text("detail"),
    ])
});

const HOUR: f64 = 3_600_000_000.0;

/// Builds one list of points a customer.
#[derive(Debug)]
pub(super) struct PointList {
    lengths: Vec<usize>,
    ts: TimestampMicrosecondBuilder,
    kind: StringBuilder,
    point: StringBuilder,
    before: Float64Builder,
    after: Float64Builder,
    score: Float64Builder,
    detail: StringBuilder,
}

impl PointList {
    /// One element of the list.
    pub(super) fn item() -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Struct(FIELDS.clone()), true))
    }

    pub(super) fn with_capacity(customers: usize) -> Self {
        Self {
            lengths: Vec::with_capacity(customers),
            ts: TimestampMicrosecondBuilder::new(),
            kind: StringBuilder::new(),
            point: StringBuilder::new(),
            before: Float64Builder::new(),
            after: Float64Builder::new(),
            score: Float64Builder::new(),
            detail: StringBuilder::new(),
        }
    }

    /// The list of the next customer.
    pub(super) fn append(&mut self, points: &[Point], texts: &Texts, how: &Reading) {
        self.lengths.push(points.len());
        for p in points {
            self.ts.append_value(p.ts);
            self.kind.append_value(p.turn.name());
            self.point.append_value(p.point);
            self.before.append_option(p.before);
            self.after.append_option(p.after);
            self.score.append_option(p.score);
            self.say(p, texts, how);
        }
    }

    fn say(&mut self, p: &Point, texts: &Texts, how: &Reading) {
        let out = &mut self.detail;
        let (before, after) = (p.before.unwrap_or_default(), p.after.unwrap_or_default());
        // writing to a builder cannot fail; the row is ended below
        let _ = match p.detail {
            Detail::None => return out.append_null(),
            Detail::Category(label) => return out.append_option(texts.get(label)),
            Detail::Purchase(n) => write!(out, "purchase {n}"),
            Detail::Unpaid => write!(
                out,
                "neither payment nor purchase within {} hours",
                short(how.cart_window as f64 / HOUR)
            ),
            Detail::Silent(days, gap) => {
                write!(
                    out,
                    "no purchase for {} days, own median gap {} days",
                    short(days),
                    short(gap)
                )
            }
            Detail::Back(days, gap) => write!(
                out,
                "first purchase after {} days, own median gap {} days",
                short(days),
                short(gap)
            ),
            Detail::Rate => write!(
                out,
                "from {before:.2} to {after:.2} purchases per {} days",
                short(how.rate_unit as f64 / (24.0 * HOUR))
            ),
            Detail::Value => write!(out, "from {before:.2} to {after:.2} per purchase"),
        };
        out.append_value("");
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ts.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.point.finish()),
            Arc::new(self.before.finish()),
            Arc::new(self.after.finish()),
            Arc::new(self.score.finish()),
            Arc::new(self.detail.finish()),
        ];
        let points = StructArray::try_new(FIELDS.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        Ok(Arc::new(ListArray::try_new(Self::item(), offsets, Arc::new(points), None)?))
    }
}

/// With one digit after the point, or none where that is exact.
fn short(x: f64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let tenths = x * 10.0;
        let whole = tenths.round();
        // whole numbers print several times faster; halves are left to the exact way
        let plain = (0.0..1e15).contains(&x) && (tenths - whole).abs() < 0.499;
        if x == x.round() {
            #[expect(clippy::cast_possible_truncation, reason = "below 1e15")]
            if plain { write!(f, "{}", x as i64) } else { write!(f, "{x}") }
        } else if plain {
            #[expect(clippy::cast_possible_truncation, reason = "below 1e16")]
            let whole = whole as i64;
            write!(f, "{}.{}", whole / 10, whole % 10)
        } else {
            write!(f, "{x:.1}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_is_one_digit_or_none() {
        for x in [0.0, 7.0, 0.04, 0.05, 0.25, 1.95, 9.96, 12.34, 80.5, 1e14, 1e17, -3.26, f64::NAN]
        {
            let want = if x == x.round() { format!("{x}") } else { format!("{x:.1}") };
            assert_eq!(short(x).to_string(), want);
        }
        for i in 0..10_000 {
            let x = f64::from(i) / 97.0;
            if x != x.round() {
                assert_eq!(short(x).to_string(), format!("{x:.1}"));
            }
        }
    }
}
