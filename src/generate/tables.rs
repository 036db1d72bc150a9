//! The tables of a generated lake: from rows to Arrow.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;

use super::arrival::Dirt;
use super::events::{CATEGORIES, Event, Kind};
use super::life::Life;
use super::world::{Channel, HOURS, LIFT, LIFT_DAYS, MAILED, MONTHS, TURNING, WEEKDAYS, World};
use super::{Dropout, Ids};

type Batch = Result<RecordBatch, ArrowError>;

/// What the truth says of a customer.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) life: Life,
    pub(super) died: Option<i64>,
    pub(super) referrer: Option<u64>,
    pub(super) channel: Channel,
}

const COUNTRIES: [(&str, u64); 6] =
    [("DE", 40), ("FR", 20), ("NL", 12), ("AT", 10), ("PL", 10), ("IT", 8)];

/// What an id is of: two of different sorts are never the same UUID.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Customer = 1,
    Session = 2,
    Device = 3,
}

/// Every bit of the answer depends on every bit of the number (the finalizer of SplitMix64).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A UUID (version 8: bits of our own making) of a number.
fn uuid(seed: u64, sort: Sort, number: u64) -> String {
    let high = mixed(number ^ mixed(seed.wrapping_add(sort as u64)));
    let low = mixed(high.wrapping_add(number));
    format!(
        "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff,
    )
}

fn ids(world: &World, sort: Sort, numbers: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    match world.settings.ids {
        Ids::Int => numbers_of(numbers),
        Ids::Uuid => {
            let mut texts = StringBuilder::new();
            for number in numbers {
                texts.append_option(number.map(|n| uuid(world.settings.seed, sort, n)));
            }
            Arc::new(texts.finish())
        }
    }
}

fn some(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

fn numbers_of(numbers: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(numbers.map(|n| n.map(u64::cast_signed)).collect::<Int64Array>())
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<Float64Array>())
}

fn times(seconds: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(seconds.map(|s| s.map(|s| s * 1_000_000)).collect::<TimestampMicrosecondArray>())
}

fn dates(days: impl Iterator<Item = NaiveDate>) -> ArrayRef {
    let since = |day: NaiveDate| {
        i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
    };
    Arc::new(days.map(since).collect::<Date32Array>())
}

/// Columns by name; every one may hold NULL, as in most lakes.
fn batch(columns: Vec<(&str, ArrayRef)>) -> Batch {
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())
}

/// Events of a month, sorted as they are written: by time, with dirt by arrival.
pub(super) fn events(world: &World, month: usize, mut rows: Vec<Event>) -> Batch {
    if world.settings.dirt {
        rows.sort_unstable_by_key(|e| (e.ingested, e.number, e.ts));
    } else {
        rows.sort_unstable_by_key(|e| (e.ts, e.number));
    }
    let changed = world.settings.dirt && month >= world.changed;
    let sold = |e: &Event| (e.quantity != 0).then_some(e.quantity);
    let category = |e: &Event| {
        let n = usize::from(e.product).checked_sub(1)? % CATEGORIES.len();
        CATEGORIES.get(n).copied()
    };
    let amounts: Decimal128Array =
        rows.iter().map(|e| (e.cents != 0).then_some(i128::from(e.cents))).collect();
    let quantity: ArrayRef = if changed {
        Arc::new(rows.iter().map(|e| sold(e).map(i64::from)).collect::<Int64Array>())
    } else {
        Arc::new(rows.iter().map(|e| sold(e).map(i32::from)).collect::<Int32Array>())
    };
    let product: Int32Array =
        rows.iter().map(|e| (e.product != 0).then_some(i32::from(e.product))).collect();
    let campaign = |e: &Event| {
        let campaign = world.campaigns.get(usize::from(e.campaign?))?;
        Some(campaign.name.as_str())
    };
    let mut columns = vec![
        ("event_id", numbers_of(rows.iter().map(|e| Some(e.number)))),
        (
            "customer_id",
            ids(world, Sort::Customer, rows.iter().map(|e| (!e.anonymous).then_some(e.customer))),
        ),
        ("ts", times(rows.iter().map(|e| Some(e.ts)))),
        ("event_type", texts(rows.iter().map(|e| Some(e.kind.name())))),
        ("amount", Arc::new(amounts.with_precision_and_scale(11, 2)?)),
        ("order_id", numbers_of(rows.iter().map(|e| some(e.order)))),
        ("product_id", Arc::new(product)),
        ("category", texts(rows.iter().map(category))),
        ("quantity", quantity),
        ("channel", texts(rows.iter().map(|e| e.channel.map(Channel::name)))),
        ("campaign_id", texts(rows.iter().map(campaign))),
        ("session_id", ids(world, Sort::Session, rows.iter().map(|e| some(e.session)))),
        ("device_id", ids(world, Sort::Device, rows.iter().map(|e| some(e.device)))),
        ("ingested_at", times(rows.iter().map(|e| Some(e.ingested)))),
    ];
    if changed {
        let version = |e: &Event| {
            (e.session != 0).then_some(if e.device.is_multiple_of(4) { "2.1" } else { "2.0" })
        };
        columns.push(("app_version", texts(rows.iter().map(version))));
    }
    batch(columns)
}

