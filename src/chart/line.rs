//! Lines over time, or over a number, in dots of Braille: two by four in a cell.

use unicode_width::UnicodeWidthStr;

use super::color::paint;
use super::data::{Data, is_number};
use super::number::{Format, cells};
use super::{Columns, Options};
use crate::error::Result;

/// Series that are told apart: as many as a life cycle has stages.
const MOST: usize = 9;

/// What marks the points of a series where there are several.
const MARKERS: [&str; MOST] = ["●", "◆", "▲", "■", "○", "◇", "△", "□", "▼"];
const ASCII_MARKERS: [&str; MOST] = ["*", "o", "x", "+", "#", "@", "%", "&", "="];

/// The dots of a cell, from the left, each from the top.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Points from the left; a NULL is a gap.
struct Series {
    name: String,
    points: Vec<(f64, Option<f64>)>,
}

pub(super) fn draw(data: &Data, columns: &Columns, options: &Options) -> Result<String> {
    let (x, y) = data.axes(columns, ("", ""), "line chart")?;
    let labels = data.labels(x)?;
    let places = match data.positions(x)? {
        Some(places) => places,
        // text stands as it comes, at equal distances
        None => data.groups(Some(x))?.of.into_iter().map(|g| Some(g as f64)).collect(),
    };
    let by = match data.named(&columns.by)? {
        Some(by) => Some(by),
        None => split(data, x, &places),
    };
    let values = data.numbers(y)?;
    let groups = data.groups(by)?;
    let all = groups.names.len();
    let series: Vec<Series> = groups
        .rows()
        .take(MOST)
        .map(|(name, rows)| {
            let point = |row: usize| {
                let value = values.get(row).copied().flatten().filter(|v| v.is_finite());
                Some((places.get(row).copied().flatten()?, value))
            };
            let mut points: Vec<_> = rows.into_iter().filter_map(point).collect();
            points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            Series { name: name.to_owned(), points }
        })
        .collect();
    let Some(plot) = Plot::of(&series, options) else {
        return Ok(format!("{} has no numbers to draw\n", data.name(y)));
    };
    let of = by.map(|by| format!(" and {}", data.name(by))).unwrap_or_default();
    let mut out = format!("{} by {}{of}\n", data.name(y), data.name(x));
    plot.draw(&series, &mut out);
    let marks: Vec<(f64, &str)> = places
        .iter()
        .zip(&labels)
        .filter_map(|(place, label)| Some(((*place)?, label.as_str())))
        .collect();
    plot.axis(marks, &mut out);
    if series.len() > 1 {
        out.push('\n');
        let mut used = 0;
        let names = series.iter().enumerate().map(|(index, one)| {
            (paint(plot.marker(index), index, options.colors), one.name.clone())
        });
        let more = (all > MOST)
            .then(|| (options.ellipsis().to_owned(), format!("{} more", all.saturating_sub(MOST))));
        for (marker, name) in names.chain(more) {
            // marker, blank, name; as many on a line as have room
            let width = 2 + name.width();
            if used > 0 && used + 3 + width > options.width {
                out.push('\n');
                used = 0;
            }
            let gap = if used > 0 { 3 } else { 0 };
            out.push_str(&format!("{}{marker} {name}", " ".repeat(gap)));
            used += gap + width;
        }
        out.push('\n');
    }
    Ok(out)
}

/// The column that makes lines of rows that share their places: the first of text.
fn split(data: &Data, x: usize, places: &[Option<f64>]) -> Option<usize> {
    let mut known = std::collections::HashSet::new();
    if places.iter().flatten().all(|place| known.insert(place.to_bits())) {
        return None;
    }
    let schema = data.schema();
    (0..schema.fields().len()).find(|i| {
        let text = schema.fields().get(*i).is_some_and(|f| !is_number(f.data_type()));
        text && *i != x && !data.is_time(*i)
    })
}

