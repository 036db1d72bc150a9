//! `MATCH_RECOGNIZE` against a twin that follows the words of the standard: random patterns over
//! random customers with ties and NULLs, for any split of the rows.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use datafusion::datasource::MemTable;
use datafusion::prelude::col;
use tenure::Tenure;

use crate::support::rows;

/// Numbers that depend on the seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 11).unwrap() % sides
    }

    fn index(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll(i64::try_from(sides).unwrap())).unwrap()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    c: Option<i64>,
    ts: i64,
    v: Option<i64>,
    w: f64,
}

/// Of a pattern; variables are a, b and d.
#[derive(Debug, Clone)]
enum Pattern {
    Variable(usize),
    Start,
    End,
    Sequence(Vec<Pattern>),
    Either(Vec<Pattern>),
    Excluded(Box<Pattern>),
    Permute,
    Repeat { what: Box<Pattern>, least: usize, most: Option<usize>, greedy: bool },
}

const NAMES: [&str; 3] = ["a", "b", "d"];
/// The subset u.
const SUBSET: [usize; 2] = [0, 1];

/// Whether a match is the one that was looked for.
type Enough<'a> = dyn FnMut(&mut Vec<(usize, bool)>) -> bool + 'a;

impl Pattern {
    fn random(dice: &mut Dice, depth: usize) -> Self {
        let several = |dice: &mut Dice| -> Vec<Self> {
            (0..=dice.roll(3)).map(|_| Self::random(dice, depth - 1)).collect()
        };
        match if depth == 0 { 0 } else { dice.roll(14) } {
            0 | 1 => Self::Variable(dice.index(3)),
            2 if dice.roll(3) == 0 => Self::Start,
            2 if dice.roll(2) == 0 => Self::End,
            3 if dice.roll(2) == 0 => Self::Permute,
            3 => Self::Excluded(Box::new(Self::random(dice, depth - 1))),
            4..=7 => Self::Sequence(several(dice)),
            8 => Self::Either(several(dice)),
            _ => {
                let least = dice.index(3);
                let most = match dice.roll(3) {
                    0 => None,
                    1 => Some(1.max(least)),
                    _ => Some(least + 1 + dice.index(2)),
                };
                let what = Box::new(Self::random(dice, depth - 1));
                Self::Repeat { what, least, most, greedy: dice.roll(3) > 0 }
            }
        }
    }

    fn has_excluded(&self) -> bool {
        match self {
            Self::Excluded(_) => true,
            Self::Sequence(parts) | Self::Either(parts) => parts.iter().any(Self::has_excluded),
            Self::Repeat { what, .. } => what.has_excluded(),
            _ => false,
        }
    }

    fn sql(&self) -> String {
        let list = |parts: &[Self], between: &str| {
            let parts: Vec<String> = parts.iter().map(Self::sql).collect();
            format!("({})", parts.join(between))
        };
        match self {
            Self::Variable(v) => NAMES[*v].to_string(),
            Self::Start => "^".to_string(),
            Self::End => "$".to_string(),
            Self::Sequence(parts) => list(parts, " "),
            Self::Either(parts) => list(parts, " | "),
            Self::Excluded(what) => format!("{{- {} -}}", what.sql()),
            Self::Permute => "PERMUTE(a, b, d)".to_string(),
            Self::Repeat { what, least, most, greedy } => {
                let quantifier = match (least, most) {
                    (0, None) => "*".to_string(),
                    (1, None) => "+".to_string(),
                    (0, Some(1)) => "?".to_string(),
                    (n, None) => format!("{{{n},}}"),
                    (0, Some(m)) => format!("{{,{m}}}"),
                    (n, Some(m)) if n == m => format!("{{{n}}}"),
                    (n, Some(m)) => format!("{{{n},{m}}}"),
                };
                format!("({}){quantifier}{}", what.sql(), if *greedy { "" } else { "?" })
            }
        }
    }

