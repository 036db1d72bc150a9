//! A grid of numbers, each on a background, or beside a shade, that says how high it is.

use std::collections::{HashMap, HashSet};

use unicode_width::UnicodeWidthStr;

use super::color::{self, RESET};
use super::data::{Data, Groups};
use super::number::{Format, cells};
use super::{Columns, Options, wrong};
use crate::error::{Error, Result};
use crate::render::layout::cut;

const DIM: &str = "\x1b[2m";

/// Cells that the name of a row gets at most.
const LONGEST: usize = 24;

/// What the numbers of the grid are.
struct Grid<'a> {
    rows: Groups,
    /// columns from the left: their name and their place in the groups
    columns: Vec<(String, usize)>,
    column_of: Vec<usize>,
    values: Vec<Option<f64>>,
    /// false: the cell may still grow
    complete: Option<Vec<Option<bool>>>,
    sizes: Option<Vec<String>>,
    scale: Option<(f64, f64)>,
    format: Format,
    options: &'a Options,
}

pub(super) fn draw(data: &Data, columns: &Columns, options: &Options) -> Result<String> {
    let x = data.named(&columns.x)?.or_else(|| data.find("cohort_start")).unwrap_or(0);
    let cohorts = data.find("cohort_start") == Some(x);
    let by = data.named(&columns.by)?.or_else(|| data.find("n").filter(|_| cohorts));
    let by = by.or_else(|| (0..data.schema().fields().len()).find(|i| *i != x));
    let by = by.ok_or_else(|| {
        wrong("a heat map needs three columns: rows, columns, numbers; the result has one")
    })?;
    let size = data.find("cohort_size");
    let rest = || (0..data.schema().fields().len()).filter(|i| *i != x && *i != by);
    let numbers = |i: &usize| Some(*i) != size && data.numbers(*i).is_ok();
    let y = data.named(&columns.y)?.or_else(|| data.find("rate")).or_else(|| rest().find(numbers));
    let y = y.ok_or_else(|| {
        wrong("a heat map needs a column of numbers beside its rows and columns")
            .with_hint("it is called x=ROWS by=COLUMNS y=NUMBERS, or draws the first three columns")
    })?;
    let retention = cohorts && data.find("n") == Some(by);

    let mut values: Vec<Option<f64>> =
        data.numbers(y)?.into_iter().map(|v| v.filter(|v| v.is_finite())).collect();
    let percent =
        data.name(y) == "rate" && values.iter().flatten().all(|v| (0.0..=1.0).contains(v));
    if percent {
        // two digits say enough, and a year fits on a line
        values.iter_mut().flatten().for_each(|v| *v = (*v * 100.0).round());
    }
    let complete = data.find("complete").and_then(|column| data.conditions(column));
    let column_groups = data.groups(Some(by))?;
    let positions = data.positions(by)?;
    // what all start with says nothing about who stays
    let base = positions.as_ref().filter(|_| size.is_some() && data.name(y) == "rate");
    let scaled = values.iter().enumerate().filter(|(row, _)| {
        let done = complete.as_ref().is_none_or(|c| c.get(*row) != Some(&Some(false)));
        let start = base.is_some_and(|p| p.get(*row) == Some(&Some(0.0)));
        done && !start
    });
    let scale = scaled.filter_map(|(_, v)| *v).map(|v| (v, v));
    let scale = scale.reduce(|(low, high), (v, _)| (low.min(v), high.max(v)));

    let grid = Grid {
        rows: data.groups(Some(x))?,
        columns: ordered(&column_groups, positions.as_deref()),
        column_of: column_groups.of,
        format: Format::short(values.iter().flatten().copied()),
        values,
        complete,
        sizes: size.map(|size| sizes(data, size)).transpose()?,
        scale,
        options,
    };
    let names = [data.name(x), data.name(by), data.name(y)];
    let split = data.find("group").filter(|_| retention);
    let groups = data.groups(split)?;
    let mut out = String::new();
    let mut left_out = 0;
    for (group, rows) in groups.rows() {
        if groups.names.len() > 1 {
            let gap = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}group {group}\n"));
        }
        left_out = grid.draw(&rows, &names, &mut out)?;
    }
    out.push_str(&grid.legend(&names, percent, left_out));
    Ok(out)
}

/// Columns of numbers and times by their order, others as they come.
fn ordered(groups: &Groups, positions: Option<&[Option<f64>]>) -> Vec<(String, usize)> {
    let mut columns: Vec<(String, usize)> =
        groups.names.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
    if let Some(positions) = positions {
        let mut place = HashMap::new();
        for (group, position) in groups.of.iter().zip(positions) {
            place.entry(*group).or_insert(position.unwrap_or(f64::INFINITY));
        }
        let at = |group: &usize| place.get(group).copied().unwrap_or(f64::INFINITY);
        columns.sort_by(|(_, a), (_, b)| at(a).total_cmp(&at(b)));
    }
    columns
}

fn sizes(data: &Data, column: usize) -> Result<Vec<String>> {
    let sizes = data.numbers(column)?;
    let format = Format::of(sizes.iter().flatten().copied());
    Ok(sizes.into_iter().map(|size| size.map_or_else(String::new, |v| format.text(v))).collect())
}