/// A canvas with its axes.
struct Plot<'a> {
    options: &'a Options,
    /// dots of a cell, across and down
    dots: (usize, usize),
    /// cells of the canvas
    width: usize,
    height: usize,
    /// cells of the labels on the left
    margin: usize,
    x: (f64, f64),
    y: (f64, f64),
    /// line of the canvas and label
    ticks: Vec<(usize, String)>,
}

impl<'a> Plot<'a> {
    /// Axes around all points; nothing if there are none.
    fn of(series: &[Series], options: &'a Options) -> Option<Self> {
        let known = || {
            let points = series.iter().flat_map(|one| &one.points);
            points.filter_map(|(x, y)| Some((*x, (*y)?)))
        };
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.map(|v| (v, v)).reduce(|(low, high), (v, _)| (low.min(v), high.max(v)))
        };
        let (low, high) = ends(&mut known().map(|(_, y)| y))?;
        // a place counts although its number is missing
        let x = ends(&mut series.iter().flat_map(|one| &one.points).map(|(x, _)| *x))?;
        let height = options.height.max(4);
        // nothing is shown where it is near
        let low = if low > 0.0 && (low < high * 0.5 || low == high) { 0.0 } else { low };
        let high = if low == high { low + 1.0 } else { high };
        let step = step((high - low) / (height as f64 / 3.0).clamp(2.0, 8.0));
        let y = ((low / step).floor() * step, (high / step).ceil() * step);
        let dots = if options.unicode { (2, 4) } else { (1, 1) };
        let mut plot = Self { options, dots, width: 0, height, margin: 0, x, y, ticks: Vec::new() };
        let format = Format::of_step(step);
        let count = cells(((y.1 - y.0) / step).round()).min(height);
        for tick in 0..=count {
            let value = y.0 + step * tick as f64;
            plot.ticks.push((plot.down(value) / plot.dots.1, format.text(value)));
        }
        plot.margin = plot.ticks.iter().map(|(_, label)| label.width()).max().unwrap_or(0);
        plot.width = options.width.saturating_sub(plot.margin + 3).max(10);
        Some(plot)
    }

    fn marker(&self, series: usize) -> &'static str {
        let markers = if self.options.unicode { MARKERS } else { ASCII_MARKERS };
        markers.get(series).copied().unwrap_or("*")
    }

    /// The dot across of a place.
    fn across(&self, x: f64) -> usize {
        let last = self.width * self.dots.0 - 1;
        let (from, to) = self.x;
        let share = if to > from { (x - from) / (to - from) } else { 0.5 };
        cells((share * last as f64).round()).min(last)
    }

    /// The dot down of a number.
    fn down(&self, y: f64) -> usize {
        let last = self.height * self.dots.1 - 1;
        let (from, to) = self.y;
        cells(((to - y) / (to - from) * last as f64).round()).min(last)
    }

    fn draw(&self, series: &[Series], out: &mut String) {
        let mut canvas = Canvas::new(self.width, self.height, self.dots);
        for (index, one) in series.iter().enumerate() {
            let mut pen = None;
            for (x, y) in &one.points {
                let point = y.map(|y| (self.across(*x), self.down(y)));
                if let Some(to) = point {
                    canvas.stroke(pen.unwrap_or(to), to, index);
                }
                pen = point;
            }
        }
        // on top of all lines
        if series.len() > 1 {
            for (index, one) in series.iter().enumerate() {
                for (x, y) in &one.points {
                    if let Some(y) = y {
                        canvas.mark((self.across(*x), self.down(*y)), index);
                    }
                }
            }
        }
        let [bar, tick] = if self.options.unicode { ["│", "┤"] } else { ["|", "+"] };
        for line in 0..self.height {
            let label = self.ticks.iter().find(|(at, _)| *at == line).map(|(_, label)| label);
            let edge = if label.is_some() { tick } else { bar };
            let label = label.map_or("", String::as_str);
            let mut text = format!("{label:>width$} {edge}", width = self.margin);
            // a colour begins where another series does
            for run in canvas.line(line).chunk_by(|a, b| a.series == b.series) {
                let cells: String = run.iter().map(|cell| self.cell(cell)).collect();
                let series = run.first().and_then(|cell| cell.series);
                let color = |series| paint(&cells, series, self.options.colors);
                text.push_str(&series.map_or_else(|| cells.clone(), color));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }

    fn cell(&self, cell: &Cell) -> String {
        let Some(series) = cell.series else { return " ".into() };
        match cell.dots {
            _ if cell.marked => self.marker(series).to_owned(),
            dots if self.options.unicode => {
                char::from_u32(0x2800 + dots).map(String::from).unwrap_or_default()
            }
            _ => ".".into(),
        }
    }

    /// The axis below, with as many labels as have room.
    fn axis(&self, mut marks: Vec<(f64, &str)>, out: &mut String) {
        marks.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        marks.dedup_by(|(a, _), (b, _)| a == b);
        let [corner, line, tick] =
            if self.options.unicode { ["└", "─", "┬"] } else { ["+", "-", "+"] };
        let widest = marks.iter().map(|(_, label)| label.width()).max().unwrap_or(1);
        let room = (self.width / (widest + 3)).max(1);
        let every = marks.len().div_ceil(room).max(1);
        let mut axis = vec![line; self.width];
        let mut labels = String::new();
        for (place, label) in marks.iter().step_by(every) {
            let at = self.across(*place) / self.dots.0;
            // centred under its place, inside the frame
            let from = (at + self.margin + 2).saturating_sub(label.width() / 2);
            let from = from.min((self.margin + 3 + self.width).saturating_sub(label.width()));
            let used = labels.width();
            if from < used + usize::from(used > 0) * 2 {
                continue;
            }
            if let Some(cell) = axis.get_mut(at) {
                *cell = tick;
            }
            labels.push_str(&" ".repeat(from - used));
            labels.push_str(label);
        }
        out.push_str(&format!("{} {corner}{}\n", " ".repeat(self.margin), axis.concat()));
        out.push_str(&labels);
        out.push('\n');
    }
}

/// The step of an axis that is not below `least`: 1, 2 or 5 of a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|step| *step >= least * 0.999);
    step.unwrap_or(10.0 * power)
}