    /// Every match from a row on, the preferred first, until one is enough. A match is what each row
    /// is taken as, and whether it is excluded.
    fn matches(
        &self,
        of: &Search<'_>,
        excluded: bool,
        word: &mut Vec<(usize, bool)>,
        enough: &mut Enough<'_>,
    ) -> bool {
        match self {
            Self::Variable(v) => {
                if of.start + word.len() >= of.rows.len() {
                    return false;
                }
                word.push((*v, excluded));
                if of.asks[*v].holds(of, *v, word) == Some(true) && enough(word) {
                    return true;
                }
                word.pop();
                false
            }
            Self::Start => of.start + word.len() == 0 && enough(word),
            Self::End => of.start + word.len() == of.rows.len() && enough(word),
            Self::Sequence(parts) => match parts.split_first() {
                None => enough(word),
                Some((first, rest)) => {
                    let rest = Self::Sequence(rest.to_vec());
                    first.matches(of, excluded, word, &mut |word| {
                        rest.matches(of, excluded, word, enough)
                    })
                }
            },
            Self::Either(ways) => ways.iter().any(|way| way.matches(of, excluded, word, enough)),
            Self::Excluded(what) => what.matches(of, true, word, enough),
            Self::Permute => {
                let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
                orders.into_iter().any(|order| {
                    let order = order.into_iter().map(Self::Variable).collect();
                    Self::Sequence(order).matches(of, excluded, word, enough)
                })
            }
            Self::Repeat { what, least, most, greedy } => {
                let fewer = Self::Repeat {
                    what: what.clone(),
                    least: least.saturating_sub(1),
                    most: most.map(|m| m.saturating_sub(1)),
                    greedy: *greedy,
                };
                let must = *least > 0;
                let before = word.len();
                let more = |word: &mut Vec<(usize, bool)>, enough: &mut Enough<'_>| {
                    (must || *most != Some(0))
                        && what.matches(of, excluded, word, &mut |word| {
                            (must || word.len() > before)
                                && fewer.matches(of, excluded, word, enough)
                        })
                };
                if must || *greedy {
                    more(word, enough) || (!must && enough(word))
                } else {
                    enough(word) || more(word, enough)
                }
            }
        }
    }
}

/// The search for one match in one customer's rows.
struct Search<'a> {
    rows: &'a [Row],
    start: usize,
    number: i64,
    asks: &'a [Ask; 3],
}

impl Search<'_> {
    /// Rows taken as one of the variables, of the first `seen` rows of a match.
    fn taken(&self, word: &[(usize, bool)], seen: usize, variables: &[usize]) -> Vec<usize> {
        (0..seen).filter(|i| variables.contains(&word[*i].0)).map(|i| self.start + i).collect()
    }

    fn v(&self, row: Option<usize>) -> Option<i64> {
        self.rows.get(row?)?.v
    }
}

/// What a variable asks: a sentence of SQL, and the same by its definition.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Nothing,
    AtLeast(i64),
    Rises,
    FallsInTwo,
    NotBelowLast(usize),
    SumUpTo(i64),
    RowsUpTo(i64),
    AboveFirst,
    MeanOfSubsetBelow(i64),
    AfterTheRowBefore(usize),
    BeforeItA(usize),
    NotAfterMatch(i64),
}

impl Ask {
    fn random(dice: &mut Dice) -> Self {
        match dice.roll(14) {
            0 => Self::Nothing,
            1 | 2 => Self::AtLeast(dice.roll(4)),
            3 => Self::Rises,
            4 => Self::FallsInTwo,
            5 => Self::NotBelowLast(dice.index(3)),
            6 => Self::SumUpTo(dice.roll(6)),
            7 => Self::RowsUpTo(1 + dice.roll(4)),
            8 => Self::AboveFirst,
            9 => Self::MeanOfSubsetBelow(1 + dice.roll(3)),
            10 => Self::AfterTheRowBefore(dice.index(3)),
            11 => Self::BeforeItA(dice.index(3)),
            12 => Self::NotAfterMatch(1 + dice.roll(3)),
            _ => Self::AtLeast(0),
        }
    }

    fn sql(self, name: &str) -> Option<String> {
        Some(match self {
            Self::Nothing => return None,
            Self::AtLeast(k) => format!("{name}.v >= {k}"),
            Self::Rises => "v > PREV(v)".to_string(),
            Self::FallsInTwo => format!("{name}.v > NEXT({name}.v, 2)"),
            Self::NotBelowLast(of) => format!("{name}.v >= LAST({}.v)", NAMES[of]),
            Self::SumUpTo(k) => format!("sum({name}.w) <= {k} AND {name}.v IS NOT NULL"),
            Self::RowsUpTo(k) => format!("count(*) <= {k}"),
            Self::AboveFirst => format!("v > FIRST(v) OR count({name}.*) = 1"),
            Self::MeanOfSubsetBelow(k) => format!("coalesce(avg(u.v), 0) < {k}"),
            Self::AfterTheRowBefore(of) => format!("ts > PREV(LAST({}.ts), 1)", NAMES[of]),
            Self::BeforeItA(of) => format!("LAST(classifier(), 1) = '{}'", NAMES[of]),
            Self::NotAfterMatch(k) => format!("match_number() <= {k}"),
        })
    }

