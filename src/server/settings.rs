//! The settings that PostgreSQL's clients expect to find: those that mean something here, and those
//! that can only be what they are. Tenure's own are the engine's.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::array::timezone::Tz;

use super::error::{Failure, Outcome};
use super::startup::{SERVER_VERSION, SERVER_VERSION_NUMBER};

/// How a setting is checked.
#[derive(Clone, Copy)]
enum Kind {
    /// any text
    Text,
    /// nothing but what it is
    Fixed,
    /// that of texts, which is UTF-8
    Encoding,
    /// one of these; the first is written when another name for it is given
    One(&'static [&'static str]),
    /// on or off
    Switch,
    /// milliseconds, or a number with a unit; 0 is none
    Time,
    /// a whole number
    Number,
    /// a name of a time zone, or an offset
    Zone,
    /// only text of this form can be read by clients: ISO dates
    DateStyle,
}

struct Definition {
    name: &'static str,
    value: &'static str,
    kind: Kind,
}

const fn define(name: &'static str, value: &'static str, kind: Kind) -> Definition {
    Definition { name, value, kind }
}

/// In order of their names.
const SETTINGS: &[Definition] = &[
    define("application_name", "", Kind::Text),
    define("array_nulls", "on", Kind::Fixed),
    define("backslash_quote", "safe_encoding", Kind::Text),
    define("block_size", "8192", Kind::Fixed),
    define("bytea_output", "hex", Kind::Fixed),
    define("client_encoding", "UTF8", Kind::Encoding),
    define("client_min_messages", "notice", Kind::Text),
    define("datestyle", "ISO, MDY", Kind::DateStyle),
    define("default_tablespace", "", Kind::Text),
    define("default_transaction_deferrable", "off", Kind::Switch),
    define("default_transaction_isolation", "read committed", Kind::Text),
    define("default_transaction_read_only", "on", Kind::Switch),
    define("enable_nestloop", "on", Kind::Switch),
    define("enable_seqscan", "on", Kind::Switch),
    define("escape_string_warning", "on", Kind::Switch),
    define("extra_float_digits", "1", Kind::Number),
    define("from_collapse_limit", "8", Kind::Number),
    define("geqo", "on", Kind::Switch),
    define("gin_fuzzy_search_limit", "0", Kind::Number),
    define("idle_in_transaction_session_timeout", "0", Kind::Time),
    define("idle_session_timeout", "0", Kind::Time),
    define("in_hot_standby", "off", Kind::Fixed),
    define("integer_datetimes", "on", Kind::Fixed),
    define("intervalstyle", "postgres", Kind::Fixed),
    define("is_superuser", "off", Kind::Fixed),
    define("jit", "off", Kind::Switch),
    define("join_collapse_limit", "8", Kind::Number),
    define("lc_collate", "C.UTF-8", Kind::Fixed),
    define("lc_ctype", "C.UTF-8", Kind::Fixed),
    define("lc_messages", "C.UTF-8", Kind::Text),
    define("lc_monetary", "C.UTF-8", Kind::Text),
    define("lc_numeric", "C.UTF-8", Kind::Text),
    define("lc_time", "C.UTF-8", Kind::Text),
    define("lock_timeout", "0", Kind::Time),
    define("max_identifier_length", "63", Kind::Fixed),
    define("max_index_keys", "32", Kind::Fixed),
    define("quote_all_identifiers", "off", Kind::Switch),
    define("role", "none", Kind::One(&["none", "default"])),
    define("row_security", "on", Kind::Switch),
    define("search_path", "main", Kind::Text),
    define("server_encoding", "UTF8", Kind::Fixed),
    define("server_version", SERVER_VERSION, Kind::Fixed),
    define("server_version_num", SERVER_VERSION_NUMBER, Kind::Fixed),
    define("session_authorization", "", Kind::Text),
    define("ssl", "off", Kind::Fixed),
    define("ssl_renegotiation_limit", "0", Kind::Number),
    define("standard_conforming_strings", "on", Kind::Fixed),
    define("statement_timeout", "0", Kind::Time),
    define("synchronize_seqscans", "on", Kind::Switch),
    define("synchronous_commit", "on", Kind::Text),
    define("tcp_keepalives_count", "0", Kind::Number),
    define("tcp_keepalives_idle", "0", Kind::Number),
    define("tcp_keepalives_interval", "0", Kind::Number),
    define("timezone", "UTC", Kind::Zone),
    define("transaction_deferrable", "off", Kind::Switch),
    define("transaction_isolation", "read committed", Kind::Text),
    define("transaction_read_only", "on", Kind::Switch),
    define("work_mem", "4MB", Kind::Text),
    define("xmloption", "content", Kind::Text),
];

