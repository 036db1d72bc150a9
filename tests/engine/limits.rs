//! Statements beyond the limits are refused at once, and memory has an end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use futures::TryStreamExt;
use tenure::{ErrorKind, Tenure, limits};

use super::{empty, error, value};

/// Debug builds on busy machines included; what is not refused takes minutes or the stack.
const AT_ONCE: Duration = Duration::from_secs(5);

fn repeated(part: &str, times: usize, between: &str) -> String {
    vec![part; times].join(between)
}

#[tokio::test]
async fn what_is_too_long_too_deep_or_too_chained_is_refused_at_once() {
    let tenure = empty().await;
    let deep = |n: usize| format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n));
    for (what, sql) in [
        ("10,000 ORs", format!("SELECT 1 WHERE {}", repeated("1 = 2", 10_000, " OR "))),
        ("10,000 additions", format!("SELECT {}", repeated("1", 10_000, "+"))),
        ("10,000 negations", format!("SELECT {} true", repeated("NOT", 10_000, " "))),
        ("300 parentheses", deep(300)),
        ("300 brackets", format!("SELECT {}1{}", "[".repeat(300), "]".repeat(300))),
        (
            "300 subqueries",
            format!("SELECT * FROM {}SELECT 1{}", "(SELECT * FROM (".repeat(150), "))".repeat(150)),
        ),
        ("10,000 UNIONs", repeated("SELECT 1", 10_000, " UNION ALL ")),
        ("2 MB", format!("SELECT '{}'", "x".repeat(2 << 20))),
        ("a million values", format!("SELECT 1 WHERE 1 IN ({})", repeated("1", 1_000_000, ","))),
    ] {
        let start = Instant::now();
        let e = error(&tenure, &sql).await;
        assert_eq!(e.kind(), ErrorKind::TooComplex, "{what}: {e}");
        assert!(e.hint().is_some(), "{what}");
        assert!(start.elapsed() < AT_ONCE, "{what}: {:?}", start.elapsed());
        assert!(e.to_string().len() < 200, "{what}: {e}");
    }
}

#[tokio::test]
async fn what_is_within_the_limits_runs() {
    let tenure = empty().await;
    let deep = limits::MAX_NESTING;
    let sql = format!("SELECT {}1{} AS n", "(".repeat(deep), ")".repeat(deep));
    assert_eq!(value(&tenure, &sql).await, "1");
    let half = deep / 2;
    let sql = format!("{}SELECT 1 AS n{}", "SELECT * FROM (".repeat(half), ")".repeat(half));
    assert_eq!(value(&tenure, &sql).await, "1");
    let sql = format!("SELECT {}1{} AS n", "abs(1 + ".repeat(half), ")".repeat(half));
    assert_eq!(value(&tenure, &sql).await, (half + 1).to_string());
    let chain = repeated("1", limits::MAX_OPERATORS / 2, " + ");
    assert_eq!(
        value(&tenure, &format!("SELECT {chain} AS n")).await,
        (limits::MAX_OPERATORS / 2).to_string()
    );
    let list = repeated("7", 20_000, ", ");
    assert_eq!(value(&tenure, &format!("SELECT 7 IN ({list}) AS found")).await, "true");
}

#[tokio::test]
async fn the_place_of_an_error_is_where_the_limit_was_crossed() {
    let tenure = empty().await;
    let e = error(&tenure, &format!("SELECT\n{}1{}", "(".repeat(300), ")".repeat(300))).await;
    let place = e.place().unwrap();
    assert_eq!((place.line, place.column), (2, limits::MAX_NESTING + 1));
}

async fn session(memory: usize, folder: &Path) -> Tenure {
    Tenure::builder()
        .as_of("2012-01-01")
        .threads(2)
        .memory_limit(memory)
        .spill_dir(folder)
        .build()
        .await
        .unwrap()
}

/// The aggregates of a plan, the topmost first.
fn aggregates(plan: &Arc<dyn ExecutionPlan>) -> Vec<&AggregateExec> {
    let below = plan.children().into_iter().flat_map(aggregates);
    plan.downcast_ref::<AggregateExec>().into_iter().chain(below).collect()
}

/// How often the operators of a plan spilled.
pub(super) fn spilled(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|m| m.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(spilled).sum::<usize>()
}

/// Sorted lines of an answer, whose aggregation must be in `mode`, and how often it spilled.
async fn spills(tenure: &Tenure, sql: &str, mode: AggregateMode) -> (Vec<String>, usize) {
    let answer = tenure.run(sql).await.unwrap();
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await.unwrap();
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<String> = table.lines().map(String::from).collect();
    lines.sort_unstable();
    let all = aggregates(&answer.plan);
    assert_eq!(all.first().map(|a| *a.mode()), Some(mode), "{sql}");
    (lines, spilled(&answer.plan))
}

/// 100,000 events of 20,000 customers, those of a customer far from each other.
const EVENTS: &str = "(SELECT value * 7919 % 20000 AS c, to_timestamp_seconds(1293840000 + value * 211) AS ts, CAST(value % 701 AS DOUBLE) / 7 AS amount, make_array('purchase', 'return')[1 + value % 2] AS kind FROM range(0, 100000))";

#[tokio::test]
async fn many_customers_spill_and_the_answer_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (large, small) =
        (session(1 << 30, folder.path()).await, session(3 << 20, folder.path()).await);
    // sequences go through one stage, what is small through two
    for (calls, mode) in [
        ("customer_summary(ts, amount)", AggregateMode::SinglePartitioned),
        ("frequency(ts), monetary(amount)", AggregateMode::SinglePartitioned),
        ("turning_points(ts, kind, amount)", AggregateMode::SinglePartitioned),
        ("recency(ts), monetary(amount), count(DISTINCT kind)", AggregateMode::FinalPartitioned),
    ] {
        let sql = format!("SELECT c, {calls} FROM {EVENTS} GROUP BY c");
        let (want, none) = spills(&large, &sql, mode).await;
        let (got, some) = spills(&small, &sql, mode).await;
        assert!(none == 0 && some > 0, "{sql}: {none} and {some} spills");
        assert_eq!(want.len(), 20_000 + 4, "{sql}");
        assert!(want == got, "{sql}");
    }
}

#[tokio::test]
async fn one_giant_customer_is_a_memory_error_and_the_session_lives() {
    let folder = tempfile::tempdir().unwrap();
    let tenure = session(16 << 20, folder.path()).await;
    // what one group holds cannot be spilled in parts: the functions account for it
    let ts = "arrow_cast(value * 60, 'Timestamp(Second, None)')";
    for sql in [
        format!("SELECT customer_summary({ts}, 1.0).orders FROM range(0, 1000000)"),
        format!(
            "SELECT c, customer_summary(ts, 1.0).orders FROM (SELECT concat('all', value % 1) AS c, {ts} AS ts FROM range(0, 1000000)) GROUP BY c"
        ),
    ] {
        let e = error(&tenure, &sql).await;
        assert_eq!(e.kind(), ErrorKind::Memory, "{sql}: {e}");
        assert!(e.hint().is_some_and(|h| h.contains("memory limit")), "{sql}: {:?}", e.hint());
        assert_eq!(value(&tenure, "SELECT 1").await, "1");
    }
    let left = walk(folder.path());
    drop(tenure);
    assert!(left.is_empty(), "temporary files of finished statements: {left:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path) }
    }
    out
}