    /// Of the last row of `word`.
    fn holds(self, of: &Search<'_>, variable: usize, word: &[(usize, bool)]) -> Option<bool> {
        let row = of.start + word.len() - 1;
        let taken = |variables: &[usize]| of.taken(word, word.len(), variables);
        let v = of.v(Some(row));
        Some(match self {
            Self::Nothing => true,
            Self::AtLeast(k) => v? >= k,
            Self::Rises => v? > of.v(row.checked_sub(1))?,
            Self::FallsInTwo => v? > of.v(Some(row + 2))?,
            Self::NotBelowLast(other) => v? >= of.v(taken(&[other]).last().copied())?,
            Self::SumUpTo(k) => {
                let sum: f64 = taken(&[variable]).iter().map(|r| of.rows[*r].w).sum();
                sum <= f64::from(i32::try_from(k).unwrap()) && v.is_some()
            }
            Self::RowsUpTo(k) => word.len() <= usize::try_from(k).unwrap(),
            Self::AboveFirst => {
                let first = taken(&[variable]).len() == 1;
                match (v, of.v(Some(of.start))) {
                    (Some(v), Some(f)) => v > f || first,
                    _ => first,
                }
            }
            Self::MeanOfSubsetBelow(k) => {
                let values: Vec<i64> =
                    taken(&SUBSET).iter().filter_map(|r| of.rows[*r].v).collect();
                values.is_empty()
                    || values.iter().sum::<i64>() < k * i64::try_from(values.len()).unwrap()
            }
            Self::AfterTheRowBefore(other) => {
                let before = taken(&[other]).last()?.checked_sub(1)?;
                of.rows[row].ts > of.rows[before].ts
            }
            Self::BeforeItA(other) => word.get(word.len().checked_sub(2)?)?.0 == other,
            Self::NotAfterMatch(k) => of.number <= k,
        })
    }
}

const MEASURES: &str = "match_number() AS n, classifier() AS var, FIRST(v) AS first_v, LAST(a.v, 1) AS a_before, FINAL LAST(b.ts) AS b_last, \
    NEXT(LAST(b.v)) AS after_b, PREV(FIRST(d.w), 2) AS before_d, count(*) AS rows, count(u.*) AS of_u, sum(w) AS total, FINAL sum(d.w) AS of_d, \
    min(a.v) AS least, CLASSIFIER(u) AS last_u, v + FIRST(a.v) AS both, count(b.v) AS b_v";

/// The measures where `seen` rows of the match are seen.
fn measures(of: &Search<'_>, word: &[(usize, bool)], seen: usize) -> String {
    let text = |v: Option<i64>| v.map_or("NULL".to_string(), |v| v.to_string());
    let float = |v: Option<f64>| v.map_or("NULL".to_string(), |v| format!("{v:?}"));
    let name = |v: Option<usize>| v.map_or("NULL", |v| NAMES[v]).to_string();
    let taken = |variables: &[usize]| of.taken(word, seen, variables);
    let all = of.taken(word, seen, &[0, 1, 2]);
    let sum = |rows: &[usize]| rows.iter().map(|r| of.rows[*r].w).reduce(|a, b| a + b);
    let (a, b, d, u) = (taken(&[0]), taken(&[1]), taken(&[2]), taken(&SUBSET));
    let v = |row: Option<&usize>| of.v(row.copied());
    let before_d = d.first().and_then(|r| r.checked_sub(2)).map(|r| of.rows[r].w);
    let finally = |variable| of.taken(word, word.len(), &[variable]);
    let label = |row: Option<&usize>| row.map(|r| word[r - of.start].0);
    let both = v(all.last()).zip(v(a.first())).map(|(x, y)| x + y);
    [
        of.number.to_string(),
        name(label(all.last())),
        text(v(all.first())),
        text(v(a.iter().rev().nth(1))),
        text(finally(1).last().map(|r| of.rows[*r].ts)),
        text(b.last().and_then(|r| of.v(Some(r + 1)))),
        float(before_d),
        seen.to_string(),
        u.len().to_string(),
        float(sum(&all)),
        float(sum(&finally(2))),
        text(a.iter().filter_map(|r| of.v(Some(*r))).min()),
        name(label(u.last())),
        text(both),
        b.iter().filter(|r| of.v(Some(**r)).is_some()).count().to_string(),
    ]
    .join(" | ")
}

const ROWS: [&str; 4] = [
    "ONE ROW PER MATCH",
    "ALL ROWS PER MATCH SHOW EMPTY MATCHES",
    "ALL ROWS PER MATCH OMIT EMPTY MATCHES",
    "ALL ROWS PER MATCH WITH UNMATCHED ROWS",
];
const SKIP: [&str; 4] = ["PAST LAST ROW", "TO NEXT ROW", "TO FIRST b", "TO LAST b"];