/// Settings that a client is told about whenever they change, as the protocol writes them.
const REPORTED: &[&str] = &[
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "default_transaction_read_only",
    "in_hot_standby",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
];

/// The settings of a session.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    values: BTreeMap<&'static str, String>,
    /// what `RESET` goes back to
    initial: BTreeMap<&'static str, String>,
    longest: Option<Duration>,
    /// what `set_config` leaves to the session
    later: Vec<Later>,
}

/// A setting that the session sets once its statement has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) name: String,
    pub(super) value: Option<String>,
    /// until the end of the transaction
    pub(super) local: bool,
}

impl Settings {
    /// Settings as the server begins a session; no statement may take longer than `longest`.
    pub(super) fn new(timeout: Option<Duration>, longest: Option<Duration>) -> Self {
        let mut values: BTreeMap<&'static str, String> =
            SETTINGS.iter().map(|d| (d.name, d.value.to_owned())).collect();
        let timeout = timeout.or(longest).map_or(0, |t| t.as_millis());
        values.insert("statement_timeout", format_time(timeout));
        Self { initial: values.clone(), values, longest, later: vec![] }
    }

    /// What the server itself says, and `RESET` goes back to.
    pub(super) fn begin(&mut self, name: &'static str, value: String) {
        self.values.insert(name, value.clone());
        self.initial.insert(name, value);
    }

