//! A scalar function on paths from what is its own.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringBuilder};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::args::{self, Param};

/// What is a function's own. Its first parameter is the path.
pub(super) trait PathFunction:
    Debug + Default + PartialEq + Eq + Hash + Send + Sync + 'static
{
    const NAME: &'static str;
    const PARAMS: &'static [Param];

    /// The type of the answer.
    fn answer() -> DataType;

    /// Looks at constants while the call is planned.
    fn check(_args: &[Expr]) -> Result<()> {
        Ok(())
    }

    /// The answers, NULL where [`Paths::iter`] has no path. `others` are the other arguments, a value
    /// for each path.
    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef>;

    fn documentation(&self) -> Option<&Documentation>;
}

/// The scalar function.
pub(super) fn udf<F: PathFunction>() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(PathUdf::<F> {
        function: F::default(),
        signature: args::signature(F::PARAMS),
    }))
}

/// A list of steps.
pub(super) fn path_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PathUdf<F> {
    function: F,
    signature: Signature,
}

impl<F: PathFunction> ScalarUDFImpl for PathUdf<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = args::coerce(F::NAME, F::PARAMS, types)?;
        if let Some(path) = out.first_mut() {
            let is_path = match &path {
                DataType::List(item)
                | DataType::LargeList(item)
                | DataType::FixedSizeList(item, _) => !item.data_type().is_nested(),
                DataType::Null => true,
                _ => false,
            };
            if !is_path {
                return plan_err!(
                    "{}: path must be a list of steps such as ['home', 'cart'], got {path}; it is called {}",
                    F::NAME,
                    args::usage(F::NAME, F::PARAMS)
                );
            }
            *path = path_type();
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(F::answer())
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        F::check(&given)?;
        args::complete_scalar(F::PARAMS, given, info, |full| udf::<F>().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = call.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [paths, others @ ..] = arrays.as_slice() else {
            return internal_err!("{} has a path", F::NAME);
        };
        let answers = F::invoke(&Paths::new(paths, others), others)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?));
        }
        Ok(ColumnarValue::Array(answers))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// The paths of a batch.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    lists: &'a ListArray,
    /// rows where no argument is NULL
    given: Option<NullBuffer>,
}

impl<'a> Paths<'a> {
    fn new(paths: &'a ArrayRef, others: &[ArrayRef]) -> Self {
        let given = others.iter().fold(paths.nulls().cloned(), |all, other| {
            NullBuffer::union(all.as_ref(), other.nulls())
        });
        Self { lists: paths.as_list::<i32>(), given }
    }

    /// Each row's path; none where an argument is NULL.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Option<Vec<Option<&'a str>>>)> {
        let steps = self.lists.values().as_string::<i32>();
        self.lists.value_offsets().windows(2).enumerate().map(move |(row, ends)| {
            let given = self.given.as_ref().is_none_or(|g| g.is_valid(row));
            let &[from, to] = ends else { return (row, None) };
            let range =
                usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
            let path = range.map(|i| steps.is_valid(i).then(|| steps.value(i))).collect();
            (row, given.then_some(path))
        })
    }

    /// Each path changed; NULL where an argument is.
    pub(super) fn change<S: AsRef<str>>(
        &self,
        mut change: impl FnMut(usize, Vec<Option<&'a str>>) -> Result<Vec<Option<S>>>,
    ) -> Result<ArrayRef> {
        let mut steps = StringBuilder::new();
        let mut lengths = Vec::with_capacity(self.lists.len());
        for (row, path) in self.iter() {
            let path = path.map_or_else(|| Ok(vec![]), |path| change(row, path))?;
            lengths.push(path.len());
            for step in path {
                steps.append_option(step);
            }
        }
        let DataType::List(item) = path_type() else { return internal_err!("a path is a list") };
        let offsets = OffsetBuffer::from_lengths(lengths);
        let steps = Arc::new(steps.finish());
        Ok(Arc::new(ListArray::try_new(item, offsets, steps, self.given.clone())?))
    }
}
