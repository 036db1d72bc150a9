//! What only a match can tell, as functions in ordinary expressions.
//!
//! `a.amount > prev(amount)` becomes an expression over the columns of the relation in which calls
//! of these functions stand for values of other rows, so that DataFusion's own rules find types,
//! fill in parameters and simplify. The operator takes them out again; none is ever called.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

/// Which row of a match: the `offset`-th from the first or last one that was taken as one of
/// `variables`, and from it `shift` rows on in the partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// in order; all of them if `name` is empty
    pub variables: Vec<usize>,
    /// of the variable or subset, as it is shown
    pub name: String,
    pub first: bool,
    pub offset: usize,
    /// of the rows up to the current one, rather than of the whole match
    pub running: bool,
    pub shift: i64,
}

impl Place {
    /// Whether it is the current row, or one at a fixed distance, when that is taken as `variable`.
    pub(crate) fn is_near(&self, variable: usize) -> bool {
        !self.first
            && self.offset == 0
            && (self.name.is_empty() || self.variables.contains(&variable))
    }

    fn written(&self, inner: &str) -> String {
        let mut out = if self.name.is_empty() {
            inner.to_string()
        } else if is_name(inner) {
            format!("{}.{inner}", self.name)
        } else {
            format!("{}: {inner}", self.name)
        };
        if self.first || self.offset > 0 || !self.running {
            let (call, running) = (
                if self.first { "first" } else { "last" },
                if self.running { "" } else { "final " },
            );
            out = match self.offset {
                0 => format!("{running}{call}({out})"),
                n => format!("{running}{call}({out}, {n})"),
            };
        }
        match (self.shift.signum(), self.shift.unsigned_abs()) {
            (-1, 1) => format!("prev({out})"),
            (-1, n) => format!("prev({out}, {n})"),
            (1, 1) => format!("next({out})"),
            (1, n) => format!("next({out}, {n})"),
            _ => out,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// What only a match can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// the argument at a row
    Value(Place),
    /// the variable that a row was taken as
    Classifier(Place),
    MatchNumber,
    /// the argument, an aggregate, over the rows that were taken as one of the variables
    Aggregate {
        variables: Vec<usize>,
        name: String,
        running: bool,
    },
}

/// [`Told`] as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Marker {
    pub told: Told,
    signature: Signature,
}

impl Told {
    /// As an expression; `inner` is what is asked for.
    pub(crate) fn expr(self, inner: Vec<Expr>) -> Expr {
        let signature = Signature::one_of(
            vec![TypeSignature::Any(1), TypeSignature::Nullary],
            // a constant at a row that is not there is NULL
            Volatility::Volatile,
        );
        ScalarUDF::from(Marker { told: self, signature }).call(inner)
    }

    fn written(&self, args: &[String]) -> String {
        let inner = args.first().map_or("", String::as_str);
        match self {
            Self::Value(place) => place.written(inner),
            Self::Classifier(place) => place.written("classifier()"),
            Self::MatchNumber => "match_number()".to_string(),
            Self::Aggregate { name, running, .. } => {
                let running = if *running { "" } else { "final " };
                let shown = match inner.split_once('(') {
                    _ if name.is_empty() => inner.to_string(),
                    // count(a.*)
                    Some((call, "1)" | "Int64(1))" | "*)")) => format!("{call}({name}.*)"),
                    Some((call, rest)) if is_name(rest.trim_end_matches(')')) => {
                        format!("{call}({name}.{rest}")
                    }
                    _ => format!("{name}: {inner}"),
                };
                format!("{running}{shown}")
            }
        }
    }

    /// As it is shown.
    pub(crate) fn shown(&self, inner: &[Expr]) -> String {
        self.written(&inner.iter().map(|e| e.human_display().to_string()).collect::<Vec<_>>())
    }

    /// What an expression asks of a match, if it does, and of what.
    pub(crate) fn of(expr: &Expr) -> Option<(&Self, &[Expr])> {
        let Expr::ScalarFunction(call) = expr else { return None };
        let marker = call.func.inner().downcast_ref::<Marker>()?;
        Some((&marker.told, &call.args))
    }
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &'static str {
        match &self.told {
            Told::Value(_) => "row_pattern_value",
            Told::Classifier(_) => "classifier",
            Told::MatchNumber => "match_number",
            Told::Aggregate { .. } => "row_pattern_aggregate",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(|e| e.schema_name().to_string()).collect();
        Ok(self.told.written(&args))
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match (&self.told, args) {
            (Told::Value(_) | Told::Aggregate { .. }, [ty]) => Ok(ty.clone()),
            (Told::Classifier(_), []) => Ok(DataType::Utf8),
            (Told::MatchNumber, []) => Ok(DataType::Int64),
            _ => internal_err!("{} cannot be called", self.name()),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Field::new(self.name(), self.return_type(&types)?, true).into())
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} outside MATCH_RECOGNIZE", self.name())
    }
}
