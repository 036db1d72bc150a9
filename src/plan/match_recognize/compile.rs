//! From the logical node to what the operator runs.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, internal_err};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, UserDefinedLogicalNode,
};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::MatchRecognizeExec;
use super::marker::{Place, Told};
use super::node::{MatchRecognize, Output, Rows, Skip};
use super::program::Program;
use super::slots::{Aggregate, Asked, At, Slot};

/// What the operator runs; columns are those of the input and then [`Self::values`].
#[derive(Debug)]
pub(crate) struct Compiled {
    pub program: Program,
    /// names of the variables
    pub names: Vec<String>,
    /// sets of variables whose rows the path keeps
    pub sets: Vec<Vec<usize>>,
    /// what is computed of each row beside the columns of the input
    pub values: Vec<Arc<dyn PhysicalExpr>>,
    /// the input with the values
    pub schema: SchemaRef,
    /// columns
    pub keys: Vec<usize>,
    /// columns
    pub order: Vec<usize>,
    /// for each variable
    pub conditions: Vec<Condition>,
    pub measures: Asked,
    pub outputs: Vec<Source>,
    pub rows: Rows,
    pub skip: SkipTo,
    pub summary: String,
}

/// What a variable asks of its rows.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    /// of the row and rows at a fixed distance: asked once for every row
    pub near: Option<Asked>,
    /// comparisons of two rows of the match so far: asked while matching
    pub compared: Vec<Compared>,
    /// what else it asks of the match so far
    pub looking: Option<Asked>,
}

impl Condition {
    /// Whether it asks anything of the match so far.
    pub(crate) fn looks(&self) -> bool {
        !self.compared.is_empty() || self.looking.is_some()
    }
}

/// A column at one row compared with a column at another: it takes no batch to tell.
#[derive(Debug)]
pub(crate) struct Compared {
    pub left: (usize, At),
    pub op: Operator,
    pub right: (usize, At),
}

/// Where a column of the answer comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Column(usize),
    Measure(usize),
}

/// [`Skip`] with the set of its variables.
#[derive(Debug)]
pub(crate) enum SkipTo {
    PastLast,
    Next,
    To { set: usize, name: String, first: bool },
}

struct Compiler<'a> {
    planner: &'a dyn PhysicalPlanner,
    session: &'a dyn Session,
    context: &'a PhysicalPlanningContext,
    schema: &'a DFSchema,
    /// written for `schema`, in the order of the columns after those of the input
    computed: Vec<Expr>,
    sets: Vec<Vec<usize>>,
}

