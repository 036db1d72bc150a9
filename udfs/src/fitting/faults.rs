//! Why a fit leaves rows out, and how many.

/// Why a row tells a model nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotFinite,
    BeyondT,
    NotWhole,
    RepeatAtZero,
    NoRepeat,
    NoMoney,
    NoOpportunity,
    TooMany,
    TooLong,
    NoPeriod,
    Apart,
    Duration,
    Entry,
    Weight,
    Feature,
}

impl Fault {
    /// Every fault.
    const ALL: [Self; 15] = [
        Self::NotFinite,
        Self::BeyondT,
        Self::NotWhole,
        Self::RepeatAtZero,
        Self::NoRepeat,
        Self::NoMoney,
        Self::NoOpportunity,
        Self::TooMany,
        Self::TooLong,
        Self::NoPeriod,
        Self::Apart,
        Self::Duration,
        Self::Entry,
        Self::Weight,
        Self::Feature,
    ];

    /// In words, after a number of rows.
    fn text(self) -> &'static str {
        match self {
            Self::NotFinite => "negative or not finite",
            Self::BeyondT => "with a recency beyond t",
            Self::NotWhole => "with a count that is no whole number",
            Self::RepeatAtZero => "with a repeat purchase at recency 0",
            Self::NoRepeat => "with a recency but no repeat purchase",
            Self::NoMoney => "with money not above 0",
            Self::NoOpportunity => "without a repeat purchase",
            Self::TooMany => "with more purchases than recency has room for",
            Self::TooLong => "with more than 1,000 opportunities",
            Self::NoPeriod => "who left before the first period was over",
            Self::Apart => "with a litt beyond that of equal times between purchases",
            Self::Duration => "with a duration that is negative or not finite",
            Self::Entry => "with an entry that is negative or not before the duration",
            Self::Weight => "with a weight that is not finite or not above 0",
            Self::Feature => "with a feature that is not finite",
        }
    }
}

/// Rows that were dropped, by fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults([i64; Fault::ALL.len()]);

/// Bytes that [`Faults::text`] may take where rows have up to four kinds of faults, as in one fit.
pub(crate) const TEXT: usize = 360;

impl Faults {
    /// One row more.
    pub(crate) fn count(&mut self, fault: Fault) {
        self.add(Fault::ALL.iter().map(|of| i64::from(*of == fault)));
    }

    /// Adds counts in the order of [`Self::counts`].
    pub(crate) fn add(&mut self, counts: impl IntoIterator<Item = i64>) {
        self.0.iter_mut().zip(counts).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }

    /// The counts; none where no row was dropped.
    pub(crate) fn counts(&self) -> &[i64] {
        if self.total() > 0 { &self.0 } else { &[] }
    }

    /// All rows.
    pub(crate) fn total(&self) -> i64 {
        self.0.iter().sum()
    }

    /// `dropped 3 rows: 2 with …, 1 with …`; `None` where none was.
    pub(crate) fn text(&self) -> Option<String> {
        let some = Fault::ALL.iter().zip(self.0).filter(|(_, n)| *n > 0);
        let each: Vec<String> = some.map(|(fault, n)| format!("{n} {}", fault.text())).collect();
        let rows = if self.total() == 1 { "row" } else { "rows" };
        (!each.is_empty()).then(|| format!("dropped {} {rows}: {}", self.total(), each.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_and_told() {
        let mut faults = Faults::default();
        assert_eq!((faults.text(), faults.counts()), (None, &[][..]));
        faults.count(Fault::Weight);
        let one = "dropped 1 row: 1 with a weight that is not finite or not above 0";
        assert_eq!(faults.text().as_deref(), Some(one));
        let mut more = Faults::default();
        more.count(Fault::Duration);
        more.add(faults.counts().iter().copied());
        more.add(faults.counts().iter().copied());
        assert_eq!(more.total(), 3);
        let three = "dropped 3 rows: 1 with a duration that is negative or not finite, 2 with a weight that is not finite or not above 0";
        assert_eq!(more.text().as_deref(), Some(three));
    }

    #[test]
    fn a_text_fits_in_the_room_kept_for_it() {
        let mut longest = Fault::ALL.map(|fault| fault.text().len());
        longest.sort_unstable();
        let mut four = Faults::default();
        let least = longest[longest.len() - 4];
        four.add(Fault::ALL.map(|f| if f.text().len() >= least { i64::MAX / 4 } else { 0 }));
        assert!(four.text().unwrap().len() <= TEXT);
    }
}
