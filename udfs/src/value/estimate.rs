//! What every fit gives back: parameters, their standard errors, the likelihood and how it was
//! reached.

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

#[cfg(test)]
mod tests {
    use super::*;

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
