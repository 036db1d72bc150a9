//! What the data means: which tables of a lake speak of customers, and which column is what.
//!
//! A model is read from `tenure.toml` at the lake's root (`file`) or inferred from conventional
//! names and types (`infer`); either is checked against the tables before it is used (`check`),
//! and the canonical views are written from it as SQL (`views`).

pub(crate) mod check;
pub(crate) mod file;
pub(crate) mod infer;
pub(crate) mod show;
pub(crate) mod views;

use std::collections::BTreeMap;

/// The lifecycle model of one lake.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// the lake's time zone, if it states one
    pub timezone: Option<String>,
    /// "today" of a lake whose data have ended
    pub as_of: Option<String>,
    /// the policy of its stages, if it states one
    pub stage_policy: Option<String>,
    /// how each table is read
    pub tables: Vec<TableModel>,
    /// this lake's names of events to the standard ones
    pub renames: BTreeMap<String, String>,
    /// whether it was inferred, not written by a person
    pub inferred: bool,
    /// what the inference left out, and why
    pub notes: Vec<String>,
}

/// One table of a model. Every value but the path and the attributes is SQL over its columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableModel {
    /// name of the raw table
    pub name: String,
    /// folder, glob or URL; the folder of that name if left out
    pub path: Option<String>,
    /// column or expression of each role
    pub roles: BTreeMap<Role, String>,
    /// rows that count
    pub filter: Option<String>,
    /// columns that describe a customer
    pub attributes: Vec<String>,
}

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// who
    Customer,
    /// when
    Time,
    /// what happened
    Event,
    /// how much money
    Amount,
    /// which order
    Order,
    /// which product
    Product,
    /// of which category
    Category,
    /// how many
    Quantity,
    /// through which channel
    Channel,
    /// because of which campaign
    Campaign,
    /// in which session
    Session,
    /// when the lake learned of it
    Ingested,
}

impl Role {
    /// Every role, in the order of the columns of `events`.
    pub const ALL: [Self; 12] = [
        Self::Customer,
        Self::Time,
        Self::Event,
        Self::Amount,
        Self::Order,
        Self::Product,
        Self::Category,
        Self::Quantity,
        Self::Channel,
        Self::Campaign,
        Self::Session,
        Self::Ingested,
    ];

    /// The key in `tenure.toml`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Time => "time",
            Self::Event => "event",
            Self::Amount => "amount",
            Self::Order => "order",
            Self::Product => "product",
            Self::Category => "category",
            Self::Quantity => "quantity",
            Self::Channel => "channel",
            Self::Campaign => "campaign",
            Self::Session => "session",
            Self::Ingested => "ingested_at",
        }
    }

    /// The column of the view `events`.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Customer => "customer_id",
            Self::Time => "ts",
            Self::Event => "event_type",
            Self::Amount => "amount",
            Self::Order => "order_id",
            Self::Product => "product_id",
            Self::Category => "category",
            Self::Quantity => "quantity",
            Self::Channel => "channel",
            Self::Campaign => "campaign_id",
            Self::Session => "session_id",
            Self::Ingested => "ingested_at",
        }
    }
}

impl TableModel {
    /// The SQL of a role.
    pub fn role(&self, role: Role) -> Option<&str> {
        self.roles.get(&role).map(String::as_str)
    }

    /// Whether its rows are events: it says who and when.
    pub fn has_events(&self) -> bool {
        self.roles.contains_key(&Role::Customer) && self.roles.contains_key(&Role::Time)
    }
}

impl Model {
    /// The tables whose rows are events.
    pub fn event_tables(&self) -> impl Iterator<Item = &TableModel> {
        self.tables.iter().filter(|t| t.has_events())
    }

    /// The tables that describe customers.
    pub fn attribute_tables(&self) -> impl Iterator<Item = &TableModel> {
        self.tables
            .iter()
            .filter(|t| t.roles.contains_key(&Role::Customer) && !t.attributes.is_empty())
    }

    /// Whether the canonical views exist.
    pub fn maps_events(&self) -> bool {
        self.event_tables().next().is_some()
    }
}
