//! Schemes of segments: which scores have which name. Data, with a version, because vendors change
//! theirs.
//!
//! - `standard`: the eleven segments of common use, on recency and fm = (f + m) / 2, scores 1 to 5.
//!   Published tables overlap; here every pair of scores has exactly one segment.
//! - `shopify`: the names and the axes (recency, fm) of Shopify's report, scores 1 to 5; where one
//!   group ends and the next begins is ours, because the report's own table is a picture. Its
//!   group Prospects (no orders) has no scores.
//! - `klaviyo`: the six groups of Klaviyo's report, scores 1 to 3 (`bins => 3`). The codes of Loyal
//!   are as published; the others are ours, after the descriptions.
//! - `pymc`: the five segments of PyMC-Marketing 0.9 and later, scores 1 to 4 (`bins => 4`).

use std::borrow::Cow;
use std::sync::LazyLock;

/// One row of the relation `tenure.rfm_scheme`: scores in all three ranges, and fm in its own, are
/// this segment. Ranges include both ends; of several matching rows the least `ordering` counts.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemeRow {
    /// name of the scheme, lower case
    pub scheme: &'static str,
    /// position within the scheme
    pub ordering: i64,
    /// name of the segment
    pub segment: Cow<'static, str>,
    /// scores of recency
    pub r: (i32, i32),
    /// scores of frequency
    pub f: (i32, i32),
    /// scores of monetary value
    pub m: (i32, i32),
    /// mean of the last two
    pub fm: (f64, f64),
    /// version of the scheme
    pub version: &'static str,
}

/// segment, recency from and to, fm from and to
type Area = (&'static str, i32, i32, f64, f64);

const STANDARD: &[Area] = &[
    ("Champions", 4, 5, 4.0, 5.0),
    ("Loyal", 4, 5, 3.0, 3.5),
    ("Loyal", 3, 3, 3.5, 5.0),
    ("Potential loyalist", 4, 5, 1.5, 2.5),
    ("New customers", 4, 5, 1.0, 1.0),
    ("Needs attention", 3, 3, 2.0, 3.0),
    ("Promising", 3, 3, 1.0, 1.5),
    ("At risk", 2, 2, 2.5, 5.0),
    ("About to sleep", 2, 2, 1.0, 2.0),
    ("Cannot lose them", 1, 1, 4.0, 5.0),
    ("At risk", 1, 1, 2.5, 3.5),
    ("Hibernating", 1, 1, 1.5, 2.0),
    ("Lost", 1, 1, 1.0, 1.0),
];

const SHOPIFY: &[Area] = &[
    ("Champions", 5, 5, 4.0, 5.0),
    ("Loyal", 3, 4, 4.0, 5.0),
    ("Active", 4, 5, 2.5, 3.5),
    ("New", 5, 5, 1.0, 2.0),
    ("Promising", 4, 4, 1.0, 2.0),
    ("Needs attention", 3, 3, 2.5, 3.5),
    ("Almost lost", 2, 3, 1.0, 2.0),
    ("At risk", 2, 2, 2.5, 5.0),
    ("Previously loyal", 1, 1, 4.0, 5.0),
    ("Dormant", 1, 1, 1.0, 3.5),
];

/// segment, its codes (100 r + 10 f + m)
type Codes = (&'static str, &'static [i32]);

const KLAVIYO: &[Codes] = &[
    ("Champions", &[333, 332, 323]),
    ("Loyal", &[321, 322, 331, 232, 233]),
    ("Recent", &[311, 312, 313]),
    ("Needs attention", &[211, 212, 213, 221, 222, 223, 231]),
    ("At risk", &[113, 122, 123, 131, 132, 133]),
    ("Inactive", &[111, 112, 121]),
];

const PYMC: &[Codes] = &[
    ("Premium Customer", &[333, 334, 343, 344, 433, 434, 443, 444]),
    ("Repeat Customer", &[143, 232, 233, 234, 242, 243, 244, 332]),
    ("Top Spender", &[124, 133, 134, 144, 224, 313, 314, 323, 324, 413, 414, 423, 424]),
    ("At Risk Customer", &[122, 123, 132, 212, 214, 222, 223, 312, 322, 412, 422]),
    ("Inactive Customer", &[111, 112, 113, 114, 211, 311, 411]),
];

const ANY: (i32, i32) = (1, i32::MAX);

static ROWS: LazyLock<Vec<SchemeRow>> = LazyLock::new(|| {
    let areas = |scheme, version, areas: &'static [Area]| {
        (1..).zip(areas).map(move |(ordering, &(segment, r_from, r_to, fm_from, fm_to))| {
            SchemeRow {
                scheme,
                ordering,
                segment: segment.into(),
                r: (r_from, r_to),
                f: ANY,
                m: ANY,
                fm: (fm_from, fm_to),
                version,
            }
        })
    };
    let codes = |scheme, version, segments: &'static [Codes]| {
        let cells =
            segments.iter().flat_map(|&(segment, codes)| codes.iter().map(move |c| (segment, c)));
        (1..).zip(cells).map(move |(ordering, (segment, code))| {
            let [r, f, m] = [code / 100, code / 10 % 10, code % 10].map(|d| (d, d));
            SchemeRow {
                scheme,
                ordering,
                segment: segment.into(),
                r,
                f,
                m,
                fm: (1.0, f64::INFINITY),
                version,
            }
        })
    };
    areas("standard", "1", STANDARD)
        .chain(areas("shopify", "2026-11", SHOPIFY))
        .chain(codes("klaviyo", "2024-11", KLAVIYO))
        .chain(codes("pymc", "0.9", PYMC))
        .collect()
});