/// The answer for one customer; `None` if the statement fails.
fn answer(
    rows: &[Row],
    pattern: &Pattern,
    asks: &[Ask; 3],
    shown: usize,
    skip: usize,
    out: &mut Vec<String>,
) -> Option<()> {
    let text = |v: Option<i64>| v.map_or("NULL".to_string(), |v| v.to_string());
    let key = text(rows.first()?.c);
    let all = |row: &Row, measures: &str| {
        format!("{key} | {} | {measures} | {} | {:?}", row.ts, text(row.v), row.w)
    };
    let (mut start, mut number, mut covered) = (0, 0, 0);
    while start < rows.len() {
        let of = Search { rows, start, number: number + 1, asks };
        let mut found = None;
        pattern.matches(&of, false, &mut vec![], &mut |word| {
            found = Some(word.clone());
            true
        });
        let Some(word) = found else {
            if shown == 3 && start >= covered {
                out.push(all(&rows[start], &["NULL"; 15].join(" | ")));
            }
            start += 1;
            continue;
        };
        number += 1;
        if shown == 0 {
            out.push(format!("{key} | {}", measures(&of, &word, word.len())));
        } else if word.is_empty() && shown != 2 {
            out.push(all(&rows[start], &measures(&of, &word, 0)));
        }
        for (i, (_, excluded)) in word.iter().enumerate() {
            if shown > 0 && !excluded {
                out.push(all(&rows[start + i], &measures(&of, &word, i + 1)));
            }
        }
        covered = covered.max(start + word.len());
        let b = of.taken(&word, word.len(), &[1]);
        let to = match skip {
            _ if word.is_empty() => start + 1,
            0 => start + word.len(),
            1 => start + 1,
            2 => *b.first()?,
            _ => *b.last()?,
        };
        if to == start {
            return None;
        }
        start = to;
    }
    Some(())
}

fn customers(dice: &mut Dice, count: i64) -> Vec<Row> {
    let mut rows = vec![];
    for customer in 0..count {
        for _ in 0..dice.roll(9) {
            let v = (dice.roll(6) > 0).then(|| dice.roll(5));
            let tenths = i32::try_from(dice.roll(30)).unwrap();
            let c = (customer > 0).then_some(customer);
            rows.push(Row { c, ts: dice.roll(6), v, w: f64::from(tenths) * 0.1 });
        }
    }
    // in any order
    for i in (1..rows.len()).rev() {
        rows.swap(i, dice.index(i + 1));
    }
    rows
}

