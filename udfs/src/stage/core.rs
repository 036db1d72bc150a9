//! The lifecycle stage of one customer: ordered rules, the first that applies decides.
//!
//! Every rule compares a length of time in days, or a count, with one threshold of a [`Policy`],
//! so that every stage has one reason that can be said in one sentence.

use std::fmt;

const DAY: f64 = 86_400_000_000.0;

/// Where a customer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Anonymous,
    Prospect,
    Activated,
    New,
    Growing,
    Active,
    Loyal,
    AtRisk,
    Dormant,
    Churned,
    Reactivated,
}

impl Stage {
    /// In the order of a life.
    pub(crate) const ALL: [Self; 11] = [
        Self::Anonymous,
        Self::Prospect,
        Self::Activated,
        Self::New,
        Self::Growing,
        Self::Active,
        Self::Loyal,
        Self::AtRisk,
        Self::Dormant,
        Self::Churned,
        Self::Reactivated,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Prospect => "prospect",
            Self::Activated => "activated",
            Self::New => "new",
            Self::Growing => "growing",
            Self::Active => "active",
            Self::Loyal => "loyal",
            Self::AtRisk => "at_risk",
            Self::Dormant => "dormant",
            Self::Churned => "churned",
            Self::Reactivated => "reactivated",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// What the three silence thresholds are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// days
    Absolute,
    /// multiples of the customer's own median gap; days for who has no gap yet
    Cadence,
}

impl Basis {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Cadence => "cadence",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Absolute, Self::Cadence].into_iter().find(|b| b.name() == name)
    }
}

/// The thresholds. Lengths are days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Policy {
    pub basis: Basis,
    pub new_window: f64,
    pub at_risk_after: f64,
    pub dormant_after: f64,
    pub churn_after: f64,
    pub loyal_min: i64,
    pub growing_min: f64,
    /// multiples of the own median gap, for [`Basis::Cadence`]
    pub at_risk_gaps: f64,
    pub dormant_gaps: f64,
    pub churn_gaps: f64,
    /// the own median gap is taken as no shorter and no longer than this
    pub gap_floor: f64,
    pub gap_cap: f64,
}

impl Default for Policy {
    /// Non-food retail.
    fn default() -> Self {
        Self {
            basis: Basis::Absolute,
            new_window: 30.0,
            at_risk_after: 90.0,
            dormant_after: 180.0,
            churn_after: 365.0,
            loyal_min: 6,
            growing_min: 0.3,
            at_risk_gaps: 3.0,
            dormant_gaps: 6.0,
            churn_gaps: 12.0,
            gap_floor: 7.0,
            gap_cap: 90.0,
        }
    }
}

impl Policy {
    /// Names that [`Policy::named`] knows.
    pub(crate) const NAMES: [&str; 6] =
        ["retail", "grocery", "fashion", "hospitality", "saas", "durables"];