/// The customers as the shop knows them.
pub(super) fn customers(world: &World, rows: Vec<Person>) -> Batch {
    let campaign = |p: &Person| Some(world.campaigns.get(p.life.campaign?)?.name.as_str());
    let country = |p: &Person| {
        let mut left = mixed(world.settings.seed ^ mixed(p.life.number)) % 100;
        for (country, share) in COUNTRIES {
            if left < share {
                return Some(country);
            }
            left -= share;
        }
        None
    };
    batch(vec![
        ("customer_id", ids(world, Sort::Customer, rows.iter().map(|p| Some(p.life.number)))),
        ("registered_at", times(rows.iter().map(|p| Some(world.visit(p.life.born))))),
        ("country", texts(rows.iter().map(country))),
        ("acquisition_channel", texts(rows.iter().map(|p| Some(p.channel.name())))),
        ("acquisition_campaign", texts(rows.iter().map(campaign))),
        ("referred_by", ids(world, Sort::Customer, rows.iter().map(|p| p.referrer))),
    ])
}

/// What the customers truly are.
pub(super) fn truth_customers(world: &World, rows: Vec<Person>) -> Batch {
    let purchases = |p: &Person| i32::try_from(p.life.purchases.len()).ok();
    batch(vec![
        ("customer_id", ids(world, Sort::Customer, rows.iter().map(|p| Some(p.life.number)))),
        ("born_at", times(rows.iter().map(|p| Some(world.visit(p.life.born))))),
        ("rate_per_day", numbers(rows.iter().map(|p| p.life.rate))),
        ("dropout_probability", numbers(rows.iter().map(|p| p.life.dropout))),
        ("spend_mean", numbers(rows.iter().map(|p| p.life.spend_mean(world)))),
        ("purchases", Arc::new(rows.iter().map(purchases).collect::<Int32Array>())),
        (
            "alive_at_end",
            Arc::new(rows.iter().map(|p| Some(p.life.died.is_none())).collect::<BooleanArray>()),
        ),
        ("died_at", times(rows.iter().map(|p| p.died))),
    ])
}

/// When whose rate changed.
pub(super) fn truth_turning_points(world: &World, rows: Vec<Person>) -> Batch {
    let turns: Vec<_> = rows.iter().filter_map(|p| Some((p, p.life.turn?))).collect();
    let kind = |factor: f64| if factor > 1.0 { "rate_up" } else { "rate_down" };
    batch(vec![
        ("customer_id", ids(world, Sort::Customer, turns.iter().map(|(p, _)| Some(p.life.number)))),
        ("ts", times(turns.iter().map(|(_, t)| Some(world.seconds(t.at))))),
        ("kind", texts(turns.iter().map(|(_, t)| Some(kind(t.factor))))),
        ("factor", numbers(turns.iter().map(|(_, t)| t.factor))),
        ("rate_before", numbers(turns.iter().map(|(p, _)| p.life.rate))),
        ("rate_after", numbers(turns.iter().map(|(p, t)| p.life.rate * t.factor))),
    ])
}

/// Which rows are dirt.
pub(super) fn truth_dirt(world: &World, rows: Vec<Dirt>) -> Batch {
    batch(vec![
        ("kind", texts(rows.iter().map(|d| Some(d.kind)))),
        ("event_id", numbers_of(rows.iter().map(|d| d.event))),
        ("customer_id", ids(world, Sort::Customer, rows.iter().map(|d| d.customer))),
        ("device_id", ids(world, Sort::Device, rows.iter().map(|d| d.device))),
        ("ts", times(rows.iter().map(|d| d.ts))),
        ("description", texts(rows.iter().map(|d| Some(d.description.as_str())))),
    ])
}

/// The campaigns as the shop knows them.
pub(super) fn campaigns(world: &World) -> Batch {
    let all = &world.campaigns;
    batch(vec![
        ("campaign_id", texts(all.iter().map(|c| Some(c.name.as_str())))),
        ("channel", texts(all.iter().map(|c| Some(c.channel.name())))),
        ("start_date", dates(all.iter().map(|c| c.start))),
        ("end_date", dates(all.iter().map(|c| c.end))),
        ("cost", numbers(all.iter().map(|c| c.cost))),
    ])
}

