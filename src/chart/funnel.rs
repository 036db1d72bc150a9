//! Steps: who reached each, and who was lost on the way.

use unicode_width::UnicodeWidthStr;

use super::color::paint;
use super::data::Data;
use super::number::{Format, duration};
use super::{Columns, Options, bar};
use crate::error::Result;
use crate::render::layout::cut;

/// Cells that a bar gets at least.
const SHORTEST: usize = 10;

/// Cells that a step's name gets at most.
const LONGEST: usize = 24;

const HEAD: [&str; 5] = ["reached", "of first", "of previous", "lost", "median time"];

/// One step as it is written.
struct Step {
    name: String,
    reached: Option<f64>,
    cells: [String; 5],
}

pub(super) fn draw(data: &Data, columns: &Columns, options: &Options) -> Result<String> {
    let (x, y) = data.axes(columns, ("step", "reached"), "funnel")?;
    let by = data.named(&columns.by)?.or_else(|| data.find("group"));
    let names = data.labels(x)?;
    let reached = data.numbers(y)?;
    let median = data.find("median_seconds").map(|column| data.numbers(column)).transpose()?;
    let format = Format::of(reached.iter().flatten().copied());
    let null = || options.null().to_owned();
    let percent = |part: Option<f64>, whole: Option<f64>| match (part, whole) {
        (Some(part), Some(whole)) if whole > 0.0 => format!("{:.1} %", part / whole * 100.0),
        _ => null(),
    };

    let groups = data.groups(by)?;
    let mut blocks: Vec<(&str, Vec<Step>)> = Vec::new();
    for (group, rows) in groups.rows() {
        let value = |row: usize| reached.get(row).copied().flatten();
        let first = rows.first().and_then(|row| value(*row));
        let mut previous = None;
        let mut steps = Vec::new();
        for row in rows {
            let now = value(row);
            let lost = previous.zip(now).map(|(before, now): (f64, f64)| before - now);
            let time = median.as_ref().and_then(|m| m.get(row).copied().flatten());
            steps.push(Step {
                name: names.get(row).cloned().unwrap_or_default(),
                reached: now,
                cells: [
                    now.map_or_else(null, |v| format.text(v)),
                    percent(now, first),
                    percent(now, previous),
                    lost.map_or_else(null, |v| format.text(v)),
                    time.map_or_else(null, duration),
                ],
            });
            previous = now;
        }
        blocks.push((group, steps));
    }

    // the time only where it is known
    let shown = if median.is_some() { 5 } else { 4 };
    let steps = || blocks.iter().flat_map(|(_, steps)| steps);
    let widths: Vec<usize> = HEAD
        .iter()
        .enumerate()
        .take(shown)
        .map(|(i, head)| {
            let cells = steps().filter_map(|step| step.cells.get(i)).map(|cell| cell.width());
            cells.max().unwrap_or(0).max(head.width())
        })
        .collect();
    let name = steps().map(|s| s.name.width()).max().unwrap_or(0);
    let name = name.max(data.name(x).width()).min(LONGEST);
    let fixed = name + 2 + widths.iter().map(|w| w + 2).sum::<usize>();
    let space = options.width.saturating_sub(fixed).max(SHORTEST);

    let line = |first: &str, cells: &[String], bar: &str, bar_width: usize| {
        let first = cut(first, name, options.ellipsis());
        let mut out = format!("{first}{}", " ".repeat(name - first.width()));
        for (index, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            out.push_str(&format!("  {}{cell}", " ".repeat(width - cell.width())));
            if index == 0 {
                out.push_str(&format!("  {bar}{}", " ".repeat(space - bar_width)));
            }
        }
        format!("{}\n", out.trim_end())
    };
    let mut out = String::new();
    for (group, steps) in &blocks {
        if blocks.len() > 1 {
            let gap = if out.is_empty() { "" } else { "\n" };
            let by = by.map(|by| data.name(by)).unwrap_or_default();
            out.push_str(&format!("{gap}{by} {group}\n"));
        }
        out.push_str(&line(&data.name(x), &HEAD.map(str::to_owned), "", 0));
        let full = steps.iter().filter_map(|s| s.reached).fold(0.0, f64::max);
        for step in steps {
            let text = bar::one(step.reached.unwrap_or(0.0), full, space, false, options);
            let painted = paint(&text, 0, options.colors);
            out.push_str(&line(&step.name, &step.cells, &painted, text.width()));
        }
    }
    Ok(out)
}
