//! From a life to its events: visits, orders and what follows them, e-mails, referrals.

use super::life::{Life, Mail, Purchase};
use super::random::{Purpose, Random};
use super::world::{Channel, World};

/// What happened; the names are the standard ones where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signup,
    PageView,
    Search,
    AddToCart,
    Checkout,
    Payment,
    PaymentFailed,
    Purchase,
    OrderCancel,
    Return,
    Complaint,
    Upgrade,
    Referral,
    EmailSent,
    EmailOpen,
    EmailClick,
    Unsubscribe,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::PageView => "page_view",
            Self::Search => "search",
            Self::AddToCart => "add_to_cart",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::PaymentFailed => "payment_failed",
            Self::Purchase => "purchase",
            Self::OrderCancel => "order_cancel",
            Self::Return => "return",
            Self::Complaint => "complaint",
            Self::Upgrade => "upgrade",
            Self::Referral => "referral",
            Self::EmailSent => "email_sent",
            Self::EmailOpen => "email_open",
            Self::EmailClick => "email_click",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// Categories of products, in turn: product 1 is a book, product 2 is clothes, …
pub(super) const CATEGORIES: [&str; 8] =
    ["books", "clothes", "electronics", "garden", "home", "music", "sports", "toys"];
/// Products are numbered from 1.
const PRODUCTS: u64 = 240;

/// An event. Numbers are 0 where there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) customer: u64,
    pub(super) session: u64,
    pub(super) order: u64,
    pub(super) device: u64,
    /// seconds of the epoch
    pub(super) ts: i64,
    pub(super) ingested: i64,
    pub(super) cents: i64,
    pub(super) kind: Kind,
    pub(super) channel: Option<Channel>,
    /// place in the world's campaigns
    pub(super) campaign: Option<u16>,
    pub(super) product: u16,
    pub(super) quantity: u8,
    /// the row does not say which customer
    pub(super) anonymous: bool,
}

/// So many events of one customer can be told apart.
pub(super) const EVENTS_OF_ONE: u64 = 1 << 20;

/// A customer's events, and the two facts that only they tell.
pub(super) struct History {
    pub(super) events: Vec<Event>,
    /// the second of the purchase after which they left
    pub(super) died: Option<i64>,
    /// the customer who brought them
    pub(super) referrer: Option<u64>,
    /// where they came from
    pub(super) channel: Channel,
}

/// Writes down what one customer does.
struct Diary<'a> {
    world: &'a World,
    life: &'a Life,
    events: Vec<Event>,
    next: u64,
}

/// What the events of one visit share.
#[derive(Clone, Copy)]
struct Visit {
    session: u64,
    device: u64,
    channel: Option<Channel>,
    campaign: Option<usize>,
}

/// What came of an order.
struct Order {
    number: u64,
    ts: i64,
    cents: i64,
    visit: Visit,
    product: u16,
    quantity: u8,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl History {
    /// The events of a life, in no order.
    pub(super) fn of(world: &World, life: &Life) -> Self {
        let mut diary =
            Diary { world, life, events: vec![], next: life.number.wrapping_mul(EVENTS_OF_ONE) };
        let mut random = Random::new(world.settings.seed, life.number, Purpose::Shop);
        let referrer = (life.channel == Channel::Referral)
            .then(|| referrer(world, life, &mut random))
            .flatten();
        let channel = match (life.channel, referrer) {
            // nobody was there to bring them
            (Channel::Referral, None) => Channel::Organic,
            (channel, _) => channel,
        };
        if let Some((of, at)) = referrer {
            diary.referral(of, at);
        }
        let died = diary.purchases(channel, &mut random);
        diary.failures(&mut random);
        diary.mails(&mut random);
        diary.browsing();
        Self { events: diary.events, died, referrer: referrer.map(|(of, _)| of), channel }
    }
}

/// A customer who was there shortly before, and when they spoke of the shop.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of a number of customers"
)]
fn referrer(world: &World, life: &Life, random: &mut Random) -> Option<(u64, f64)> {
    let older = life.number.saturating_sub(1);
    let at = life.born - random.between(0.02, 2.0);
    // two tries: whoever it is must still be a customer
    for _ in 0..2 {
        let share = random.uniform();
        let back = (share * share * older as f64) as u64;
        let other = Life::new(world, older.saturating_sub(back).max(1));
        if other.number < life.number && other.born + 0.1 < at && other.alive(at + 1.0) {
            return Some((other.number, at));
        }
    }
    None
}