/// The rows as a table of several parts and batches.
fn table(dice: &mut Dice, rows: &[Row]) -> MemTable {
    let mut parts: Vec<Vec<RecordBatch>> = vec![vec![], vec![], vec![]];
    let mut rest = rows;
    loop {
        let (rows, more) = rest.split_at(rest.len().min(1 + dice.index(200)));
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("c", Arc::new(rows.iter().map(|r| r.c).collect::<Int64Array>()), true),
            ("ts", Arc::new(rows.iter().map(|r| Some(r.ts)).collect::<Int64Array>()), true),
            ("v", Arc::new(rows.iter().map(|r| r.v).collect::<Int64Array>()), true),
            ("w", Arc::new(rows.iter().map(|r| Some(r.w)).collect::<Float64Array>()), true),
        ];
        let part = dice.index(3);
        parts[part].push(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    let schema = parts.iter().flatten().next().unwrap().schema();
    MemTable::try_new(schema, parts).unwrap()
}

#[tokio::test]
async fn random_patterns_give_what_the_twin_gives_for_any_split_of_the_rows() {
    let mut sessions = vec![];
    for (threads, batch) in [(1, 8192), (2, 17), (3, 1)] {
        let tenure = Tenure::builder().threads(threads).as_of("2012-01-01").build().await.unwrap();
        let set = format!("SET datafusion.execution.batch_size = {batch}");
        tenure.sql(&set).await.unwrap();
        sessions.push(tenure);
    }
    let mut dice = Dice(0x0dd_ba11_5eed);
    let (mut answers, mut failures, mut lines) = (0, 0, 0);
    for round in 0..420 {
        let rows = customers(&mut dice, 60);
        let pattern = Pattern::random(&mut dice, 4);
        let asks = [(); 3].map(|()| Ask::random(&mut dice));
        let mut shown = dice.index(4);
        if shown == 3 && pattern.has_excluded() {
            shown = 1;
        }
        let skip = if dice.roll(4) > 0 { dice.index(2) } else { 2 + dice.index(2) };
        let mut pattern_sql = pattern.sql();
        // what MEASURES and SUBSET name stands in the pattern
        write!(pattern_sql, " (a b d){{0,1}}?").unwrap();
        let define: Vec<String> = asks
            .iter()
            .zip(NAMES)
            .filter_map(|(ask, name)| Some(format!("{name} AS {}", ask.sql(name)?)))
            .collect();
        let define = if define.is_empty() { "a AS true".to_string() } else { define.join(", ") };
        let sql = format!(
            "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY c ORDER BY ts MEASURES {MEASURES} {} AFTER MATCH SKIP {} PATTERN ({pattern_sql}) SUBSET u = (a, b) DEFINE {define})",
            ROWS[shown], SKIP[skip],
        );
        let mut sorted = rows.clone();
        sorted.sort_by(|x, y| (x.c, x.ts, x.v).cmp(&(y.c, y.ts, y.v)).then(x.w.total_cmp(&y.w)));
        let mut expected = Some(vec![]);
        for customer in sorted.chunk_by(|x, y| x.c == y.c) {
            expected = expected.and_then(|mut out| {
                answer(customer, &pattern, &asks, shown, skip, &mut out).map(|()| out)
            });
        }
        let tenure = &sessions[round % 3];
        tenure.context().deregister_table("t").unwrap();
        tenure.context().register_table("t", Arc::new(table(&mut dice, &rows))).unwrap();
        match (rows::lines(tenure, &sql).await, expected) {
            (Ok(mut got), Some(mut expected)) => {
                got.sort();
                expected.sort();
                let differ = got.iter().zip(&expected).find(|(g, e)| g != e);
                assert!(
                    got == expected,
                    "{round}: {sql}\n{} and {} rows\n{differ:#?}\n{:?}",
                    got.len(),
                    expected.len(),
                    differ.map(|(_, e)| {
                        let c = e.split(" | ").next().unwrap().to_string();
                        sorted
                            .iter()
                            .filter(|r| r.c.map_or("NULL".to_string(), |c| c.to_string()) == c)
                            .collect::<Vec<_>>()
                    })
                );
                answers += 1;
                lines += got.len();
            }
            (Err(e), None) => {
                assert!(e.to_string().starts_with("AFTER MATCH SKIP TO b"), "{sql}: {e}");
                failures += 1;
            }
            (Ok(_), None) => panic!("{sql}: this must fail"),
            (Err(e), Some(_)) => panic!("{sql}: {}", rows::told(&e)),
        }
    }
    assert!(answers > 340 && failures > 20 && lines > 30_000, "{answers} {failures} {lines}");
}

/// The lines of a physical plan.
pub(super) async fn plan(tenure: &Tenure, sql: &str) -> String {
    rows::lines(tenure, &format!("EXPLAIN {sql}")).await.unwrap().join("\n")
}

/// Rows that lie in the order of the customers and of time need no sort and no exchange.
#[tokio::test]
async fn what_lies_in_order_is_not_sorted() {
    let tenure = Tenure::builder().threads(1).as_of("2012-01-01").build().await.unwrap();
    let mut dice = Dice(7);
    let mut rows = customers(&mut dice, 50);
    rows.sort_by_key(|row| (row.c, row.ts));
    let table = table(&mut dice, &rows);
    let batches = {
        let all: Vec<RecordBatch> =
            tenure.context().read_table(Arc::new(table)).unwrap().collect().await.unwrap();
        vec![all]
    };
    let schema = batches[0][0].schema();
    let order = ["c", "ts"].map(|name| col(name).sort(true, true)).to_vec();
    let sorted = MemTable::try_new(schema, batches).unwrap().with_sort_order(vec![order]);
    tenure.context().register_table("t", Arc::new(sorted)).unwrap();
    let pattern = "MEASURES count(*) AS n PATTERN (a up+) DEFINE up AS v > PREV(v)";
    let lies = format!(
        "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY c ORDER BY ts NULLS FIRST {pattern})"
    );
    let plan_of_it = plan(&tenure, &lies).await;
    assert!(
        !plan_of_it.contains("SortExec") && !plan_of_it.contains("Repartition"),
        "{plan_of_it}"
    );
    // nor is what comes out of it, for whoever groups by the customer
    let grouped = format!("SELECT c, sum(n) FROM ({lies}) GROUP BY c");
    let plan_of_it = plan(&tenure, &grouped).await;
    assert!(plan_of_it.contains("ordering_mode=Sorted"), "{plan_of_it}");
    let other = lies.replace("ORDER BY ts NULLS FIRST", "ORDER BY v");
    assert!(plan(&tenure, &other).await.contains("SortExec"));
}
