//! The standard names of events and what each is about.
//!
//! Their order is also the order of events at one instant: a cart is filled before it is paid for.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_datafusion_err};

use crate::payload::{Payload, Texts};

/// The standard event names with their class.
const EVENT_TYPES: [(&str, &str); 29] = [
    ("signup", "acquisition"),
    ("login", "engagement"),
    ("page_view", "engagement"),
    ("search", "engagement"),
    ("add_to_cart", "intent"),
    ("remove_from_cart", "intent"),
    ("checkout", "intent"),
    ("payment", "revenue"),
    ("purchase", "revenue"),
    ("cross_sell", "revenue"),
    ("order_cancel", "friction"),
    ("cart_abandon", "friction"),
    ("return", "friction"),
    ("refund", "friction"),
    ("complaint", "friction"),
    ("complaint_resolved", "service"),
    ("support", "service"),
    ("review", "engagement"),
    ("subscribe", "retention"),
    ("renew", "retention"),
    ("unsubscribe", "friction"),
    ("upgrade", "revenue"),
    ("downgrade", "friction"),
    ("email_sent", "campaign"),
    ("email_open", "campaign"),
    ("email_click", "campaign"),
    ("survey", "service"),
    ("payment_failed", "friction"),
    ("referral", "acquisition"),
];

/// The standard event names, each with its class: acquisition, engagement, intent, revenue,
/// friction, service, retention or campaign.
pub fn event_types() -> &'static [(&'static str, &'static str)] {
    &EVENT_TYPES
}

/// An event that turning points are found from; the number is its place in [`event_types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Signup = 0,
    AddToCart = 4,
    Checkout = 6,
    Payment = 7,
    Purchase = 8,
    CrossSell = 9,
    OrderCancel = 10,
    CartAbandon = 11,
    Return = 12,
    Complaint = 14,
    Subscribe = 18,
    Unsubscribe = 20,
    Upgrade = 21,
    Downgrade = 22,
}

impl Kind {
    /// The event of a name; `None` for all others. By length first: one comparison is the rule.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let pick = |want: &[u8], kind| (name == want).then_some(kind);
        match name.len() {
            6 => match name.first() {
                Some(b's') => pick(b"signup", Self::Signup),
                _ => pick(b"return", Self::Return),
            },
            7 => match name.first() {
                Some(b'p') => pick(b"payment", Self::Payment),
                _ => pick(b"upgrade", Self::Upgrade),
            },
            8 => match name.first() {
                Some(b'p') => pick(b"purchase", Self::Purchase),
                _ => pick(b"checkout", Self::Checkout),
            },
            9 => match name.first() {
                Some(b's') => pick(b"subscribe", Self::Subscribe),
                Some(b'c') => pick(b"complaint", Self::Complaint),
                _ => pick(b"downgrade", Self::Downgrade),
            },
            10 => pick(b"cross_sell", Self::CrossSell),
            11 => match name.first() {
                Some(b'a') => pick(b"add_to_cart", Self::AddToCart),
                _ => pick(b"unsubscribe", Self::Unsubscribe),
            },
            12 => match name.first() {
                Some(b'o') => pick(b"order_cancel", Self::OrderCancel),
                _ => pick(b"cart_abandon", Self::CartAbandon),
            },
            _ => None,
        }
    }

    /// The event of a tag that [`Kind::tag`] gave.
    pub(crate) const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            0 => Self::Signup,
            4 => Self::AddToCart,
            6 => Self::Checkout,
            7 => Self::Payment,
            8 => Self::Purchase,
            9 => Self::CrossSell,
            10 => Self::OrderCancel,
            11 => Self::CartAbandon,
            12 => Self::Return,
            14 => Self::Complaint,
            18 => Self::Subscribe,
            20 => Self::Unsubscribe,
            21 => Self::Upgrade,
            22 => Self::Downgrade,
            _ => return None,
        })
    }

    pub(crate) const fn tag(self) -> u8 {
        self as u8
    }
}

impl Payload for Kind {
    fn types() -> Vec<DataType> {
        u8::types()
    }

    fn write(
        payloads: impl Iterator<Item = Self> + Clone,
        texts: &Texts,
        columns: &mut Vec<ArrayRef>,
    ) {
        u8::write(payloads.map(Self::tag), texts, columns);
    }

    fn read<'a>(
        columns: &mut impl Iterator<Item = &'a ArrayRef>,
        n: usize,
        texts: &mut Texts,
    ) -> Result<Vec<Self>> {
        let kind = |tag| {
            Self::from_tag(tag).ok_or_else(|| internal_datafusion_err!("no event has tag {tag}"))
        };
        u8::read(columns, n, texts)?.into_iter().map(kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_matters_is_found_by_its_standard_name() {
        let found: Vec<_> = EVENT_TYPES
            .iter()
            .enumerate()
            .filter_map(|(i, (name, _))| Kind::of(name.as_bytes()).map(|k| (i, k)))
            .collect();
        assert_eq!(found.len(), 14);
        for (i, kind) in found {
            assert_eq!(usize::from(kind.tag()), i, "{kind:?}");
        }
        let tags = (0..=u8::MAX).filter_map(|t| Kind::from_tag(t).map(|k| (t, k)));
        assert!(tags.clone().all(|(t, k)| k.tag() == t) && tags.count() == 14);
        assert_eq!(Kind::of(b"purchasf"), None);
        assert_eq!(Kind::of(b""), None);
    }
}