    /// The value of a setting.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(canonical(name).as_str()).map(String::as_str)
    }

    /// Names and values.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets what a client asked for; `None` is its default.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Outcome<()> {
        let name = canonical(name);
        let Some(found) = SETTINGS.iter().find(|d| d.name == name) else {
            return Err(unknown(&name));
        };
        let value = match value {
            None => self.initial.get(found.name).cloned().unwrap_or_default(),
            Some(value) => self.checked(found, value)?,
        };
        self.values.insert(found.name, value);
        Ok(())
    }

    /// Sets a value at log-in, after which `RESET` goes back to it.
    pub(super) fn set_initial(&mut self, name: &str, value: &str) -> Outcome<()> {
        self.set(name, Some(value))?;
        let name = canonical(name);
        if let Some((name, value)) = self.values.get_key_value(name.as_str()) {
            self.initial.insert(name, value.clone());
        }
        Ok(())
    }

    /// Leaves a setting to the session.
    pub(super) fn set_later(&mut self, name: &str, value: Option<&str>, local: bool) {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.later.push(Later { name, value, local });
    }

    /// What was left to the session.
    pub(super) fn take_later(&mut self) -> Vec<Later> {
        std::mem::take(&mut self.later)
    }

    /// Everything as it was when the session began.
    pub(super) fn reset(&mut self) {
        self.values.clone_from(&self.initial);
    }

    fn checked(&self, found: &Definition, value: &str) -> Outcome<String> {
        let wrong = |allowed: &str| {
            Failure::new("22023", format!("{} cannot be {value:?}", found.name)).with_hint(allowed)
        };
        let is_now = self.values.get(found.name).is_some_and(|v| v.eq_ignore_ascii_case(value));
        match found.kind {
            Kind::Text => Ok(value.to_owned()),
            Kind::Fixed if is_now => Ok(value.to_owned()),
            Kind::Fixed => {
                let switch = switch(value).is_some_and(|v| v == found.value);
                if switch {
                    return Ok(found.value.to_owned());
                }
                Err(wrong(&format!("it is {} and nothing else here", found.value)))
            }
            // of a name only letters and digits count, and drivers put it into quotes
            Kind::Encoding => {
                let name = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
                match name.to_lowercase().as_str() {
                    "utf8" | "unicode" => Ok(found.value.to_owned()),
                    _ => Err(wrong("it is UTF8")),
                }
            }
            Kind::One(allowed) => {
                let known = allowed.iter().any(|a| a.eq_ignore_ascii_case(value));
                let Some(first) = allowed.first().filter(|_| known) else {
                    return Err(wrong(&format!("it is one of {}", allowed.join(", "))));
                };
                Ok((*first).to_owned())
            }
            Kind::Switch => {
                switch(value).map(str::to_owned).ok_or_else(|| wrong("it is on or off"))
            }
            Kind::Number => {
                value.parse::<i64>().map(|n| n.to_string()).map_err(|_| wrong("it is a number"))
            }
            Kind::Time => {
                let time = parse_time(value)
                    .ok_or_else(|| wrong("it is a number of milliseconds, or such as 30s"))?;
                if found.name == "statement_timeout"
                    && let Some(longest) = self.longest
                    && (time == 0 || u128::from(time) > longest.as_millis())
                {
                    let longest = format_time(longest.as_millis());
                    return Err(Failure::new(
                        "42501",
                        format!("statement_timeout cannot be more than {longest} here"),
                    )
                    .with_hint("the server's --max-statement-timeout is the limit"));
                }
                Ok(format_time(u128::from(time)))
            }
            Kind::Zone => zone(value).map(|_| value.to_owned()).ok_or_else(|| {
                wrong("it is a name such as Europe/London, or an offset such as +01:00")
            }),
            Kind::DateStyle => {
                // the order of day and month is for reading, and only ISO is read
                let iso = value.split(',').any(|part| part.trim().eq_ignore_ascii_case("iso"));
                let order = value.split(',').map(str::trim).find(|part| {
                    ["mdy", "dmy", "ymd"].iter().any(|order| part.eq_ignore_ascii_case(order))
                });
                match (iso, order) {
                    (true, order) => Ok(format!("ISO, {}", order.unwrap_or("MDY").to_uppercase())),
                    (false, Some(order)) => Ok(format!("ISO, {}", order.to_uppercase())),
                    (false, None) => Err(wrong("dates are written as ISO")),
                }
            }
        }
    }

    /// How long a statement may take.
    pub(super) fn statement_timeout(&self) -> Option<Duration> {
        let millis = self.get("statement_timeout").and_then(parse_time)?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// How long a transaction may wait for its client.
    pub(super) fn idle_timeout(&self, in_transaction: bool) -> Option<Duration> {
        let name = if in_transaction {
            "idle_in_transaction_session_timeout"
        } else {
            "idle_session_timeout"
        };
        let millis = self.get(name).and_then(parse_time)?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// The zone in which `timestamptz` is written. Days and weeks begin in `tenure.timezone`.
    pub(super) fn zone(&self) -> Tz {
        self.get("timezone").and_then(zone).or_else(|| zone("+00:00")).unwrap_or_else(utc)
    }

    /// What has to be said at the beginning, as the protocol spells the names.
    pub(super) fn reported(&self) -> Vec<(&'static str, String)> {
        REPORTED.iter().map(|name| (*name, self.get(name).unwrap_or_default().to_owned())).collect()
    }
}

/// Names are the same in any case; some have several.
fn canonical(name: &str) -> String {
    let name = name.to_lowercase();
    match name.as_str() {
        "time zone" => "timezone".to_owned(),
        "names" => "client_encoding".to_owned(),
        "session authorization" => "session_authorization".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        _ => name,
    }
}

/// A setting that is none.
pub(super) fn unknown(name: &str) -> Box<Failure> {
    let near = crate::error::did_you_mean(name, SETTINGS.iter().map(|d| d.name));
    let failure = Failure::new("42704", format!("there is no setting {name:?}"));
    match near {
        Some(near) => failure.with_hint(near),
        None => {
            failure.with_hint("SHOW ALL lists the settings, SHOW tenure those of the lifecycle")
        }
    }
}

fn switch(value: &str) -> Option<&'static str> {
    match value.to_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "t" => Some("on"),
        "off" | "false" | "no" | "0" | "f" => Some("off"),
        _ => None,
    }
}