impl Compiler<'_> {
    fn physical(&self, e: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        self.planner.create_physical_expr(e, schema, self.session, self.context)
    }

    /// The column of the chunk that an expression over the input is.
    fn column(&mut self, e: &Expr) -> Result<usize> {
        let width = self.schema.fields().len();
        if let Expr::Column(column) = e {
            return self.schema.index_of_column(column);
        }
        if let Some(number) = self.computed.iter().position(|known| known == e) {
            return Ok(width + number);
        }
        self.computed.push(e.clone());
        Ok(width + self.computed.len() - 1)
    }

    /// The set of a place's variables; `None`: all.
    fn set(&mut self, place: &Place) -> Option<usize> {
        (!place.name.is_empty()).then(|| self.set_of(&place.variables))
    }

    fn set_of(&mut self, variables: &[usize]) -> usize {
        match self.sets.iter().position(|set| *set == variables) {
            Some(set) => set,
            None => self.own_set(variables),
        }
    }

    fn own_set(&mut self, variables: &[usize]) -> usize {
        self.sets.push(variables.to_vec());
        self.sets.len() - 1
    }

    fn at(&mut self, place: &Place) -> At {
        At {
            set: self.set(place),
            first: place.first,
            offset: place.offset,
            running: place.running,
            shift: place.shift,
        }
    }

    fn slot(&mut self, told: &Told, inner: &[Expr], all: &[usize]) -> Result<Slot> {
        Ok(match (told, inner) {
            (Told::Value(place), [inner]) => {
                Slot::Value { column: self.column(inner)?, at: self.at(place) }
            }
            (Told::Classifier(place), _) => Slot::Classifier(self.at(place)),
            (Told::MatchNumber, _) => Slot::MatchNumber,
            (Told::Aggregate { variables, name, running }, [Expr::AggregateFunction(call)]) => {
                let everything = name.is_empty();
                let counts_rows = call.func.name() == "count"
                    && !call.params.distinct
                    && matches!(call.params.args.as_slice(), [Expr::Literal(v, _)] if !v.is_null());
                if counts_rows {
                    let set = (!everything).then(|| self.set_of(variables));
                    return Ok(Slot::Count { set, running: *running });
                }
                let [inner] = inner else { return internal_err!("an aggregate of nothing") };
                let props = self.session.execution_props();
                let lowered = LoweredAggregateBuilder::new(
                    inner,
                    self.schema,
                    self.schema.as_arrow(),
                    props,
                    self.context,
                )
                .build()?;
                let arguments = call
                    .params
                    .args
                    .iter()
                    .map(|argument| self.column(argument))
                    .collect::<Result<_>>()?;
                let set = self.own_set(if everything { all } else { variables });
                let aggregate = Aggregate { function: lowered.aggregate, arguments, set };
                Slot::Aggregate { aggregate, running: *running }
            }
            _ => return internal_err!("{told:?} of {} arguments", inner.len()),
        })
    }

    /// Expressions with slots in place of what is told.
    fn asked(&mut self, exprs: &[Expr], all: &[usize]) -> Result<Asked> {
        let mut slots: Vec<Slot> = vec![];
        let mut known: Vec<Expr> = vec![];
        let mut fields: Vec<FieldRef> = vec![];
        let mut over_slots = vec![];
        for e in exprs {
            let replaced = e.clone().transform_down(|e| {
                let Some((told, inner)) = Told::of(&e) else { return Ok(Transformed::no(e)) };
                let number = match known.iter().position(|k| *k == e) {
                    Some(number) => number,
                    None => {
                        slots.push(self.slot(told, inner, all)?);
                        let ty = e.get_type(self.schema)?;
                        fields.push(Field::new(format!("#{}", known.len()), ty, true).into());
                        known.push(e.clone());
                        known.len() - 1
                    }
                };
                let column = Expr::Column(Column::new_unqualified(format!("#{number}")));
                Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
            });
            over_slots.push(replaced.data()?);
        }
        let schema = DFSchema::new_with_metadata(
            fields.into_iter().map(|f| (None, f)).collect(),
            Default::default(),
        )?;
        let exprs =
            over_slots.iter().map(|e| self.physical(e, &schema)).collect::<Result<Vec<_>>>()?;
        Ok(Asked { slots, schema: Arc::clone(schema.inner()), exprs })
    }

    /// A condition, parted into what needs no match and what does.
    fn condition(&mut self, variable: usize, e: &Expr, all: &[usize]) -> Result<Condition> {
        let mut near = vec![];
        let mut compared = vec![];
        let mut looking = vec![];
        for part in split_conjunction(e) {
            let mut is_near = true;
            part.apply(|e| {
                if let Some((told, _)) = Told::of(e) {
                    is_near &= matches!(told, Told::Value(place) if place.is_near(variable));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            if is_near {
                near.push(part.clone());
            } else {
                match self.compared(part)? {
                    Some(comparison) => compared.push(comparison),
                    None => looking.push(part.clone()),
                }
            }
        }
        let mut asked = |parts: Vec<Expr>| match conjunction(parts) {
            Some(e) => self.asked(&[e], all).map(Some),
            None => Ok(None),
        };
        Ok(Condition { near: asked(near)?, compared, looking: asked(looking)? })
    }

    /// A comparison of two values of one type that has an order.
    fn compared(&mut self, e: &Expr) -> Result<Option<Compared>> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = e else { return Ok(None) };
        let (Some((Told::Value(from), [a])), Some((Told::Value(to), [b]))) =
            (Told::of(left), Told::of(right))
        else {
            return Ok(None);
        };
        let ty = a.get_type(self.schema)?;
        let ordered = ty.is_numeric() || ty.is_temporal() || ty.is_string();
        if !(ordered && ty == b.get_type(self.schema)? && is_comparison(*op)) {
            return Ok(None);
        }
        Ok(Some(Compared {
            left: (self.column(a)?, self.at(from)),
            op: *op,
            right: (self.column(b)?, self.at(to)),
        }))
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// Plans [`MatchRecognize`] as [`MatchRecognizeExec`].
#[derive(Debug)]
pub(crate) struct MatchRecognizePlanner;

#[async_trait]
impl ExtensionPlanner for MatchRecognizePlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(node), Some(input)) =
            (node.as_any().downcast_ref::<MatchRecognize>(), physical_inputs.first())
        else {
            return Ok(None);
        };
        let exec = plan(planner, node, input, session, context)?;
        Ok(Some(Arc::new(exec)))
    }
}