    /// The thresholds of a trade: how long a silence is usual there.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let of = |days: [f64; 4], loyal_min, gap_floor, gap_cap| {
            let [new_window, at_risk_after, dormant_after, churn_after] = days;
            Self {
                new_window,
                at_risk_after,
                dormant_after,
                churn_after,
                loyal_min,
                gap_floor,
                gap_cap,
                ..Self::default()
            }
        };
        Some(match name {
            "retail" => Self::default(),
            // a shop of every week
            "grocery" => of([14.0, 28.0, 56.0, 112.0], 12, 3.0, 28.0),
            // two seasons a year
            "fashion" => of([45.0, 120.0, 240.0, 450.0], 4, 14.0, 120.0),
            // restaurants, salons
            "hospitality" => of([30.0, 45.0, 90.0, 180.0], 8, 5.0, 45.0),
            // a payment every month: the first that fails to come is a warning
            "saas" => of([30.0, 35.0, 60.0, 90.0], 12, 7.0, 31.0),
            // furniture, appliances, travel
            "durables" => of([90.0, 365.0, 730.0, 1095.0], 3, 30.0, 365.0),
            _ => return None,
        })
    }

    /// What is wrong with these thresholds, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let days = [
            ("new_window", self.new_window),
            ("at_risk_after", self.at_risk_after),
            ("dormant_after", self.dormant_after),
            ("churn_after", self.churn_after),
            ("at_risk_gaps", self.at_risk_gaps),
            ("dormant_gaps", self.dormant_gaps),
            ("churn_gaps", self.churn_gaps),
            ("gap_floor", self.gap_floor),
            ("gap_cap", self.gap_cap),
        ];
        if let Some((name, value)) = days.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Some(format!("{name} must be positive, got {value}"));
        }
        let rising = |what: &str, a: f64, b: f64, c: f64, unit: &str| {
            (a >= b || b >= c).then(|| {
                format!(
                    "at_risk_{what} < dormant_{what} < churn_{what} must hold, got {a}, {b} and {c}{unit}"
                )
            })
        };
        rising("after", self.at_risk_after, self.dormant_after, self.churn_after, " days")
            .or_else(|| rising("gaps", self.at_risk_gaps, self.dormant_gaps, self.churn_gaps, ""))
            .or_else(|| {
                (self.gap_floor > self.gap_cap).then(|| {
                    format!(
                        "gap_floor must not exceed gap_cap, got {} and {} days",
                        self.gap_floor, self.gap_cap
                    )
                })
            })
            .or_else(|| {
                (self.loyal_min < 2)
                    .then(|| format!("loyal_min must be at least 2, got {}", self.loyal_min))
            })
            .or_else(|| {
                (!(self.growing_min > 0.0 && self.growing_min <= 1.0)).then(|| {
                    format!("growing_min must be above 0 and at most 1, got {}", self.growing_min)
                })
            })
    }

    /// The gap that the multiples apply to, or `None` where days apply.
    fn own_gap(&self, facts: &Purchases) -> Option<f64> {
        match (self.basis, facts.median_gap) {
            (Basis::Cadence, Some(gap)) if gap.is_finite() => {
                Some(gap.max(self.gap_floor).min(self.gap_cap))
            }
            _ => None,
        }
    }
}

/// What is known of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Facts {
    pub registered: bool,
    pub activated: bool,
    /// `None`: never bought
    pub purchases: Option<Purchases>,
}

/// The purchases of one customer; times in microseconds, gaps in days.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Purchases {
    pub as_of: i64,
    pub first: i64,
    pub last: i64,
    pub previous: Option<i64>,
    pub median_gap: Option<f64>,
    pub trend: Option<f64>,
    pub periods: i64,
}

/// A threshold of silence: so many days, perhaps made from the customer's own gap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    name: &'static str,
    days: f64,
    /// multiple and gap that `days` is the product of
    made_of: Option<(f64, f64)>,
}

/// The rule that decided, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reason {
    NothingKnown,
    Registered,
    Activated,
    New { age: f64, window: f64 },
    Silent { days: f64, limit: Limit },
    CameBack { days: f64, window: f64, gap: f64, limit: Limit },
    Growing { trend: f64, least: f64 },
    Loyal { periods: i64, least: i64 },
    Active { days: f64, limit: Limit },
}

/// The stage of a customer, and why.
pub(crate) fn decide(facts: &Facts, policy: &Policy) -> (Stage, Reason) {
    let Some(p) = &facts.purchases else {
        return match (facts.registered || facts.activated, facts.activated) {
            (false, _) => (Stage::Anonymous, Reason::NothingKnown),
            (true, false) => (Stage::Prospect, Reason::Registered),
            (true, true) => (Stage::Activated, Reason::Activated),
        };
    };
    let silent = days_between(p.last, p.as_of);
    let age = days_between(p.first, p.as_of);
    if p.periods <= 1 && age <= policy.new_window {
        return (Stage::New, Reason::New { age, window: policy.new_window });
    }
    let own = policy.own_gap(p);
    let limit = |name, days: f64, multiple: f64| Limit {
        name,
        days: own.map_or(days, |gap| multiple * gap),
        made_of: own.map(|gap| (multiple, gap)),
    };
    let churn = limit("churn_after", policy.churn_after, policy.churn_gaps);
    let dormant = limit("dormant_after", policy.dormant_after, policy.dormant_gaps);
    let at_risk = limit("at_risk_after", policy.at_risk_after, policy.at_risk_gaps);
    for (limit, stage) in
        [(churn, Stage::Churned), (dormant, Stage::Dormant), (at_risk, Stage::AtRisk)]
    {
        if silent > limit.days {
            return (stage, Reason::Silent { days: silent, limit });
        }
    }
    if let Some(previous) = p.previous {
        let gap = days_between(previous, p.last);
        if gap >= churn.days && silent <= policy.new_window {
            let window = policy.new_window;
            let reason = Reason::CameBack { days: silent, window, gap, limit: churn };
            return (Stage::Reactivated, reason);
        }
    }
    if let Some(trend) = p.trend.filter(|t| *t >= policy.growing_min) {
        return (Stage::Growing, Reason::Growing { trend, least: policy.growing_min });
    }
    if p.periods >= policy.loyal_min {
        return (Stage::Loyal, Reason::Loyal { periods: p.periods, least: policy.loyal_min });
    }
    (Stage::Active, Reason::Active { days: silent, limit: at_risk })
}