/// All schemes, for the relation `tenure.rfm_scheme`.
pub fn scheme_rows() -> &'static [SchemeRow] {
    &ROWS
}

/// The rows of one scheme; `None` if there is no such scheme. Upper and lower case are the same.
pub(crate) fn scheme(name: &str) -> Option<&'static [SchemeRow]> {
    let rows = scheme_rows();
    let is_it = |row: &SchemeRow| row.scheme.eq_ignore_ascii_case(name.trim());
    let from = rows.iter().position(is_it)?;
    let rows = rows.get(from..)?;
    rows.get(..rows.iter().take_while(|row| is_it(row)).count())
}

/// The names of the schemes.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = scheme_rows().iter().map(|row| row.scheme).collect();
    names.dedup();
    names
}

/// The segment of scores, if the scheme has one.
pub(crate) fn segment(scheme: &[SchemeRow], r: i32, f: i32, m: i32) -> Option<&str> {
    let within = |(from, to): (i32, i32), score: i32| from <= score && score <= to;
    let fm = (f64::from(f) + f64::from(m)) / 2.0;
    scheme
        .iter()
        .find(|row| {
            within(row.r, r)
                && within(row.f, f)
                && within(row.m, m)
                && row.fm.0 <= fm
                && fm <= row.fm.1
        })
        .map(|row| row.segment.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_of_a_scheme_claim_the_same_scores() {
        for (name, bins, unmapped) in
            [("standard", 5, 0), ("shopify", 5, 0), ("klaviyo", 3, 0), ("pymc", 4, 17)]
        {
            let rows = scheme(name).unwrap();
            let mut missing = 0;
            for code in 0..bins * bins * bins {
                let (r, f, m) = (1 + code / bins / bins, 1 + code / bins % bins, 1 + code % bins);
                let claims = rows
                    .iter()
                    .filter(|row| segment(std::slice::from_ref(*row), r, f, m).is_some())
                    .count();
                assert!(claims <= 1, "{name} {r}{f}{m}: {claims}");
                missing += usize::from(claims == 0);
            }
            assert_eq!(missing, unmapped, "{name}");
        }
    }

    #[test]
    fn the_standard_scheme_has_its_eleven_segments() {
        let mut segments: Vec<_> = scheme("Standard").unwrap().iter().map(|r| &r.segment).collect();
        segments.sort_unstable();
        segments.dedup();
        assert_eq!(segments.len(), 11);
        assert_eq!(names(), ["standard", "shopify", "klaviyo", "pymc"]);
    }
}
