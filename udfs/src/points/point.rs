//! The turns of a life: their sorts, their names, and what is known of each.

use crate::payload::Label;

/// What sort of turn it is; points of one instant are listed in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Milestone,
    KeyPoint,
    TurningPoint,
    Lapse,
    Reactivation,
    RateChange,
    ValueChange,
}

impl Turn {
    /// Their names, in their order.
    pub(super) const NAMES: [&'static str; 7] = [
        "milestone",
        "key_point",
        "turning_point",
        "lapse",
        "reactivation",
        "rate_change",
        "value_change",
    ];
}

/// What it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Registered,
    Subscribed,
    FirstPurchase,
    SecondPurchase,
    NthPurchase,
    AddToCart,
    Checkout,
    Payment,
    OrderCancel,
    CartAbandon,
    Return,
    Complaint,
    Unsubscribe,
    Upgrade,
    Downgrade,
    CrossSell,
    Lapse,
    Reactivation,
    RateUp,
    RateDown,
    ValueUp,
    ValueDown,
}

impl Name {
    /// The names, in their order.
    pub(super) const NAMES: [&'static str; 22] = [
        "registered",
        "subscribed",
        "first_purchase",
        "second_purchase",
        "nth_purchase",
        "add_to_cart",
        "checkout",
        "payment",
        "order_cancel",
        "cart_abandon",
        "return",
        "complaint",
        "unsubscribe",
        "upgrade",
        "downgrade",
        "cross_sell",
        "lapse",
        "reactivation",
        "rate_up",
        "rate_down",
        "value_up",
        "value_down",
    ];

    /// What sort of turn it is the name of.
    pub(super) const fn turn(self) -> Turn {
        match self {
            Self::Registered
            | Self::Subscribed
            | Self::FirstPurchase
            | Self::SecondPurchase
            | Self::NthPurchase => Turn::Milestone,
            Self::AddToCart | Self::Checkout | Self::Payment => Turn::KeyPoint,
            Self::OrderCancel
            | Self::CartAbandon
            | Self::Return
            | Self::Complaint
            | Self::Unsubscribe
            | Self::Upgrade
            | Self::Downgrade
            | Self::CrossSell => Turn::TurningPoint,
            Self::Lapse => Turn::Lapse,
            Self::Reactivation => Turn::Reactivation,
            Self::RateUp | Self::RateDown => Turn::RateChange,
            Self::ValueUp | Self::ValueDown => Turn::ValueChange,
        }
    }
}

/// What there is to say beside the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Detail {
    None,
    /// the so-many-th purchase
    Purchase(i64),
    /// a category
    Category(Label),
    /// a cart without payment within the window
    Unpaid,
    /// no purchase for so many days, own median gap so many
    Silent(f64, f64),
    /// a purchase after so many days
    Back(f64, f64),
    Rate,
    Value,
}

/// One turn of a life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub ts: i64,
    pub name: Name,
    pub before: Option<f64>,
    pub after: Option<f64>,
    pub score: Option<f64>,
    pub detail: Detail,
}