/// One character.
#[derive(Clone, Default)]
struct Cell {
    dots: u32,
    /// the last series that drew here
    series: Option<usize>,
    marked: bool,
}

/// What the lines are drawn on.
struct Canvas {
    cells: Vec<Cell>,
    width: usize,
    dots: (usize, usize),
}

impl Canvas {
    fn new(width: usize, height: usize, dots: (usize, usize)) -> Self {
        Self { cells: vec![Cell::default(); width * height], width, dots }
    }

    fn line(&self, line: usize) -> &[Cell] {
        self.cells.get(line * self.width..(line + 1) * self.width).unwrap_or_default()
    }

    fn at(&mut self, (x, y): (usize, usize)) -> Option<&mut Cell> {
        self.cells.get_mut(y / self.dots.1 * self.width + x / self.dots.0)
    }

    fn dot(&mut self, (x, y): (usize, usize), series: usize) {
        let dot = DOTS.get(x % self.dots.0).and_then(|column| column.get(y % self.dots.1));
        let dot = dot.copied().unwrap_or(0);
        if let Some(cell) = self.at((x, y)) {
            cell.dots |= dot;
            cell.series = Some(series);
        }
    }

    /// A point that is told apart from others; what came first stays.
    fn mark(&mut self, place: (usize, usize), series: usize) {
        if let Some(cell) = self.at(place).filter(|cell| !cell.marked) {
            cell.series = Some(series);
            cell.marked = true;
        }
    }

    /// A straight line: a dot for each step of its longer side.
    fn stroke(&mut self, from: (usize, usize), to: (usize, usize), series: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
        let between = |a: usize, b: usize, step: usize| {
            let share = if steps == 0 { 0.0 } else { step as f64 / steps as f64 };
            cells((a as f64 + (b as f64 - a as f64) * share).round())
        };
        for step in 0..=steps {
            self.dot((between(from.0, to.0, step), between(from.1, to.1, step)), series);
        }
    }
}