fn plan(
    planner: &dyn PhysicalPlanner,
    node: &MatchRecognize,
    input: &Arc<dyn ExecutionPlan>,
    session: &dyn Session,
    context: &PhysicalPlanningContext,
) -> Result<MatchRecognizeExec> {
    let schema: &DFSchema = node.input.schema();
    let search = &node.search;
    let variables = search.variables.len();
    let all: Vec<usize> = (0..variables).collect();
    let mut compiler =
        Compiler { planner, session, context, schema, computed: vec![], sets: vec![] };

    let keys: Vec<usize> =
        node.partition_by.iter().map(|e| compiler.column(e)).collect::<Result<_>>()?;
    let order: Vec<usize> =
        node.order_by.iter().map(|key| compiler.column(&key.expr)).collect::<Result<_>>()?;
    let mut conditions: Vec<Condition> = all.iter().map(|_| Condition::default()).collect();
    for (variable, e) in &node.conditions {
        if let Some(place) = conditions.get_mut(*variable) {
            *place = compiler.condition(*variable, e, &all)?;
        }
    }
    let measures: Vec<Expr> = node.measures.iter().map(|(_, e)| e.clone()).collect();
    let measures = compiler.asked(&measures, &all)?;
    let skip = match &search.skip {
        Skip::PastLast => SkipTo::PastLast,
        Skip::ToNext => SkipTo::Next,
        Skip::To { variables, name, first } => {
            SkipTo::To { set: compiler.set_of(variables), name: name.clone(), first: *first }
        }
    };
    let outputs = node
        .outputs
        .iter()
        .map(|output| {
            Ok(match output {
                Output::Key(number) => match keys.get(*number) {
                    Some(column) => Source::Column(*column),
                    None => return internal_err!("no key {number}"),
                },
                Output::Column(name) => {
                    Source::Column(schema.index_of_column(&Column::new_unqualified(name.as_str()))?)
                }
                Output::Measure(number) => Source::Measure(*number),
            })
        })
        .collect::<Result<_>>()?;

    let values = compiler
        .computed
        .iter()
        .map(|e| compiler.physical(e, schema))
        .collect::<Result<Vec<_>>>()?;
    let input_schema = input.schema();
    let mut fields: Vec<FieldRef> = input_schema.fields().iter().map(Arc::clone).collect();
    for (number, e) in values.iter().enumerate() {
        let field = e.return_field(&input_schema)?;
        fields.push(field.as_ref().clone().with_name(format!("#{number}")).into());
    }
    let key_exprs =
        node.partition_by.iter().map(|e| compiler.physical(e, schema)).collect::<Result<_>>()?;
    let order_exprs = node
        .order_by
        .iter()
        .map(|key| {
            let options = SortOptions { descending: !key.asc, nulls_first: key.nulls_first };
            Ok(PhysicalSortExpr::new(compiler.physical(&key.expr, schema)?, options))
        })
        .collect::<Result<_>>()?;
    let compiled = Compiled {
        program: search.program()?,
        names: search.variables.all_shown(),
        sets: compiler.sets,
        values,
        schema: Arc::new(Schema::new(fields)),
        keys,
        order,
        conditions,
        measures,
        outputs,
        rows: search.rows,
        skip,
        summary: node.summary(),
    };
    let out: SchemaRef = Arc::clone(node.schema_ref().inner());
    MatchRecognizeExec::try_new(Arc::clone(input), Arc::new(compiled), key_exprs, order_exprs, out)
}
