//! What all customers share: the calendar, seasons, campaigns, incidents and parameters.
//!
//! Times are days since the first day, as a double; the seconds of events follow from them.

use chrono::{Datelike, Days, NaiveDate};

use super::{Dropout, Settings};

/// The parameters that customers are drawn from. Rates are per day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    /// purchase rates are Gamma(r, alpha)
    pub(super) r: f64,
    pub(super) alpha: f64,
    /// dropout probabilities are Beta(a, b)
    pub(super) a: f64,
    pub(super) b: f64,
    /// a customer's orders are Gamma(p, nu), and nu is Gamma(q, gamma)
    pub(super) p: f64,
    pub(super) q: f64,
    pub(super) gamma: f64,
}

/// The truth of every generated lake.
pub(super) const PARAMETERS: Parameters =
    Parameters { r: 0.8, alpha: 120.0, a: 0.8, b: 2.4, p: 4.0, q: 4.0, gamma: 45.0 };

/// Where a visit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Direct,
    Organic,
    PaidSearch,
    Social,
    Referral,
    Email,
}

impl Channel {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Organic => "organic",
            Self::PaidSearch => "paid_search",
            Self::Social => "social",
            Self::Referral => "referral",
            Self::Email => "email",
        }
    }
}

/// A campaign. E-mails go to a part of the customers, drawn by lot: the others are its control.
#[derive(Debug, Clone)]
pub(super) struct Campaign {
    pub(super) name: String,
    pub(super) channel: Channel,
    /// first day
    pub(super) from: f64,
    /// first day after it
    pub(super) to: f64,
    pub(super) start: NaiveDate,
    pub(super) end: NaiveDate,
    pub(super) cost: f64,
}

/// What share of the customers an e-mail campaign goes to.
pub(super) const MAILED: f64 = 0.5;
/// For so many days after an e-mail its customer buys more often…
pub(super) const LIFT_DAYS: f64 = 7.0;
/// …by this factor.
pub(super) const LIFT: f64 = 1.5;
/// Which share of customers has a turning point, if they live to see it.
pub(super) const TURNING: f64 = 0.15;
/// The purchase rate after a turning point, over that before it: half go up, half down.
pub(super) const TURNS: [f64; 2] = [4.0, 0.2];

/// Something that happened to the shop.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub(super) name: &'static str,
    pub(super) from: f64,
    /// first day after it; it lasts if there is none
    pub(super) to: Option<f64>,
    /// purchases are wanted so many times as often
    pub(super) rate: f64,
    /// which share of those that pay can pay
    pub(super) payment: f64,
    /// prices, over those before
    pub(super) price: f64,
    /// how likely a purchase, or a payment that failed, leads to a complaint
    pub(super) complaint: f64,
    pub(super) description: &'static str,
}

/// How likely a purchase leads to a complaint when nothing is wrong.
pub(super) const COMPLAINT: f64 = 0.02;

impl Incident {
    fn holds(&self, day: f64) -> bool {
        day >= self.from && self.to.is_none_or(|to| day < to)
    }
}

/// Monday to Sunday.
pub(super) const WEEKDAYS: [f64; 7] = [1.0, 0.95, 0.95, 1.0, 1.1, 1.2, 0.8];
/// January to December.
pub(super) const MONTHS: [f64; 12] =
    [0.8, 0.85, 0.95, 1.0, 1.0, 1.0, 0.85, 0.85, 1.0, 1.05, 1.25, 1.4];
/// Midnight to 23 o'clock: shares of a day's visits, up to a factor.
pub(super) const HOURS: [f64; 24] = [
    2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 6.0, 5.0, 5.0, 5.0, 5.0, 6.0, 7.0,
    8.0, 8.0, 7.0, 5.0, 3.0,
];

/// A calendar month of the lake.
#[derive(Debug, Clone)]
pub(super) struct Month {
    /// `2023-01`
    pub(super) name: String,
    /// seconds of the epoch at which it begins
    pub(super) start: i64,
}

/// Everything that is the same for all customers.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) parameters: Parameters,
    /// seconds of the epoch at which it begins
    pub(super) start: i64,
    /// seconds of the epoch at which it is over
    pub(super) end: i64,
    /// days that it lasts
    pub(super) days: f64,
    pub(super) months: Vec<Month>,
    /// the month from which on a lake with dirt has another schema
    pub(super) changed: usize,
    /// demand of each day
    season: Vec<f64>,
    /// the largest of these
    pub(super) peak: f64,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) incidents: Vec<Incident>,
    /// visits without a purchase per day of a customer's life
    pub(super) browsing: f64,
}

const DAY: i64 = 86_400;

