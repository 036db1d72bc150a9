//! `coalesce(churned_at, '9999-12-31')`: a text beside times is a time. DataFusion (55.2) finds no type
//! for both.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::functions::core::coalesce::CoalesceFunc;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

/// DataFusion's `coalesce`, which takes times and texts together.
pub(crate) fn coalesce_udf() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Coalesce::default()))
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Coalesce(CoalesceFunc);

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.0.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.0.simplify(args, info)
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.0.conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        self.0.short_circuits()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types).or_else(|e| self.as_times(types).ok_or(e))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

impl Coalesce {
    /// The type of the times for all, if everything else is text.
    fn as_times(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        let others: Vec<DataType> = types.iter().filter(|ty| !ty.is_string()).cloned().collect();
        let time = self.0.coerce_types(&others).ok()?.into_iter().next()?;
        let is_time = matches!(time, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        is_time.then(|| vec![time; types.len()])
    }
}