impl Grid<'_> {
    /// Draws the grid of these rows; answers how many columns did not fit.
    fn draw(&self, rows: &[usize], names: &[String; 3], out: &mut String) -> Result<usize> {
        let options = self.options;
        let mut at: HashMap<(usize, usize), usize> = HashMap::new();
        // every line with its first row, which knows its size
        let mut shown = Vec::new();
        let mut seen = HashSet::new();
        for &row in rows {
            let (Some(&line), Some(&column)) = (self.rows.of.get(row), self.column_of.get(row))
            else {
                continue;
            };
            if at.insert((line, column), row).is_some() {
                return Err(self.twice(line, column, names));
            }
            if seen.insert(line) {
                shown.push((line, row));
            }
        }
        let name = |line: usize| self.rows.names.get(line).map_or("", String::as_str);
        let size = |row: usize| self.sizes.as_ref().and_then(|s| s.get(row)).map_or("", |s| s);
        // as wide in one grid as in the next
        let widest = self.rows.names.iter().map(|name| name.width()).max().unwrap_or(0);
        let sizes = self.sizes.iter().flatten().map(|size| size.len()).max();
        let sizes = sizes.map_or(0, |widest| widest.max(4) + 2);
        // a shade or a blank in front, a mark or a blank behind
        let numbers = self.values.iter().map(|v| self.number(*v).width()).max().unwrap_or(0);
        let heads = self.columns.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        let cell = numbers.max(heads.min(LONGEST)) + 2;
        let fit = |label: usize| options.width.saturating_sub(label + sizes + 1) / cell;
        // the head of the names is cut before a column is left out
        let widest = widest.max(names[0].width().min(4)).min(LONGEST);
        let wished = widest.max(names[0].width()).min(LONGEST);
        let label = if fit(wished) < self.columns.len() { widest } else { wished };
        let fit = fit(label);
        let columns = self.columns.get(..fit.max(1)).unwrap_or(&self.columns);

        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.width()));
        let head = cut(&names[0], label, options.ellipsis());
        out.push_str(&format!("{head}{}", pad(&head, label)));
        if sizes > 0 {
            out.push_str(&format!("{}size", " ".repeat(sizes - 4)));
        }
        out.push(' ');
        for (name, _) in columns {
            let name = cut(name, cell - 2, options.ellipsis());
            out.push_str(&format!(" {}{name} ", pad(&name, cell - 2)));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        for (line, row) in shown {
            let text = cut(name(line), label, options.ellipsis());
            out.push_str(&format!("{text}{}{:>sizes$} ", pad(&text, label), size(row)));
            for (_, column) in columns {
                match at.get(&(line, *column)) {
                    Some(row) => out.push_str(&self.cell(*row, cell)),
                    None => out.push_str(&" ".repeat(cell)),
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        Ok(self.columns.len() - columns.len())
    }

    fn twice(&self, line: usize, column: usize, [x, by, y]: &[String; 3]) -> Error {
        let row = self.rows.names.get(line).map_or("", String::as_str);
        let of = |(_, index): &&(String, usize)| *index == column;
        let column = self.columns.iter().find(of).map_or("", |(name, _)| name);
        wrong(format!("there are two numbers {y} where {x} is {row} and {by} is {column}"))
            .with_hint("add them up in SQL, or name others: x=ROWS by=COLUMNS y=NUMBERS")
    }

    fn number(&self, value: Option<f64>) -> String {
        value.map_or_else(|| self.options.null().into(), |v| self.format.text(v))
    }

    /// Where a number lies on the scale.
    fn share(&self, value: f64) -> f64 {
        match self.scale {
            Some((low, high)) if high > low => ((value - low) / (high - low)).clamp(0.0, 1.0),
            _ => 1.0,
        }
    }

    fn open(&self, row: usize) -> bool {
        self.complete.as_ref().is_some_and(|c| c.get(row) == Some(&Some(false)))
    }

    /// One cell, `width` wide.
    fn cell(&self, row: usize, width: usize) -> String {
        let value = self.values.get(row).copied().flatten();
        let mark = if self.open(row) { '*' } else { ' ' };
        let text = self.number(value);
        let text = format!("{}{text}", " ".repeat((width - 2).saturating_sub(text.width())));
        let Some(value) = value else { return format!(" {text}{mark}") };
        let share = self.share(value);
        match color::cell(share, self.options.colors) {
            Some(_) if self.open(row) => format!("{DIM} {text}{mark}{RESET}"),
            Some(color) => format!("{color} {text}{mark}{RESET}"),
            None => format!("{}{text}{mark}", self.shade(share)),
        }
    }

    fn shades(&self) -> [char; 4] {
        if self.options.unicode { ['░', '▒', '▓', '█'] } else { ['.', ':', '+', '#'] }
    }

    fn shade(&self, share: f64) -> char {
        let shades = self.shades();
        let last = shades.len() - 1;
        shades.get(cells(share * shades.len() as f64).min(last)).copied().unwrap_or(' ')
    }

    /// What the colours and marks say.
    fn legend(&self, [_, by, y]: &[String; 3], percent: bool, left_out: usize) -> String {
        let mut parts = Vec::new();
        let unit = if percent { ", percent" } else { "" };
        if let Some((low, high)) = self.scale {
            let steps = 0..16;
            let colors: Option<String> = steps
                .map(|step| {
                    let color = color::cell(f64::from(step) / 15.0, self.options.colors)?;
                    Some(format!("{color} "))
                })
                .collect();
            let scale = match colors {
                Some(colors) => format!("{colors}{RESET}"),
                None => self.shades().iter().collect(),
            };
            let [low, high] = [low, high].map(|v| self.format.text(v));
            parts.push(format!("{y} by {by}{unit}: {low} {scale} {high}"));
        } else {
            parts.push(format!("{y} by {by}{unit}"));
        }
        if (0..self.values.len()).any(|row| self.open(row)) {
            parts.push("* not over yet".into());
        }
        if left_out > 0 {
            let columns = if left_out == 1 { "column" } else { "columns" };
            parts.push(format!("{} {left_out} more {columns}", self.options.ellipsis()));
        }
        format!("\n{}\n", parts.join("\n"))
    }
}