fn seconds(random: &mut Random, from: u32, to: u32) -> i64 {
    let more = random.below(u64::from(to.saturating_sub(from)) + 1);
    i64::from(from) + i64::try_from(more).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "a time of some days in seconds")]
fn rounded(value: f64) -> i64 {
    value.round() as i64
}

impl Diary<'_> {
    /// Writes an event and answers its number; what is after the end is not seen any more.
    fn write(&mut self, kind: Kind, ts: i64, visit: Option<Visit>) -> u64 {
        let number = self.next;
        self.next += 1;
        if ts < self.world.end {
            self.events.push(Event {
                number,
                customer: self.life.number,
                session: visit.map_or(0, |visit| visit.session),
                order: 0,
                device: visit.map_or(0, |visit| visit.device),
                ts,
                ingested: ts,
                cents: 0,
                kind,
                channel: visit.and_then(|visit| visit.channel),
                campaign: visit
                    .and_then(|visit| visit.campaign)
                    .and_then(|campaign| u16::try_from(campaign).ok()),
                product: 0,
                quantity: 0,
                anonymous: false,
            });
        }
        number
    }

    /// The event that was written last under this number, to say more of it.
    fn amend(&mut self, number: u64, change: impl FnOnce(&mut Event)) {
        if let Some(event) = self.events.last_mut().filter(|event| event.number == number) {
            change(event);
        }
    }

    fn with_product(&mut self, number: u64, product: u16, quantity: u8) {
        self.amend(number, |event| (event.product, event.quantity) = (product, quantity));
    }

    fn referral(&mut self, of: u64, at: f64) {
        let number = self.write(Kind::Referral, self.world.seconds(at), None);
        self.amend(number, |event| event.customer = of);
    }

    /// Everyone has a device, some have two; most visits come from the first.
    fn device(&self, random: &mut Random) -> u64 {
        let second = self.life.number.is_multiple_of(3) && random.chance(0.3);
        self.life.number * 2 + u64::from(second)
    }

    /// Where a visit comes from that no e-mail made.
    fn visit(&self, at: f64, random: &mut Random) -> Visit {
        let channels = [
            (Channel::Direct, 0.5),
            (Channel::Organic, 0.25),
            (Channel::PaidSearch, 0.15),
            (Channel::Social, 0.1),
        ];
        let channel = random.pick(&channels, Channel::Direct);
        let campaign = self.world.campaign(channel, at);
        Visit { session: 0, device: self.device(random), channel: Some(channel), campaign }
    }

    fn mailed(&self, mail: usize, random: &mut Random) -> Visit {
        let campaign = self.life.mails.get(mail).map(|mail| mail.campaign);
        let device = self.device(random);
        Visit { session: 0, device, channel: Some(Channel::Email), campaign }
    }

    /// A product; everyone has a favourite category.
    fn product(&self, random: &mut Random) -> u16 {
        let categories = CATEGORIES.len() as u64;
        let product = random.below(PRODUCTS);
        let product = if random.chance(0.6) {
            product - product % categories + self.life.number % categories
        } else {
            product
        };
        u16::try_from(product + 1).unwrap_or(1)
    }

    /// Looks around from `ts` on; answers when it is over, and what was looked at last.
    fn look(&mut self, visit: &mut Visit, mut ts: i64, random: &mut Random) -> (i64, u16) {
        if visit.session == 0 {
            visit.session = self.next;
        }
        let mut product = self.product(random);
        if random.chance(0.3) {
            self.write(Kind::Search, ts, Some(*visit));
            ts += seconds(random, 5, 60);
        }
        loop {
            let number = self.write(Kind::PageView, ts, Some(*visit));
            self.with_product(number, product, 0);
            ts += seconds(random, 5, 90);
            if !random.chance(0.35) {
                return (ts, product);
            }
            product = self.product(random);
        }
    }

    fn purchases(&mut self, channel: Channel, random: &mut Random) -> Option<i64> {
        let life = self.life;
        let mut died = None;
        for (n, purchase) in life.purchases.iter().enumerate() {
            let Purchase { at, mail } = *purchase;
            let mut visit = match mail {
                _ if n == 0 => Visit {
                    channel: Some(channel),
                    campaign: self.life.campaign,
                    session: 0,
                    device: self.device(random),
                },
                Some(mail) => self.mailed(mail, random),
                None => self.visit(at, random),
            };
            let mut ts = self.world.visit(at);
            if let Some(mail) = mail {
                self.opened(mail, ts - seconds(random, 60, 600), Some(ts));
                ts += 2;
            }
            if n == 0 {
                visit.session = self.next;
                self.write(Kind::Signup, ts, Some(visit));
                ts += seconds(random, 5, 60);
            }
            let order = self.order(visit, ts, at, random);
            if self.life.died == Some(at) {
                died = Some(order.ts);
            }
            self.aftermath(&order, at, random);
            if n == 2 && random.chance(0.35) {
                self.write(Kind::Upgrade, order.ts + seconds(random, 30, 600), Some(order.visit));
            }
        }
        died
    }

    /// A visit that ends with a purchase.
    fn order(&mut self, mut visit: Visit, ts: i64, at: f64, random: &mut Random) -> Order {
        let (mut ts, product) = self.look(&mut visit, ts, random);
        let quantity = random.pick(&[(1, 0.75), (2, 0.18), (3, 0.07)], 1);
        let number = self.write(Kind::AddToCart, ts, Some(visit));
        self.with_product(number, product, quantity);
        ts += seconds(random, 10, 120);
        self.write(Kind::Checkout, ts, Some(visit));
        ts += seconds(random, 10, 120);
        let spent = random.gamma(self.world.parameters.p) / self.life.nu * self.world.price(at);
        let cents = rounded(spent * 100.0).max(1);
        let payment = self.write(Kind::Payment, ts, Some(visit));
        // the order is called like its payment
        self.amend(payment, |event| event.order = payment);
        ts += seconds(random, 1, 5);
        let number = self.write(Kind::Purchase, ts, Some(visit));
        self.with_product(number, product, quantity);
        self.amend(number, |event| (event.order, event.cents) = (payment, cents));
        Order { number: payment, ts, cents, visit, product, quantity }
    }

    /// What follows a purchase: it is cancelled, returned or complained of, or nothing.
    fn aftermath(&mut self, order: &Order, at: f64, random: &mut Random) {
        let undone = if random.chance(0.02) {
            Some((Kind::OrderCancel, order.ts + seconds(random, 600, 20 * 3600)))
        } else if random.chance(0.06) {
            let days = 1.0 + random.exponential(1.0 / 9.0);
            Some((Kind::Return, order.ts + rounded(days.min(90.0) * 86_400.0)))
        } else {
            None
        };
        if let Some((kind, ts)) = undone {
            let number = self.write(kind, ts, None);
            self.with_product(number, order.product, order.quantity);
            self.amend(number, |event| (event.order, event.cents) = (order.number, -order.cents));
        }
        if random.chance(self.world.complaint(at)) {
            let ts = order.ts + DAY + seconds(random, 0, 2 * 86_400);
            let number = self.write(Kind::Complaint, ts, None);
            self.amend(number, |event| event.order = order.number);
        }
    }

    /// Those who wanted to buy and could not pay.
    fn failures(&mut self, random: &mut Random) {
        let life = self.life;
        for &at in &life.failures {
            let mut visit = self.visit(at, random);
            let (mut ts, product) = self.look(&mut visit, self.world.visit(at), random);
            let number = self.write(Kind::AddToCart, ts, Some(visit));
            self.with_product(number, product, 1);
            ts += seconds(random, 10, 120);
            self.write(Kind::Checkout, ts, Some(visit));
            ts += seconds(random, 10, 120);
            self.write(Kind::PaymentFailed, ts, Some(visit));
            if random.chance(self.world.complaint(at)) {
                self.write(Kind::Complaint, ts + seconds(random, 300, 86_400), None);
            }
        }
    }

    /// An e-mail is opened, and clicked on if it leads to a visit.
    fn opened(&mut self, mail: usize, ts: i64, clicked: Option<i64>) {
        let Some(mail) = self.life.mails.get(mail).copied() else { return };
        let ts = ts.max(self.world.seconds(mail.at) + 1);
        self.mail(Kind::EmailOpen, ts, mail);
        if let Some(clicked) = clicked {
            self.mail(Kind::EmailClick, clicked.max(ts + 1), mail);
        }
    }

    /// An event of an e-mail, outside of any visit.
    fn mail(&mut self, kind: Kind, ts: i64, mail: Mail) {
        let number = self.write(kind, ts, None);
        self.amend(number, |event| {
            event.channel = Some(Channel::Email);
            event.campaign = u16::try_from(mail.campaign).ok();
        });
    }

    fn mails(&mut self, random: &mut Random) {
        let life = self.life;
        for (n, mail) in life.mails.iter().enumerate() {
            let ts = self.world.seconds(mail.at);
            self.mail(Kind::EmailSent, ts, *mail);
            // those that led to a purchase were opened there
            let bought = life.purchases.iter().any(|purchase| purchase.mail == Some(n));
            let alive = life.alive(mail.at);
            let open = random.chance(if alive { 0.35 } else { 0.05 }) && !bought;
            let delay = rounded(60.0 + random.exponential(1.0 / 20_000.0));
            if open {
                let clicks = alive && random.chance(0.25);
                let visited = ts + delay + seconds(random, 10, 60);
                self.opened(n, ts + delay, clicks.then_some(visited));
                if clicks {
                    let mut visit = self.mailed(n, random);
                    self.look(&mut visit, visited + 2, random);
                }
            }
            if mail.last {
                self.mail(Kind::Unsubscribe, ts + delay + seconds(random, 20, 300), *mail);
            }
        }
    }

    /// Visits that lead to nothing, as long as the customer is one.
    fn browsing(&mut self) {
        let (world, life) = (self.world, self.life);
        let mut random = Random::new(world.settings.seed, life.number, Purpose::Browse);
        let rate = world.browsing * world.peak;
        if rate <= 0.0 {
            return;
        }
        let mut at = life.born;
        // the last numbers of a customer are left to those who need them
        let room = life.number.wrapping_mul(EVENTS_OF_ONE) + EVENTS_OF_ONE - 1000;
        while self.next < room {
            at += random.exponential(rate);
            if at >= life.until(world) {
                return;
            }
            if !random.chance(world.demand(at).min(world.peak) / world.peak) {
                continue;
            }
            let mut visit = self.visit(at, &mut random);
            let (ts, product) = self.look(&mut visit, world.visit(at), &mut random);
            if random.chance(0.2) {
                let number = self.write(Kind::AddToCart, ts, Some(visit));
                self.with_product(number, product, 1);
                if random.chance(0.25) {
                    let ts = ts + seconds(&mut random, 10, 120);
                    self.write(Kind::Checkout, ts, Some(visit));
                }
            }
        }
    }
}
