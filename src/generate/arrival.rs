//! How events reach the lake: some seconds late; with dirt, some twice, much too late or without a
//! name. What is done to them is written down.

use super::events::{Event, Kind};
use super::random::{Purpose, Random};
use super::world::{Channel, World};

/// A row of `truth_dirt`.
#[derive(Debug, Clone)]
pub(super) struct Dirt {
    pub(super) kind: &'static str,
    pub(super) event: Option<u64>,
    pub(super) customer: Option<u64>,
    pub(super) device: Option<u64>,
    pub(super) ts: Option<i64>,
    pub(super) description: String,
}

/// Each of these kinds of dirt is on one event of so many.
const TWICE: f64 = 0.01;
const LATE: f64 = 0.01;
const ANONYMOUS: f64 = 0.005;
/// How many of those who can share the device of the customer before do. Every sixth can: of those
/// two, neither has a second device, and the one before shares none.
const SHARED: f64 = 0.12;
/// Events of the bot.
pub(super) const BOT: u64 = 50_000;

/// Says when the events of a customer arrive and soils them where that is asked for.
pub(super) fn arrive(world: &World, customer: u64, events: &mut Vec<Event>, dirt: &mut Vec<Dirt>) {
    let mut random = Random::new(world.settings.seed, customer, Purpose::Arrival);
    let last = world.end - 1;
    for event in events.iter_mut() {
        let delay = i64::try_from(random.below(30)).unwrap_or(0) + 1;
        event.ingested = (event.ts + delay).min(last);
    }
    if !world.settings.dirt {
        return;
    }
    if customer % 6 == 2 && random.chance(SHARED) {
        let (own, other) = (customer * 2, (customer - 1) * 2);
        let mut used = false;
        for event in events.iter_mut().filter(|event| event.device == own) {
            event.device = other;
            used = true;
        }
        if used {
            dirt.push(Dirt {
                kind: "shared_device",
                event: None,
                customer: Some(customer),
                device: Some(other),
                ts: None,
                description: "uses the device of the customer before instead of an own one".into(),
            });
        }
    }
    let mut twins = vec![];
    for event in events.iter_mut() {
        let luck = random.uniform();
        let (kind, description) = if luck < TWICE {
            let delay = i64::try_from(random.below(3000)).unwrap_or(0) + 1;
            twins.push(Event { ingested: (event.ingested + delay).min(last), ..*event });
            ("duplicate", "there are two rows of this event".to_owned())
        } else if luck < TWICE + LATE {
            let delay = 3600 + i64::try_from(random.below(10 * 86_400)).unwrap_or(0);
            event.ingested = (event.ts + delay).min(last);
            let hours = (event.ingested - event.ts) / 3600;
            ("late", format!("arrived {hours} hours after it happened, behind later events"))
        } else if luck < TWICE + LATE + ANONYMOUS {
            event.anonymous = true;
            ("null_id", "the row does not say which customer it was".to_owned())
        } else {
            continue;
        };
        dirt.push(Dirt {
            kind,
            event: Some(event.number),
            customer: Some(event.customer),
            device: None,
            ts: Some(event.ts),
            description,
        });
    }
    events.append(&mut twins);
}

/// The number under which the bot is a customer.
pub(super) fn bot_number(world: &World) -> u64 {
    world.settings.customers + 1
}

/// A crawler that looks at everything within three days and buys nothing.
pub(super) fn bot(world: &World) -> (Vec<Event>, Vec<Dirt>) {
    let customer = bot_number(world);
    let mut random = Random::new(world.settings.seed, customer, Purpose::Arrival);
    let start = world.seconds((world.days * 0.45).floor());
    let mut events = vec![];
    let mut dirt = vec![];
    for n in 0..BOT {
        let number = customer * super::events::EVENTS_OF_ONE + n;
        // 5 seconds apart, give or take
        let ts = start + i64::try_from(n * 5 + random.below(5)).unwrap_or(0);
        events.push(Event {
            number,
            customer,
            // the crawler keeps no cookies for more than a hundred pages
            session: number - n % 100,
            order: 0,
            device: customer * 2,
            ts,
            ingested: ts + 1,
            cents: 0,
            kind: if n % 10 == 9 { Kind::Search } else { Kind::PageView },
            channel: Some(Channel::Direct),
            campaign: None,
            product: if n % 10 == 9 { 0 } else { u16::try_from(n % 240 + 1).unwrap_or(1) },
            quantity: 0,
            anonymous: false,
        });
        dirt.push(Dirt {
            kind: "bot",
            event: Some(number),
            customer: Some(customer),
            device: None,
            ts: Some(ts),
            description: "a crawler, not a customer".into(),
        });
    }
    (events, dirt)
}

/// The change of the schema.
pub(super) fn schema_change(world: &World) -> Option<Dirt> {
    let month = world.months.get(world.changed)?;
    Some(Dirt {
        kind: "schema_change",
        event: None,
        customer: None,
        device: None,
        ts: Some(month.start),
        description:
            "from then on there is a column app_version, and quantity is BIGINT instead of INT"
                .into(),
    })
}
