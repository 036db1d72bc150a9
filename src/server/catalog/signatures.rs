//! What a function takes and gives, in PostgreSQL's types.
//!
//! A function tells the type of its answer from the types of its arguments, so it is asked: with
//! NULLs, of which it says what they are cast to, then with the STRUCTs that other functions give,
//! which is what models, summaries and scores are. A type that stays open is one of PostgreSQL's
//! pseudo-types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::execution::SessionState;
use datafusion::logical_expr::function::WindowUDFFieldArgs;
use datafusion::logical_expr::{
    AggregateUDF, ReturnFieldArgs, ScalarUDF, Signature, TypeSignature, WindowUDF,
};
use pgwire::api::Type;

use crate::server::types::pg_type;
use crate::{FunctionInfo, FunctionKind};

/// Arguments that a function without names for them is tried with.
const MOST: usize = 8;

/// What a function takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    /// names and types of the arguments, of functions that name them
    pub(super) takes: Vec<(String, Type)>,
    /// so many of them have no default
    pub(super) least: usize,
    pub(super) gives: Type,
}

/// A function that can be asked.
enum Function {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
}

/// Types of arguments, as the function casts them, and of the answer.
type Call = (Vec<DataType>, DataType);

impl Function {
    fn find(state: &SessionState, info: &FunctionInfo) -> Option<Self> {
        let name = info.name.as_str();
        match info.kind {
            FunctionKind::Scalar => state.scalar_functions().get(name).cloned().map(Self::Scalar),
            FunctionKind::Aggregate => {
                state.aggregate_functions().get(name).cloned().map(Self::Aggregate)
            }
            FunctionKind::Window => state.window_functions().get(name).cloned().map(Self::Window),
            FunctionKind::Table => None,
        }
    }

    fn signature(&self) -> &Signature {
        match self {
            Self::Scalar(f) => f.signature(),
            Self::Aggregate(f) => f.signature(),
            Self::Window(f) => f.signature(),
        }
    }

    /// What a call with these types is; none if it cannot be meant.
    fn call(&self, types: &[DataType]) -> Option<Call> {
        let types = if self.signature().type_signature == TypeSignature::UserDefined {
            match self {
                Self::Scalar(f) => f.coerce_types(types),
                Self::Aggregate(f) => f.coerce_types(types),
                Self::Window(f) => f.coerce_types(types),
            }
            .ok()?
        } else {
            types.to_vec()
        };
        let fields: Vec<FieldRef> =
            types.iter().map(|ty| Arc::new(Field::new("", ty.clone(), true))).collect();
        let answer = match self {
            Self::Scalar(f) => f.return_field_from_args(ReturnFieldArgs {
                arg_fields: &fields,
                scalar_arguments: &vec![None; fields.len()],
            }),
            Self::Aggregate(f) => f.return_field(&fields),
            Self::Window(f) => f.field(WindowUDFFieldArgs::new(&fields, f.name())),
        };
        Some((types, answer.ok()?.data_type().clone()))
    }

    /// The first call that can be meant, the longest before shorter ones.
    fn first_call(&self, structs: &[DataType]) -> Option<Call> {
        let lengths: Vec<usize> = match &self.signature().parameter_names {
            Some(names) => (0..=names.len()).rev().collect(),
            None => (1..=MOST).collect(),
        };
        let nulls = |n: usize| vec![DataType::Null; n];
        if let Some(call) = lengths.iter().find_map(|n| self.call(&nulls(*n))) {
            return Some(call);
        }
        let with = |n: usize, at: usize, ty: &DataType| {
            let mut types = nulls(n);
            types.splice(at..=at, [ty.clone()]);
            types
        };
        let of_structs = lengths.iter().find_map(|n| {
            (0..*n).find_map(|at| structs.iter().find_map(|ty| self.call(&with(*n, at, ty))))
        });
        of_structs.or_else(|| typed().iter().find_map(|types| self.call(types)))
    }

    /// The calls that the function's own signature names.
    fn example_calls(&self) -> Vec<Call> {
        let examples = self.signature().type_signature.get_example_types();
        examples.iter().filter_map(|types| self.call(types)).collect()
    }

    /// How few arguments can be given.
    fn least(&self, call: &[DataType]) -> usize {
        let shorter = |n: &usize| call.get(..*n).is_some_and(|types| self.call(types).is_some());
        (0..call.len()).find(shorter).unwrap_or(call.len())
    }

    /// The shape of one of Tenure's functions, which can be asked anything.
    fn own_shape(&self, structs: &[DataType]) -> Shape {
        let Some((types, gives)) = self.first_call(structs) else {
            return gives_only(Type::ANYELEMENT);
        };
        let least = self.least(&types);
        let names = self.signature().parameter_names.clone().unwrap_or_default();
        let takes = names.into_iter().zip(types.iter().map(told)).collect();
        Shape { takes, least, gives: told(&gives) }
    }

    /// The shape of one of DataFusion's: one answer for all types of arguments, or one that follows
    /// them.
    fn other_shape(&self) -> Shape {
        let mut gives: Vec<Type> =
            self.example_calls().iter().map(|(_, gives)| told(gives)).collect();
        gives.dedup();
        match gives.as_slice() {
            [one] => gives_only(one.clone()),
            _ => gives_only(Type::ANYELEMENT),
        }
    }
}

/// Arguments of functions that do not take NULL for all: of a length of time or a direction, a time,
/// and conditions.
fn typed() -> Vec<Vec<DataType>> {
    let (length, text) = (DataType::Interval(IntervalUnit::MonthDayNano), DataType::Utf8);
    let (time, condition) = (DataType::Timestamp(TimeUnit::Microsecond, None), DataType::Boolean);
    let conditions = DataType::new_list(DataType::Boolean, true);
    vec![
        vec![length.clone(), time.clone(), condition.clone()],
        vec![length, text.clone(), time.clone(), conditions],
        vec![text.clone(), text.clone(), time, text, condition],
    ]
}

fn gives_only(gives: Type) -> Shape {
    Shape { takes: vec![], least: 0, gives }
}

/// A type as PostgreSQL calls it; what is open in it is a pseudo-type.
fn told(ty: &DataType) -> Type {
    match ty {
        DataType::Null => Type::ANYELEMENT,
        DataType::List(item) | DataType::LargeList(item) if item.data_type().is_null() => {
            Type::ANYARRAY
        }
        ty => pg_type(ty),
    }
}

/// The shapes of functions; of one in FROM, that it gives rows.
pub(super) fn shapes(state: &SessionState, functions: &[FunctionInfo]) -> Vec<Shape> {
    let found: Vec<(&FunctionInfo, Option<Function>)> =
        functions.iter().map(|info| (info, Function::find(state, info))).collect();
    // what those of Tenure's functions give that need nothing else
    let own = found.iter().filter(|(info, _)| info.tenure).filter_map(|(_, f)| f.as_ref());
    let mut structs: Vec<DataType> = vec![];
    for (_, gives) in own.filter_map(|f| f.first_call(&[])) {
        if matches!(gives, DataType::Struct(_)) && !structs.contains(&gives) {
            structs.push(gives);
        }
    }
    found
        .iter()
        .map(|(info, function)| match function {
            Some(function) if info.tenure => function.own_shape(&structs),
            Some(function) => function.other_shape(),
            None => gives_only(Type::RECORD),
        })
        .collect()
}