fn epoch(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

/// Whole seconds of a time in days.
#[expect(clippy::cast_possible_truncation, reason = "a lake lasts at most twenty years")]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}

impl World {
    /// The world of these settings; nobody browses yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let (from, to) = (settings.from, settings.to);
        let length = to.signed_duration_since(from).num_days() + 1;
        let days = f64::from(i32::try_from(length).unwrap_or(i32::MAX));
        let all: Vec<NaiveDate> = from.iter_days().take_while(|day| *day <= to).collect();
        let mut months: Vec<Month> = vec![];
        for day in &all {
            if months.is_empty() || day.day() == 1 {
                let name = format!("{:04}-{:02}", day.year(), day.month());
                months.push(Month { name, start: epoch(*day) });
            }
        }
        let of = |table: &[f64], n: u32| table.get(n as usize).copied().unwrap_or(1.0);
        let season: Vec<f64> = all
            .iter()
            .map(|day| {
                if settings.plain {
                    return 1.0;
                }
                of(&WEEKDAYS, day.weekday().num_days_from_monday()) * of(&MONTHS, day.month0())
            })
            .collect();
        Self {
            parameters: PARAMETERS,
            start: epoch(from),
            end: epoch(from) + length * DAY,
            days,
            changed: months.len() / 2,
            months,
            peak: season.iter().copied().fold(1.0, f64::max),
            season,
            campaigns: campaigns(from, days),
            incidents: if settings.plain { vec![] } else { incidents(days) },
            browsing: 0.0,
            settings: settings.clone(),
        }
    }

    /// Demand at a time, over that of a usual day without incident.
    pub(super) fn demand(&self, day: f64) -> f64 {
        let index = usize::try_from(whole(day)).unwrap_or(0);
        let season = self.season.get(index).copied().unwrap_or(1.0);
        self.incidents.iter().filter(|i| i.holds(day)).map(|i| i.rate).product::<f64>() * season
    }

    /// Prices at a time, over those of the beginning.
    pub(super) fn price(&self, day: f64) -> f64 {
        self.incidents.iter().filter(|i| i.holds(day)).map(|i| i.price).product()
    }

    /// Which share of those that pay can pay.
    pub(super) fn payment(&self, day: f64) -> f64 {
        self.incidents.iter().filter(|i| i.holds(day)).map(|i| i.payment).product()
    }

    /// How likely a purchase, or a payment that failed, leads to a complaint.
    pub(super) fn complaint(&self, day: f64) -> f64 {
        self.incidents
            .iter()
            .filter(|i| i.holds(day))
            .map(|i| i.complaint)
            .fold(COMPLAINT, f64::max)
    }

    /// The campaign of a channel at a time, by its number.
    pub(super) fn campaign(&self, channel: Channel, day: f64) -> Option<usize> {
        self.campaigns.iter().position(|c| c.channel == channel && day >= c.from && day < c.to)
    }

    /// The seconds of the epoch of a visit. Times within a day are moved, in their order, to the
    /// hours in which people are awake.
    pub(super) fn visit(&self, day: f64) -> i64 {
        if self.settings.plain {
            return self.seconds(day);
        }
        let total: f64 = HOURS.iter().sum();
        let mut left = (day - day.floor()) * total;
        let mut hour = 0.0;
        for weight in HOURS {
            if left < weight {
                hour += left / weight;
                break;
            }
            left -= weight;
            hour += 1.0;
        }
        self.seconds(day.floor()) + whole(hour * 3600.0).min(DAY - 1)
    }

    /// The seconds of the epoch of a time.
    pub(super) fn seconds(&self, day: f64) -> i64 {
        self.start + whole(day * 86_400.0)
    }

    /// The month of a second of the epoch.
    pub(super) fn month(&self, second: i64) -> usize {
        self.months.partition_point(|month| month.start <= second).saturating_sub(1)
    }

    /// Which dropout model customers follow: whether they can leave after the first purchase.
    pub(super) fn leaves_at_once(&self) -> bool {
        self.settings.model == Dropout::Mbg
    }
}

/// One campaign a month, by turns of e-mail, paid search and social media.
fn campaigns(from: NaiveDate, days: f64) -> Vec<Campaign> {
    let turns = [Channel::Email, Channel::PaidSearch, Channel::Social];
    let mut all = vec![];
    let mut day = 14_u32;
    for channel in turns.into_iter().cycle() {
        let length = if channel == Channel::Email { 7 } else { 14 };
        let (Some(start), Some(end)) = (
            from.checked_add_days(Days::new(u64::from(day))),
            from.checked_add_days(Days::new(u64::from(day + length - 1))),
        ) else {
            break;
        };
        if f64::from(day + length) > days {
            break;
        }
        all.push(Campaign {
            name: format!("{start}-{}", channel.name()),
            channel,
            from: f64::from(day),
            to: f64::from(day + length),
            start,
            end,
            cost: if channel == Channel::Email { 400.0 } else { 2500.0 },
        });
        day += 30;
    }
    all
}

fn incidents(days: f64) -> Vec<Incident> {
    let week = (days / 10.0).floor().min(7.0);
    let at = |share: f64| (days * share).floor();
    vec![
        Incident {
            name: "late_delivery",
            from: at(0.35),
            to: Some(at(0.35) + week),
            rate: 1.0,
            payment: 1.0,
            price: 1.0,
            complaint: 0.25,
            description: "parcels arrive late and customers complain",
        },
        Incident {
            name: "outage",
            from: at(0.55),
            to: Some(at(0.55) + week),
            rate: 1.0,
            payment: 0.4,
            price: 1.0,
            complaint: 0.4,
            description: "most payments fail and many who could not pay complain",
        },
        Incident {
            name: "price_rise",
            from: at(0.75),
            to: None,
            rate: 0.9,
            payment: 1.0,
            price: 1.12,
            complaint: COMPLAINT,
            description: "prices rise for good and customers buy less often",
        },
    ]
}