/// What happened to the shop.
pub(super) fn truth_incidents(world: &World) -> Batch {
    let all = &world.incidents;
    batch(vec![
        ("incident", texts(all.iter().map(|i| Some(i.name)))),
        ("starts_at", times(all.iter().map(|i| Some(world.seconds(i.from))))),
        ("ends_at", times(all.iter().map(|i| i.to.map(|to| world.seconds(to))))),
        ("rate_factor", numbers(all.iter().map(|i| i.rate))),
        ("price_factor", numbers(all.iter().map(|i| i.price))),
        ("payment_probability", numbers(all.iter().map(|i| i.payment))),
        ("complaint_probability", numbers(all.iter().map(|i| i.complaint))),
        ("description", texts(all.iter().map(|i| Some(i.description)))),
    ])
}

/// How demand changes with month and weekday (ISO: Monday is 1), and where visits lie in a day.
pub(super) fn truth_seasons(world: &World) -> Batch {
    let total: f64 = HOURS.iter().sum();
    let all: Vec<(&str, i32, f64)> = if world.settings.plain {
        vec![]
    } else {
        let months = (1..).zip(MONTHS).map(|(n, factor)| ("month", n, factor));
        let weekdays = (1..).zip(WEEKDAYS).map(|(n, factor)| ("weekday", n, factor));
        let hours = (0..).zip(HOURS).map(|(n, weight)| ("hour", n, weight / total * 24.0));
        months.chain(weekdays).chain(hours).collect()
    };
    batch(vec![
        ("kind", texts(all.iter().map(|s| Some(s.0)))),
        ("n", Arc::new(all.iter().map(|s| Some(s.1)).collect::<Int32Array>())),
        ("factor", numbers(all.iter().map(|s| s.2))),
    ])
}

/// The numbers that everything was drawn from.
pub(super) fn truth_parameters(world: &World) -> Batch {
    let of = &world.parameters;
    let plain = world.settings.plain;
    let if_not_plain = |value: f64, neutral: f64| if plain { neutral } else { value };
    let after = match world.settings.model {
        Dropout::Bg => "after each repeat purchase",
        Dropout::Mbg => "after each purchase, the first too",
    };
    let leave = format!("customers leave {after} with a probability of Beta(a, b)");
    let all: [(&str, f64, &str); 12] = [
        ("r", of.r, "purchases per day of a living customer are Gamma(r, alpha)"),
        ("alpha", of.alpha, "purchases per day of a living customer are Gamma(r, alpha)"),
        ("a", of.a, &leave),
        ("b", of.b, &leave),
        ("p", of.p, "orders of a customer are Gamma(p, nu); their mean is p / nu"),
        ("q", of.q, "nu is Gamma(q, gamma) among customers"),
        ("gamma", of.gamma, "nu is Gamma(q, gamma) among customers"),
        ("mailed", MAILED, "share of the customers that an e-mail campaign goes to, by lot"),
        (
            "lift",
            if_not_plain(LIFT, 1.0),
            "purchases are so many times as frequent after an e-mail",
        ),
        ("lift_days", LIFT_DAYS, "for so many days"),
        (
            "turning",
            if_not_plain(TURNING, 0.0),
            "share of the customers that are given a turning point",
        ),
        ("browsing", world.browsing, "visits without a purchase per day of a living customer"),
    ];
    batch(vec![
        ("name", texts(all.iter().map(|p| Some(p.0)))),
        ("value", numbers(all.iter().map(|p| p.1))),
        ("meaning", texts(all.iter().map(|p| Some(p.2)))),
    ])
}

/// The lifecycle model of the lake; a comment says how it was made.
pub(super) fn model(world: &World, command: &str) -> String {
    let as_of = world.settings.to.succ_opt().unwrap_or(world.settings.to);
    let purchase = Kind::Purchase.name();
    format!(
        "# A shop that never was, made by
#   {command}
# What its customers truly are is in the tables truth_*; the model leaves them out.
[lake]
timezone = \"UTC\"
as_of    = \"{as_of}\"   # the day after the last one

[tables.events]           # one row per event; an order is one row, its event is {purchase}
path        = \"events/\"
customer    = \"customer_id\"
time        = \"ts\"
event       = \"event_type\"
amount      = \"amount\"
order       = \"order_id\"
product     = \"product_id\"
category    = \"category\"
quantity    = \"quantity\"
channel     = \"channel\"
campaign    = \"campaign_id\"
session     = \"session_id\"
ingested_at = \"ingested_at\"

[tables.customers]
path       = \"customers/\"
customer   = \"customer_id\"
attributes = [\"country\", \"acquisition_channel\", \"acquisition_campaign\", \"referred_by\"]
"
    )
}

/// Whether a column is best written without a dictionary: nearly every value is another.
pub(super) fn distinct(name: &str, ty: &DataType) -> bool {
    ty == &DataType::Float64 || ["event_id", "ts", "ingested_at", "order_id"].contains(&name)
}
