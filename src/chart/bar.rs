//! One bar a row, its label and its number in front.

use tenure_udfs::chart::draw_bar;
use unicode_width::UnicodeWidthStr;

use super::color::paint;
use super::data::Data;
use super::number::{Format, cells};
use super::{Columns, Options};
use crate::error::Result;
use crate::render::layout::cut;

/// Cells that a bar gets at least, however long the labels are.
const SHORTEST: usize = 10;

/// Rows that are drawn: nobody compares more bars.
const MOST: usize = 500;

pub(super) fn draw(data: &Data, columns: &Columns, options: &Options) -> Result<String> {
    let (x, y) = data.axes(columns, ("", ""), "bar chart")?;
    let by = data.named(&columns.by)?;
    let mut labels = if x == y { vec![String::new(); data.rows()] } else { data.labels(x)? };
    if let Some(by) = by {
        for (label, group) in labels.iter_mut().zip(data.labels(by)?) {
            *label = format!("{group}  {label}");
        }
    }
    let values = data.numbers(y)?;
    let finite = || values.iter().flatten().copied().filter(|v| v.is_finite());
    let format = Format::of(finite());
    let number = |value: &Option<f64>| value.map_or(options.null().into(), |v| format.text(v));

    let by = by.map(|by| format!("{} and ", data.name(by))).unwrap_or_default();
    let of = if x == y { String::new() } else { format!(" by {by}{}", data.name(x)) };
    let mut out = format!("{}{of}\n", data.name(y));
    let numbers = values.iter().map(|v| number(v).width()).max().unwrap_or(0);
    let room = options.width.saturating_sub(numbers + SHORTEST + 3).max(1);
    let label_width = labels.iter().map(|l| l.width()).max().unwrap_or(0).min(room);
    let space = options.width.saturating_sub(label_width + numbers + 3).max(SHORTEST);

    // both ends are drawn on one scale, nothing lies where they meet
    let least = finite().fold(0.0, f64::min);
    let greatest = finite().fold(0.0, f64::max);
    let below = share(-least, greatest - least, space);
    let above = space - below;
    for (label, value) in labels.iter().zip(&values).take(MOST) {
        let label = cut(label, label_width, options.ellipsis());
        let pad = " ".repeat(label_width - label.width());
        let mut bar = String::new();
        if let Some(value) = value.filter(|v| v.is_finite()) {
            let (length, color) = if value < 0.0 { (below, 4) } else { (above, 0) };
            let full = if value < 0.0 { -least } else { greatest };
            let text = one(value.abs(), full, length, value < 0.0, options);
            let before = if value < 0.0 { below - text.width() } else { below };
            bar = format!("{}{}", " ".repeat(before), paint(&text, color, options.colors));
        }
        let gap = if label_width > 0 { "  " } else { "" };
        let line = format!("{label}{pad}{gap}{:>numbers$} {bar}", number(value));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if values.len() > MOST {
        let more = Format::of(std::iter::empty()).text((values.len() - MOST) as f64);
        out.push_str(&format!("{} {more} more rows\n", options.ellipsis()));
    }
    Ok(out)
}

/// The cells of the part below nothing: one at least if there is one.
fn share(below: f64, whole: f64, space: usize) -> usize {
    if below <= 0.0 {
        return 0;
    }
    cells((below / whole * space as f64).round()).clamp(1, space.saturating_sub(1))
}

/// One bar, `width` cells long where `value` is `full`. What is not nothing is seen.
pub(super) fn one(value: f64, full: f64, width: usize, left: bool, options: &Options) -> String {
    if value <= 0.0 || full <= 0.0 || width == 0 {
        return String::new();
    }
    if !options.unicode || left {
        // there are no eighths that stand on the right: halves
        let halves = cells((value / full * width as f64 * 2.0).round()).clamp(1, width * 2);
        let half = halves % 2 == 1;
        return match (options.unicode, half) {
            (false, _) => "#".repeat(halves.div_ceil(2)),
            (true, true) => format!("▐{}", "█".repeat(halves / 2)),
            (true, false) => "█".repeat(halves / 2),
        };
    }
    let mut out = String::new();
    draw_bar(value, 0.0, full, width as f64, &mut out);
    if out.is_empty() { "▏".into() } else { out }
}