fn zone(name: &str) -> Option<Tz> {
    let name = match name.to_lowercase().as_str() {
        "utc" | "gmt" | "z" | "default" | "local" | "etc/utc" => "+00:00".to_owned(),
        _ => name.to_owned(),
    };
    if let Ok(tz) = name.parse() {
        return Some(tz);
    }
    // -3 is -03:00
    let hours: i32 = name.parse().ok().filter(|h: &i32| h.abs() < 24)?;
    format!("{}{:02}:00", if hours < 0 { '-' } else { '+' }, hours.abs()).parse().ok()
}

/// Never needed: an offset of nothing is a zone.
fn utc() -> Tz {
    #[expect(clippy::expect_used, reason = "an offset of nothing is a zone")]
    "+00:00".parse().expect("a zone")
}

/// Milliseconds of `1500`, `1500ms`, `30s`, `2min`, `1h` or `1d`.
pub(super) fn parse_time(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Milliseconds in the largest unit that needs no fraction.
fn format_time(millis: u128) -> String {
    for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)] {
        if millis > 0 && millis.is_multiple_of(factor) {
            return format!("{}{unit}", millis / factor);
        }
    }
    if millis == 0 { "0".to_owned() } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_at_log_in_is_taken() {
        let mut settings = Settings::new(None, None);
        for (name, value, is) in [
            ("extra_float_digits", "3", "3"),
            ("DateStyle", "ISO", "ISO, MDY"),
            ("datestyle", "iso, dmy", "ISO, DMY"),
            ("client_encoding", "utf-8", "UTF8"),
            ("client_encoding", "'utf-8'", "UTF8"),
            ("TimeZone", "Europe/Berlin", "Europe/Berlin"),
            ("statement_timeout", "90000", "90s"),
            ("standard_conforming_strings", "true", "on"),
            ("Bytea_Output", "HEX", "HEX"),
        ] {
            settings.set(name, Some(value)).unwrap();
            assert_eq!(settings.get(name), Some(is), "{name}");
        }
        assert_eq!(settings.statement_timeout(), Some(Duration::from_secs(90)));
        settings.reset();
        assert_eq!(settings.get("timezone"), Some("UTC"));
        for (name, value) in [
            ("client_encoding", "LATIN1"),
            ("DateStyle", "German"),
            ("TimeZone", "Mars/Olympus"),
            ("intervalstyle", "iso_8601"),
            ("statement_timeout", "soon"),
            ("is_superuser", "on"),
        ] {
            assert_eq!(settings.set(name, Some(value)).unwrap_err().code, "22023", "{name}");
        }
        assert_eq!(settings.set("shared_bufers", Some("1")).unwrap_err().code, "42704");
    }

    #[test]
    fn a_limit_on_time_cannot_be_lifted() {
        let longest = Some(Duration::from_secs(60));
        let mut settings = Settings::new(None, longest);
        assert_eq!(settings.get("statement_timeout"), Some("1min"));
        for value in ["0", "61s"] {
            assert_eq!(settings.set("statement_timeout", Some(value)).unwrap_err().code, "42501");
        }
        settings.set("statement_timeout", Some("5s")).unwrap();
    }

    #[test]
    fn settings_are_in_order() {
        assert!(SETTINGS.is_sorted_by_key(|d| d.name));
        assert!(REPORTED.iter().all(|name| Settings::new(None, None).get(name).is_some()));
    }
}