fn days_between(from: i64, to: i64) -> f64 {
    // an i64 of microseconds up to year 2255 is exact in f64
    (to as f64 - from as f64) / DAY
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = plain(self.days);
        match self.made_of {
            None => write!(f, "{} = {days} days", self.name),
            Some((multiple, gap)) => write!(
                f,
                "{} = {} × own gap of {} days = {days} days",
                self.name,
                plain(multiple),
                plain(gap)
            ),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingKnown => f.write_str("no purchase and no registration is known"),
            Self::Registered => f.write_str("registered, no purchase yet"),
            Self::Activated => f.write_str("activated, no purchase yet"),
            Self::New { age, window } => write!(
                f,
                "one purchase, {} days ago, within new_window = {} days",
                beside(*age, *window),
                plain(*window)
            ),
            Self::Silent { days, limit } => {
                write!(f, "last purchase {} days ago, more than {limit}", beside(*days, limit.days))
            }
            Self::CameBack { days, window, gap, limit } => write!(
                f,
                "came back {} days ago, within new_window = {} days, after a gap of {} days, at least {limit}",
                beside(*days, *window),
                plain(*window),
                beside(*gap, limit.days)
            ),
            Self::Growing { trend, least } => {
                write!(f, "trend of purchases {trend:.2}, at least growing_min = {}", plain(*least))
            }
            Self::Loyal { periods, least } => {
                write!(f, "{periods} periods with purchases, at least loyal_min = {least}")
            }
            Self::Active { days, limit } => write!(
                f,
                "last purchase {} days ago, not more than {limit}",
                beside(*days, limit.days)
            ),
        }
    }
}

