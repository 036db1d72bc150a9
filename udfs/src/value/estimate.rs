//! What every fit gives back: parameters, their standard errors, the likelihood and how it was
//! reached, and the rows that it could not use.

use super::newton::{EDGE, Top};

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// in the order of the model's names for them
    pub parameters: Vec<f64>,
    /// their standard errors; `None` where the fit has not converged
    pub se: Option<Vec<f64>>,
    /// the log-likelihood, without any penalty
    pub ll: f64,
    /// evaluations of the likelihood, value and derivatives
    pub iterations: usize,
    /// why the fit has not converged; `None` where it has
    pub trouble: Option<String>,
}

impl Estimate {
    /// The estimate of parameters of these names, which ended at `top`.
    pub(crate) fn of<const N: usize>(top: &Top<N>, names: [&str; N]) -> Self {
        let ends = top.edge.iter().zip(names).filter_map(|(edge, name)| match edge {
            0 => None,
            end if *end > 0 => Some(format!("{name} grows")),
            _ => Some(format!("{name} falls")),
        });
        let ends: Vec<String> = ends.collect();
        let trouble = match (&top.log_se, ends.as_slice()) {
            (Some(_), _) => None,
            (None, []) => {
                Some("the data do not tell the parameters apart: many fit alike".to_string())
            }
            (None, ends) => Some(format!(
                "there is no best model: the likelihood rises as long as {}, here to e^±{EDGE}",
                ends.join(" and ")
            )),
        };
        Self {
            parameters: top.parameters.to_vec(),
            se: top.se().map(|se| se.to_vec()),
            ll: top.ll,
            iterations: top.iterations,
            trouble,
        }
    }

    /// The estimate in another unit: the parameter at this place is so many times as large.
    pub(crate) fn scaled(mut self, place: usize, by: f64) -> Self {
        for figures in [Some(&mut self.parameters), self.se.as_mut()].into_iter().flatten() {
            if let Some(figure) = figures.get_mut(place) {
                *figure *= by;
            }
        }
        self
    }

    /// Says of a fit that has not converged what is known of the data.
    pub(crate) fn because(mut self, reason: Option<&str>) -> Self {
        if let (Some(trouble), Some(reason)) = (self.trouble.as_mut(), reason) {
            trouble.insert_str(0, &format!("{reason}; "));
        }
        self
    }
}

/// Why a row tells a model nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotFinite,
    BeyondT,
    NotWhole,
    RepeatAtZero,
    NoRepeat,
    Weight,
    NoMoney,
    NoOpportunity,
    TooMany,
    TooLong,
    NoPeriod,
}

impl Fault {
    /// Every fault.
    const ALL: [Self; 11] = [
        Self::NotFinite,
        Self::BeyondT,
        Self::NotWhole,
        Self::RepeatAtZero,
        Self::NoRepeat,
        Self::Weight,
        Self::NoMoney,
        Self::NoOpportunity,
        Self::TooMany,
        Self::TooLong,
        Self::NoPeriod,
    ];

    /// In words, after a number of rows.
    fn text(self) -> &'static str {
        match self {
            Self::NotFinite => "negative or not finite",
            Self::BeyondT => "with a recency beyond t",
            Self::NotWhole => "with a count that is no whole number",
            Self::RepeatAtZero => "with a repeat purchase at recency 0",
            Self::NoRepeat => "with a recency but no repeat purchase",
            Self::Weight => "with a weight not above 0",
            Self::NoMoney => "with money not above 0",
            Self::NoOpportunity => "without a repeat purchase",
            Self::TooMany => "with more purchases than recency has room for",
            Self::NoPeriod => "who left before the first period was over",
            Self::TooLong => "with more than 1,000 opportunities",
        }
    }
}

/// Rows that were dropped, by fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults([i64; Fault::ALL.len()]);

impl Faults {
    /// How many counts there are.
    pub(crate) const MANY: usize = Fault::ALL.len();

    /// One row more.
    pub(crate) fn count(&mut self, fault: Fault) {
        self.add(Fault::ALL.iter().map(|of| i64::from(*of == fault)));
    }

    /// Adds counts in the order of [`Self::counts`].
    pub(crate) fn add(&mut self, counts: impl IntoIterator<Item = i64>) {
        self.0.iter_mut().zip(counts).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }

    pub(crate) fn counts(&self) -> &[i64] {
        &self.0
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
        assert_eq!(faults.text(), None);
        faults.count(Fault::BeyondT);
        assert_eq!(faults.text().as_deref(), Some("dropped 1 row: 1 with a recency beyond t"));
        let mut more = Faults::default();
        more.count(Fault::NotFinite);
        more.add(faults.counts().iter().copied());
        more.add(faults.counts().iter().copied());
        assert_eq!(more.total(), 3);
        assert_eq!(
            more.text().as_deref(),
            Some("dropped 3 rows: 1 negative or not finite, 2 with a recency beyond t")
        );
    }

    #[test]
    fn a_fit_that_has_not_converged_says_why() {
        let top =
            Top { parameters: [1.0, 2.0], ll: -3.0, log_se: None, iterations: 4, edge: [1, -1] };
        let told = Estimate::of(&top, ["a", "b"]).because(Some("nobody bought again"));
        assert_eq!(
            told.trouble.as_deref(),
            Some(
                "nobody bought again; there is no best model: the likelihood rises as long as a grows and b falls, here to e^±12"
            )
        );
        let fine = Top { log_se: Some([0.5, 0.25]), edge: [0, 0], ..top };
        let fine =
            Estimate::of(&fine, ["a", "b"]).because(Some("nobody bought again")).scaled(1, 10.0);
        assert_eq!(fine.trouble, None);
        assert_eq!(fine.se, Some(vec![0.5, 5.0]));
        assert_eq!(fine.parameters, [1.0, 20.0]);
    }
}
