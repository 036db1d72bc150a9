//! Sessions: runs of events that belong together.
//!
//! Rows of one instant belong together in any case, whatever their order. An instant begins a new
//! session if, since the instant before, more time has passed than `gap`; if the session would last
//! longer than `longest`; if one of its rows says so; or if it lies on a later day. The first instant
//! begins the first session, number 1.

/// When a session ends; lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub gap: u64,
    pub longest: u64,
}

/// A row comes after one that is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfOrder;

/// The number of the session of each row; what it is for rows that have no time means nothing.
///
/// `given` says whether a row has a time, `breaks` whether it begins a session, `day` on which day a
/// time lies.
pub(super) fn sessions(
    times: &[i64],
    limits: Limits,
    given: impl Fn(usize) -> bool,
    breaks: impl Fn(usize) -> bool,
    day: impl Fn(i64) -> i64,
) -> Result<Vec<i64>, OutOfOrder> {
    let mut ids = Vec::with_capacity(times.len());
    let mut id = 0;
    // when the session began; the instant before this one and its day
    let mut session: Option<(i64, i64, i64)> = None;
    let mut rest = times;
    while let Some((&time, _)) = rest.split_first() {
        let row = ids.len();
        if !given(row) {
            ids.push(0);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let same = rest.iter().zip(row..).take_while(|(t, row)| **t == time && given(*row)).count();
        let today = day(time);
        let begin = match session {
            Some((_, last, _)) if time < last => return Err(OutOfOrder),
            Some((begin, last, before))
                if time.abs_diff(last) <= limits.gap
                    && time.abs_diff(begin) <= limits.longest
                    && today <= before
                    && !(row..row + same).any(&breaks) =>
            {
                begin
            }
            _ => {
                id += 1;
                time
            }
        };
        session = Some((begin, time, today));
        ids.resize(row + same, id);
        rest = rest.get(same..).unwrap_or_default();
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (Option<i64>, bool);

    fn run(rows: &[Row], limits: Limits, day: i64) -> Result<Vec<Option<i64>>, OutOfOrder> {
        let times: Vec<i64> = rows.iter().map(|r| r.0.unwrap_or(-7)).collect();
        let given = |i: usize| rows[i].0.is_some();
        let ids = sessions(&times, limits, given, |i| rows[i].1, |t| t.div_euclid(day))?;
        Ok(ids.into_iter().enumerate().map(|(i, id)| given(i).then_some(id)).collect())
    }

    /// A new session begins at an instant if a rule says so; a row's number is how many began until
    /// its instant. Where one began is looked for anew at every instant.
    fn naive(rows: &[Row], limits: Limits, day: i64) -> Vec<Option<i64>> {
        let mut instants: Vec<i64> = rows.iter().filter_map(|r| r.0).collect();
        instants.sort_unstable();
        instants.dedup();
        let mut begins: Vec<i64> = vec![];
        for (i, &t) in instants.iter().enumerate() {
            let new = i == 0
                || u64::try_from(t - instants[i - 1]).unwrap() > limits.gap
                || u64::try_from(t - begins.last().unwrap()).unwrap() > limits.longest
                || t.div_euclid(day) != instants[i - 1].div_euclid(day)
                || rows.contains(&(Some(t), true));
            if new {
                begins.push(t);
            }
        }
        let id = |t: i64| i64::try_from(begins.iter().filter(|b| **b <= t).count()).unwrap();
        rows.iter().map(|r| r.0.map(id)).collect()
    }

    #[test]
    fn random_logs_have_the_sessions_of_the_definition() {
        let mut state = 1u64;
        let mut draw = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % n).unwrap()
        };
        let mut sessions = 0;
        for _ in 0..50_000 {
            let n = draw(12);
            let mut rows: Vec<Row> =
                (0..n).map(|_| ((draw(6) > 0).then_some(draw(24) - 4), draw(7) == 0)).collect();
            // rows of one time stay in any order; those without come last
            rows.sort_by_key(|r| r.0.unwrap_or(i64::MAX));
            if draw(2) == 0 {
                let nulls = rows.iter().filter(|r| r.0.is_none()).count();
                rows.rotate_right(nulls);
            }
            let mut length = |n| u64::try_from(draw(n)).unwrap();
            let limits = Limits {
                gap: length(6),
                longest: [u64::MAX, length(9)][usize::try_from(length(2)).unwrap()],
            };
            let day = [i64::MAX, 8][usize::try_from(draw(2)).unwrap()];
            let want = naive(&rows, limits, day);
            sessions = sessions.max(want.iter().flatten().copied().max().unwrap_or(0));
            assert_eq!(run(&rows, limits, day), Ok(want), "{rows:?} {limits:?} {day}");
        }
        assert!(sessions > 8);
    }

    #[test]
    fn a_gap_must_be_exceeded_and_times_at_the_limits_are_apart() {
        let limits = Limits { gap: 10, longest: u64::MAX };
        let rows = [0, 10, 21, i64::MAX].map(|t| (Some(t), false));
        assert_eq!(run(&rows, limits, i64::MAX), Ok([1, 1, 2, 3].map(Some).to_vec()));
        let rows = [i64::MIN, i64::MAX].map(|t| (Some(t), false));
        assert_eq!(run(&rows, limits, i64::MAX), Ok([1, 2].map(Some).to_vec()));
    }

    #[test]
    fn rows_that_go_back_in_time_are_told() {
        let limits = Limits { gap: 10, longest: u64::MAX };
        let rows = [5, 4].map(|t| (Some(t), false));
        assert_eq!(run(&rows, limits, i64::MAX), Err(OutOfOrder));
    }
}
