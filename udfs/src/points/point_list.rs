//! The list of turning points as a column.
//!
//! Kinds and names are few, and most details too: a point has the numbers of its texts, and the
//! texts are looked up when the column is finished. As `Utf8View` they are not copied then.

use std::fmt::{self, Write};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, StringViewArray, StringViewBuilder, StructArray,
    TimestampMicrosecondArray, UInt8Array, UInt32Builder,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::Result;

use super::life::Reading;
use super::point::{Detail, Name, Point, Turn};
use crate::lists::{Lists, item};
use crate::payload::Texts;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let text = |n: &str| Field::new(n, DataType::Utf8View, true);
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
    lists: Lists,
    ts: Vec<i64>,
    kind: Vec<u8>,
    point: Vec<u8>,
    before: Float64Builder,
    after: Float64Builder,
    score: Float64Builder,
    detail: UInt32Builder,
    details: StringViewBuilder,
    /// the detail of every cart that is not paid for
    unpaid: Option<u32>,
    /// the detail that is being written
    text: String,
}

impl PointList {
    /// One element of the list.
    pub(super) fn item() -> FieldRef {
        item(&DataType::Struct(FIELDS.clone()))
    }

    /// For so many customers, with about so many points in all.
    pub(super) fn with_capacity(customers: usize, points: usize) -> Self {
        Self {
            lists: Lists::with_capacity(customers),
            ts: Vec::with_capacity(points),
            kind: Vec::with_capacity(points),
            point: Vec::with_capacity(points),
            before: Float64Builder::with_capacity(points),
            after: Float64Builder::with_capacity(points),
            score: Float64Builder::with_capacity(points),
            detail: UInt32Builder::with_capacity(points),
            details: StringViewBuilder::new(),
            unpaid: None,
            text: String::new(),
        }
    }

    /// The list of the next customer.
    pub(super) fn append(&mut self, points: &[Point], texts: &Texts, how: &Reading) -> Result<()> {
        for p in points {
            self.ts.push(p.ts);
            self.kind.push(p.name.turn() as u8);
            self.point.push(p.name as u8);
            self.before.append_option(p.before);
            self.after.append_option(p.after);
            self.score.append_option(p.score);
            self.say(p, texts, how)?;
        }
        self.lists.end_at(self.ts.len())
    }

    fn say(&mut self, p: &Point, texts: &Texts, how: &Reading) -> Result<()> {
        if let (Detail::Unpaid, Some(text)) = (p.detail, self.unpaid) {
            self.detail.append_value(text);
            return Ok(());
        }
        let out = &mut self.text;
        out.clear();
        let (before, after) = (p.before.unwrap_or_default(), p.after.unwrap_or_default());
        // writing to a String cannot fail
        let _ = match p.detail {
            Detail::None => {
                self.detail.append_null();
                return Ok(());
            }
            Detail::Category(label) => out.write_str(texts.get(label).unwrap_or_default()),
            Detail::Purchase(n) => write!(out, "purchase {n}"),
            Detail::Unpaid => {
                out.push_str("neither payment nor purchase within ");
                push_short(out, how.cart_window as f64 / HOUR);
                out.write_str(" hours")
            }
            Detail::Silent(days, gap) => {
                out.push_str("no purchase for ");
                push_short(out, days);
                push_gap(out, gap)
            }
            Detail::Back(days, gap) => {
                out.push_str("first purchase after ");
                push_short(out, days);
                push_gap(out, gap)
            }
            Detail::Rate => {
                let _ = write!(out, "from {before:.2} to {after:.2} purchases per ");
                push_short(out, how.rate_unit as f64 / (24.0 * HOUR));
                out.write_str(" days")
            }
            Detail::Value => write!(out, "from {before:.2} to {after:.2} per purchase"),
        };
        // the lists could not hold more points than that
        let text = u32::try_from(self.details.len()).unwrap_or(u32::MAX);
        if p.detail == Detail::Unpaid {
            self.unpaid = Some(text);
        }
        self.detail.append_value(text);
        Ok(self.details.try_append_value(&self.text)?)
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(self.ts)),
            take(&names(&Turn::NAMES), &UInt8Array::from(self.kind), None)?,
            take(&names(&Name::NAMES), &UInt8Array::from(self.point), None)?,
            Arc::new(self.before.finish()),
            Arc::new(self.after.finish()),
            Arc::new(self.score.finish()),
            take(&self.details.finish(), &self.detail.finish(), None)?,
        ];
        let points = StructArray::try_new(FIELDS.clone(), columns, None)?;
        Lists::column(&self.lists.finish(), Arc::new(points))
    }
}

fn names(names: &[&str]) -> StringViewArray {
    StringViewArray::from_iter_values(names)
}

fn push_gap(out: &mut String, gap: f64) -> fmt::Result {
    out.push_str(" days, own median gap ");
    push_short(out, gap);
    out.write_str(" days")
}

/// Appends a number with one digit after the point, or none where that is exact.
fn push_short(out: &mut String, x: f64) {
    let tenths = x * 10.0;
    let whole = tenths.round();
    // plain ones print several times faster; halves are left to the exact way
    let plain = (0.0..1e15).contains(&x) && (tenths - whole).abs() < 0.499;
    let exact = x == x.round();
    if plain {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "neither is negative, and both are below 1e16"
        )]
        let (x, tenths) = (x as u64, whole as u64);
        push_whole(out, if exact { x } else { tenths / 10 });
        if !exact {
            out.push('.');
            push_whole(out, tenths % 10);
        }
    } else {
        // writing to a String cannot fail
        let _ = if exact { write!(out, "{x}") } else { write!(out, "{x:.1}") };
    }
}

fn push_whole(out: &mut String, n: u64) {
    if n >= 10 {
        push_whole(out, n / 10);
    }
    out.push(char::from(b'0' + (n % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(x: f64) -> String {
        let mut out = String::new();
        push_short(&mut out, x);
        out
    }

    #[test]
    fn short_is_one_digit_or_none() {
        for x in [0.0, 7.0, 0.04, 0.05, 0.25, 1.95, 9.96, 12.34, 80.5, 1e14, 1e17, -3.26, f64::NAN]
        {
            let want = if x == x.round() { format!("{x}") } else { format!("{x:.1}") };
            assert_eq!(short(x), want);
        }
        for i in 0..10_000 {
            let x = f64::from(i) / 97.0;
            if x != x.round() {
                assert_eq!(short(x), format!("{x:.1}"));
            }
        }
    }
}
