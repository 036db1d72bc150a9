//! How wide the columns of a box are, and which are hidden when they do not all fit.
//!
//! Widths are display cells, not characters: 客 takes two. Numbers and times are never cut (a cut
//! number is a wrong number); text is cut down to a floor; then columns are hidden from the middle, for the
//! first say who and the last say what came out.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text is not cut below this many cells.
const FLOOR: usize = 12;

/// One column as the layout sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// cells that the widest value takes
    pub(super) width: usize,
    /// may be cut
    pub(super) text: bool,
}

/// What to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// the shown columns from the left, with their widths
    pub(super) left: Vec<(usize, usize)>,
    /// columns left out after `left`
    pub(super) hidden: usize,
    /// the shown columns after the gap
    pub(super) right: Vec<(usize, usize)>,
}

/// Cells that a column takes with its blanks and one border.
fn cost(width: usize) -> usize {
    width + 3
}

/// Fits columns into `available` cells, or shows everything when that is `None`.
pub(super) fn fit(wishes: &[Wish], available: Option<usize>) -> Layout {
    let all = |widths: Vec<usize>| Layout {
        left: widths.into_iter().enumerate().collect(),
        hidden: 0,
        right: Vec::new(),
    };
    let natural: Vec<usize> = wishes.iter().map(|w| w.width).collect();
    let Some(available) = available else { return all(natural) };
    let total = |widths: &[usize]| 1 + widths.iter().map(|w| cost(*w)).sum::<usize>();
    if total(&natural) <= available {
        return all(natural);
    }
    // the widest cap under which everything fits
    let capped = |cap: usize| -> Vec<usize> {
        wishes.iter().map(|w| if w.text { w.width.min(cap) } else { w.width }).collect()
    };
    let widest = natural.iter().copied().max().unwrap_or(0);
    if let Some(cap) = (FLOOR..widest).rev().find(|cap| total(&capped(*cap)) <= available) {
        return all(capped(cap));
    }
    let widths = capped(FLOOR);
    let marker = cost(hidden_label(wishes.len()).width());
    let mut room = available.saturating_sub(1 + marker);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut columns = widths.iter().copied().enumerate();
    loop {
        let from_left = left.len() <= right.len();
        let next = if from_left { columns.next() } else { columns.next_back() };
        let Some((index, width)) = next else { break };
        // the first column is shown even when it alone is too wide
        if cost(width) > room && !left.is_empty() {
            break;
        }
        room = room.saturating_sub(cost(width));
        if from_left { left.push((index, width)) } else { right.push((index, width)) }
    }
    right.reverse();
    Layout { hidden: wishes.len() - left.len() - right.len(), left, right }
}

/// The head of the column that stands for the hidden ones.
pub(super) fn hidden_label(count: usize) -> String {
    format!("… {count} more")
}

/// Cuts a text to a width, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    out.push_str(ellipsis);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(widths: &[(usize, bool)]) -> Vec<Wish> {
        widths.iter().map(|(width, text)| Wish { width: *width, text: *text }).collect()
    }

    #[test]
    fn everything_is_shown_where_nothing_limits() {
        let l = fit(&wishes(&[(100, true), (5, false)]), None);
        assert_eq!(l.left, [(0, 100), (1, 5)]);
        assert_eq!(l.hidden, 0);
    }

    #[test]
    fn text_is_cut_before_columns_are_hidden_and_numbers_are_never_cut() {
        let l = fit(&wishes(&[(100, true), (20, false)]), Some(60));
        assert_eq!(l.left, [(0, 33), (1, 20)]);
        assert_eq!(l.hidden, 0);
    }

    #[test]
    fn middle_columns_are_hidden_and_counted() {
        let l = fit(&wishes(&[(10, false); 10]), Some(60));
        assert_eq!((l.left.len(), l.hidden, l.right.len()), (2, 7, 1));
        assert_eq!(l.right, [(9, 10)]);
    }

    #[test]
    fn a_cut_counts_cells_not_characters() {
        assert_eq!(cut("客户生命周期", 7, "…"), "客户生…");
        assert_eq!(cut("客户", 4, "…"), "客户");
    }
}
