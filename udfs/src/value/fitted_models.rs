//! The models of one statement: customers who are fitted twice in it are fitted once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use datafusion::logical_expr::AggregateUDF;

use super::model_fit::{FitFunction, Fitted, Fitter, Options};
use super::rows::Rows;

/// More models than this are not kept.
const MOST: usize = 1024;

/// What one statement has fitted so far.
///
/// Customers are told apart by two keyed hashes of their figures, 128 bits, so that nothing of them is
/// kept.
#[derive(Debug, Default)]
pub struct FittedModels {
    keys: [RandomState; 2],
    models: Mutex<HashMap<[u64; 2], Model>>,
}

/// A model that somebody asked for: made once, by the first of them.
type Model = Arc<OnceLock<Option<Fitted>>>;

impl FittedModels {
    /// The model of `rows`, fitted if it is not there yet. Who asks for one that is being fitted waits.
    pub(super) fn get_or_fit(
        &self,
        fitter: &Fitter,
        options: &Options,
        rows: &mut Rows,
    ) -> Option<Fitted> {
        let key = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write(fitter.calls.name.as_bytes());
            hasher.write_u64(options.l2.to_bits());
            hasher.write_u64(options.k.map_or(u64::MAX, f64::to_bits));
            rows.hash_in_order(&mut hasher);
            hasher.finish()
        });
        let model = {
            let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            let room = models.len() < MOST;
            match models.get(&key) {
                Some(model) => Arc::clone(model),
                None if room => Arc::clone(models.entry(key).or_default()),
                None => Arc::default(),
            }
        };
        model.get_or_init(|| (fitter.fit)(rows, options)).clone()
    }
}

/// A fit of customers that looks among `models` first; `None`: the function is not one, or it has
/// models to look at already.
#[must_use]
pub fn fit_once(function: &AggregateUDF, models: &Arc<FittedModels>) -> Option<Arc<AggregateUDF>> {
    let fit = function.inner().downcast_ref::<FitFunction>()?;
    Some(Arc::new(AggregateUDF::from(fit.among(models)?)))
}

/// Whether a function is a fit of customers that has no models to look at yet.
#[must_use]
pub fn fits_alone(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<FitFunction>().is_some_and(FitFunction::is_alone)
}

#[cfg(test)]
mod tests {
    use super::super::bg_nbd_fit::FITTER as BG;
    use super::super::core::Customer;
    use super::super::mbg_nbd_fit::FITTER as MBG;
    use super::super::rows::Row;
    use super::*;

    fn rows(each: impl IntoIterator<Item = (f64, f64, f64)>) -> Rows {
        each.into_iter().map(|(x, tx, t)| Row::one(Customer { x, tx, t })).collect()
    }

    #[test]
    fn the_same_customers_in_any_order_are_fitted_once_and_others_anew() {
        let models = FittedModels::default();
        let none = Options::default();
        let some = [(1.0, 10.0, 40.0), (0.0, 0.0, 40.0), (3.0, 30.5, 40.0), (0.0, 0.0, 12.0)];
        let mut there = vec![];
        for (fitter, options, mut rows) in [
            (&BG, none, rows(some)),
            (&BG, none, rows(some.into_iter().rev())),
            (&MBG, none, rows(some)),
            (&BG, Options { l2: 0.1, ..none }, rows(some)),
            (&BG, none, rows(some.into_iter().take(3))),
            (&BG, none, rows(some.into_iter().chain([some[1]]))),
            (&BG, none, rows([])),
        ] {
            let got = models.get_or_fit(fitter, &options, &mut rows);
            let want = (fitter.fit)(&mut rows, &options);
            assert_eq!(got.map(|f| f.estimate), want.map(|f| f.estimate));
            there.push(models.models.lock().unwrap().len());
        }
        assert_eq!(there, [1, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let models = FittedModels::default();
        for i in 0..MOST + 5 {
            let mut rows = rows([(0.0, 0.0, i as f64)]);
            assert!(models.get_or_fit(&BG, &Options::default(), &mut rows).is_some());
        }
        assert_eq!(models.models.lock().unwrap().len(), MOST);
    }
}
