//! One customer's life: who they are, when they buy and when they leave. Pure: a number in, a life
//! out.
//!
//! BG/NBD: a customer is born with a first purchase and buys at a rate of their own, Gamma among
//! customers; after each repeat purchase (in the MBG/NBD also after the first) they leave with a
//! probability of their own, Beta among customers. Seasons, incidents, e-mails and turning points
//! multiply the rate; times are then drawn by thinning (Lewis & Shedler 1979), which is exact.

use super::random::{Purpose, Random};
use super::world::{Channel, LIFT, LIFT_DAYS, MAILED, TURNING, TURNS, World};

/// The rate changes for good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) at: f64,
    pub(super) factor: f64,
}

/// An e-mail of a campaign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail {
    pub(super) campaign: usize,
    pub(super) at: f64,
    /// the customer wants no more
    pub(super) last: bool,
}

/// A purchase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purchase {
    pub(super) at: f64,
    /// the e-mail without which it would not have been, by its place in `mails`
    pub(super) mail: Option<usize>,
}

/// A customer's life.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) number: u64,
    pub(super) born: f64,
    /// purchases per day while alive
    pub(super) rate: f64,
    pub(super) dropout: f64,
    /// rate of the Gamma of their orders
    pub(super) nu: f64,
    pub(super) channel: Channel,
    pub(super) campaign: Option<usize>,
    pub(super) turn: Option<Turn>,
    pub(super) mails: Vec<Mail>,
    /// the first is at birth
    pub(super) purchases: Vec<Purchase>,
    /// times at which they wanted to buy and could not pay
    pub(super) failures: Vec<f64>,
    /// the time of the purchase after which they left
    pub(super) died: Option<f64>,
}

impl Life {
    /// The life of customer `number`, of 1 to the number of customers: births follow the numbers.
    #[expect(clippy::cast_precision_loss, reason = "there are at most 10^9 customers")]
    pub(super) fn new(world: &World, number: u64) -> Self {
        let mut random = Random::new(world.settings.seed, number, Purpose::Life);
        let of = &world.parameters;
        let rate = random.gamma(of.r) / of.alpha;
        let dropout = random.beta(of.a, of.b);
        let nu = random.gamma(of.q) / of.gamma;
        // the last hour is kept free, so that everyone ends the visit they were born in
        let before = number.saturating_sub(1) as f64 + random.uniform();
        let born = before / world.settings.customers as f64 * (world.days - 1.0 / 24.0);
        let (channel, campaign) = acquisition(world, born, &mut random);
        let turn = turn(world, born, &mut random);
        let mails = mails(world, born, &mut random);
        let mut life = Self {
            number,
            born,
            rate,
            dropout,
            nu,
            channel,
            campaign,
            turn,
            mails,
            purchases: vec![Purchase { at: born, mail: None }],
            failures: vec![],
            died: None,
        };
        if world.leaves_at_once() && random.chance(dropout) {
            life.died = Some(born);
        }
        life.live(world, &mut random);
        // who has left does not live to see it
        let died = life.died;
        life.turn = turn.filter(|turn| died.is_none_or(|died| died > turn.at));
        life
    }

    /// Mean of their orders, before prices change.
    pub(super) fn spend_mean(&self, world: &World) -> f64 {
        world.parameters.p / self.nu
    }

    /// Whether they are a customer at a time.
    pub(super) fn alive(&self, at: f64) -> bool {
        at > self.born && self.died.is_none_or(|died| at < died)
    }

    /// The last time of which they can do anything.
    pub(super) fn until(&self, world: &World) -> f64 {
        self.died.unwrap_or(world.days)
    }

    fn live(&mut self, world: &World, random: &mut Random) {
        let turned = self.turn.map_or(1.0, |turn| turn.factor.max(1.0));
        let lifted = if self.lifts(world) { LIFT } else { 1.0 };
        let bound = world.peak * turned * lifted;
        let mut at = self.born;
        while self.died.is_none() {
            at += random.exponential(self.rate * bound);
            if at >= world.days {
                return;
            }
            let mail = lifted_by(&self.mails, at).filter(|_| lifted > 1.0);
            let lift = if mail.is_some() { LIFT } else { 1.0 };
            let turn = self.turn.filter(|turn| at >= turn.at).map_or(1.0, |turn| turn.factor);
            if !random.chance(world.demand(at) * lift * turn / bound) {
                continue;
            }
            if !random.chance(world.payment(at)) {
                self.failures.push(at);
                continue;
            }
            let mail = mail.filter(|_| random.chance(1.0 - 1.0 / LIFT));
            self.purchases.push(Purchase { at, mail });
            if random.chance(self.dropout) {
                self.died = Some(at);
            }
        }
    }

    /// Whether e-mails make anybody buy.
    fn lifts(&self, world: &World) -> bool {
        !world.settings.plain && !self.mails.is_empty()
    }
}

/// The last e-mail before a time, if it still works.
fn lifted_by(mails: &[Mail], at: f64) -> Option<usize> {
    let last = mails.iter().rposition(|mail| mail.at <= at)?;
    mails.get(last).filter(|mail| at < mail.at + LIFT_DAYS).map(|_| last)
}

fn acquisition(world: &World, born: f64, random: &mut Random) -> (Channel, Option<usize>) {
    for channel in [Channel::PaidSearch, Channel::Social] {
        if let Some(campaign) = world.campaign(channel, born)
            && random.chance(0.4)
        {
            return (channel, Some(campaign));
        }
    }
    let channels = [
        (Channel::Organic, 0.35),
        (Channel::Direct, 0.25),
        (Channel::PaidSearch, 0.15),
        (Channel::Social, 0.1),
        (Channel::Referral, 0.15),
    ];
    (random.pick(&channels, Channel::Organic), None)
}

/// A turning point, at least two months after birth and one before the end.
fn turn(world: &World, born: f64, random: &mut Random) -> Option<Turn> {
    let (from, to) = (born + 60.0, world.days - 30.0);
    let wanted = random.chance(TURNING);
    let at = random.between(from, to);
    let [up, down] = TURNS;
    let factor = if random.chance(0.5) { up } else { down };
    (wanted && from < to && !world.settings.plain).then_some(Turn { at, factor })
}

/// The e-mails of a customer: half of the campaigns since birth, by lot, until they want no more.
fn mails(world: &World, born: f64, random: &mut Random) -> Vec<Mail> {
    let mut mails = vec![];
    for (campaign, one) in world.campaigns.iter().enumerate() {
        if one.channel != Channel::Email || one.from < born || !random.chance(MAILED) {
            continue;
        }
        let at = one.from + random.between(8.0, 10.0) / 24.0;
        let last = random.chance(0.015);
        mails.push(Mail { campaign, at, last });
        if last {
            break;
        }
    }
    mails
}