/// A threshold as it was written: no digits but those it has, up to four.
fn plain(x: f64) -> String {
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `x` with as few digits as show on which side of `limit` it is.
fn beside(x: f64, limit: f64) -> String {
    if x == limit {
        return plain(x);
    }
    (0..=6)
        .map(|digits| format!("{x:.digits$}"))
        .find(|text| {
            text.parse::<f64>().is_ok_and(|shown| (shown > limit) == (x > limit) && shown != limit)
        })
        .unwrap_or_else(|| format!("{x}"))
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data")]
mod tests {
    use super::*;

    const NOW: i64 = 1_500_000_000_000_000;

    fn ago(days: f64) -> i64 {
        NOW - (days * DAY).round() as i64
    }

    fn bought(first: f64, last: f64, periods: i64) -> Purchases {
        Purchases {
            as_of: NOW,
            first: ago(first),
            last: ago(last),
            periods,
            ..Purchases::default()
        }
    }

    fn stage(p: Purchases) -> &'static str {
        decide(&Facts { purchases: Some(p), ..Facts::default() }, &Policy::default()).0.name()
    }

    fn reason(p: Purchases, policy: &Policy) -> String {
        decide(&Facts { purchases: Some(p), ..Facts::default() }, policy).1.to_string()
    }

    #[test]
    fn who_never_bought_is_anonymous_prospect_or_activated() {
        let of = |registered, activated| {
            decide(&Facts { registered, activated, purchases: None }, &Policy::default()).0
        };
        assert_eq!(of(false, false), Stage::Anonymous);
        assert_eq!(of(true, false), Stage::Prospect);
        assert_eq!(of(true, true), Stage::Activated);
    }

    #[test]
    fn each_threshold_belongs_to_the_milder_stage() {
        for (p, want) in [
            (bought(30.0, 30.0, 1), "new"),
            (bought(30.01, 30.01, 1), "active"),
            (bought(400.0, 90.0, 3), "active"),
            (bought(400.0, 90.01, 3), "at_risk"),
            (bought(400.0, 180.0, 3), "at_risk"),
            (bought(400.0, 180.01, 3), "dormant"),
            (bought(400.0, 365.0, 3), "dormant"),
            (bought(400.0, 365.01, 3), "churned"),
            (bought(300.0, 5.0, 5), "active"),
            (bought(300.0, 5.0, 6), "loyal"),
            (Purchases { trend: Some(0.3), ..bought(300.0, 5.0, 9) }, "growing"),
            (Purchases { trend: Some(0.299), ..bought(300.0, 5.0, 9) }, "loyal"),
            (Purchases { previous: Some(ago(395.0)), ..bought(800.0, 30.0, 9) }, "reactivated"),
            (Purchases { previous: Some(ago(394.9)), ..bought(800.0, 30.0, 9) }, "loyal"),
            (Purchases { previous: Some(ago(500.0)), ..bought(800.0, 30.1, 9) }, "loyal"),
            (
                Purchases { previous: Some(ago(800.0)), trend: Some(1.0), ..bought(800.0, 1.0, 2) },
                "reactivated",
            ),
        ] {
            assert_eq!(stage(p), want, "{p:?}");
        }
    }

    #[test]
    fn cadence_measures_by_the_customers_own_gap_within_bounds() {
        let cadence = Policy { basis: Basis::Cadence, ..Policy::default() };
        let at = |gap: Option<f64>, last: f64| {
            let p = Purchases { median_gap: gap, ..bought(1000.0, last, 4) };
            decide(&Facts { purchases: Some(p), ..Facts::default() }, &cadence).0.name()
        };
        assert_eq!(at(Some(20.0), 60.0), "active");
        assert_eq!(at(Some(20.0), 61.0), "at_risk");
        assert_eq!(at(Some(20.0), 121.0), "dormant");
        assert_eq!(at(Some(20.0), 241.0), "churned");
        // one day is taken as a week, a year as ninety days, no gap as the days of the policy
        assert_eq!(at(Some(1.0), 21.0), "active");
        assert_eq!(at(Some(1.0), 22.0), "at_risk");
        assert_eq!(at(Some(365.0), 271.0), "at_risk");
        assert_eq!(at(None, 91.0), "at_risk");
    }

    #[test]
    fn a_reason_says_the_rule_and_its_numbers() {
        let policy = Policy { at_risk_after: 120.0, ..Policy::default() };
        for (p, want) in [
            (
                bought(400.0, 143.2, 3),
                "last purchase 143 days ago, more than at_risk_after = 120 days",
            ),
            (
                bought(400.0, 120.04, 3),
                "last purchase 120.04 days ago, more than at_risk_after = 120 days",
            ),
            (bought(12.0, 12.0, 1), "one purchase, 12 days ago, within new_window = 30 days"),
            (
                bought(400.0, 120.0, 3),
                "last purchase 120 days ago, not more than at_risk_after = 120 days",
            ),
            (bought(400.0, 12.0, 8), "8 periods with purchases, at least loyal_min = 6"),
            (
                Purchases { previous: Some(ago(412.0)), ..bought(800.0, 12.0, 9) },
                "came back 12 days ago, within new_window = 30 days, after a gap of 400 days, at least churn_after = 365 days",
            ),
        ] {
            assert_eq!(reason(p, &policy), want);
        }
        let cadence = Policy { basis: Basis::Cadence, ..Policy::default() };
        assert_eq!(
            reason(Purchases { median_gap: Some(20.0), ..bought(400.0, 70.0, 3) }, &cadence),
            "last purchase 70 days ago, more than at_risk_after = 3 × own gap of 20 days = 60 days"
        );
    }

    #[test]
    fn every_named_policy_is_sound_and_disorder_is_named() {
        for name in Policy::NAMES {
            assert_eq!(Policy::named(name).and_then(|p| p.fault()), None, "{name}");
        }
        let bad = Policy { dormant_after: 60.0, ..Policy::default() };
        assert_eq!(
            bad.fault().unwrap(),
            "at_risk_after < dormant_after < churn_after must hold, got 90, 60 and 365 days"
        );
    }

    #[test]
    fn stage_names_come_back() {
        assert!(Stage::ALL.into_iter().all(|s| Stage::from_name(s.name()) == Some(s)));
    }
}
