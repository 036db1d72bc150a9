//! From logical to physical plans: DataFusion's planner, and the nodes that are Tenure's own.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::match_recognize::MatchRecognizePlanner;
use super::unnest_keys::NoKeysPlanner;

/// The planner of every statement.
#[derive(Debug, Default)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![
            Arc::new(NoKeysPlanner),
            Arc::new(MatchRecognizePlanner),
        ])
        .create_physical_plan(plan, session)
        .await
    }
}
