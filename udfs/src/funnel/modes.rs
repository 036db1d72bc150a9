//! The words of a funnel's mode.

use datafusion::common::{Result, plan_err};

use super::core::Order;

/// What the words of a mode ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Modes {
    pub increase: bool,
    pub once: bool,
    pub deduplication: bool,
    pub order: Option<Order>,
    /// ClickHouse's answer instead of the optimum
    pub clickhouse: bool,
}

const WORDS: &str = "strict_increase, strict_once, strict_deduplication, strict_order, allow_reentry (with strict_order), fixed, clickhouse";

/// Reads words with commas between, such as `strict_order, strict_increase`.
///
/// # Errors
/// Words that are unknown or do not go together.
pub(super) fn parse(function: &str, text: &str) -> Result<Modes> {
    let mut modes = Modes::default();
    let (mut reentry, mut strict, mut fixed) = (false, false, false);
    for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "default" => {}
            "strict_increase" => modes.increase = true,
            "strict_once" => modes.once = true,
            "strict_deduplication" | "strict" | "deduplication" => modes.deduplication = true,
            "strict_order" => strict = true,
            "allow_reentry" => reentry = true,
            "fixed" => fixed = true,
            "clickhouse" => modes.clickhouse = true,
            _ => return plan_err!("{function}: there is no mode '{word}'; the modes are {WORDS}"),
        }
    }
    modes.order = match (strict, reentry, fixed) {
        (false, false, false) => None,
        (true, false, false) => Some(Order::Strict),
        (true, true, false) => Some(Order::Reentry),
        (false, false, true) => Some(Order::Fixed),
        (false, true, _) => {
            return plan_err!("{function}: mode allow_reentry needs strict_order");
        }
        (true, _, true) => {
            return plan_err!(
                "{function}: modes strict_order and fixed exclude each other: fixed ignores rows that are no step, strict_order does not"
            );
        }
    };
    if modes.clickhouse && fixed {
        return plan_err!("{function}: ClickHouse has no mode fixed");
    }
    Ok(modes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse("f", text).unwrap_err().strip_backtrace()
    }

    #[test]
    fn words_go_together_in_any_order_and_case() {
        let modes = parse("f", " Strict_Order,allow_reentry ,strict").unwrap();
        assert_eq!(modes.order, Some(Order::Reentry));
        assert!(modes.deduplication && !modes.once && !modes.increase && !modes.clickhouse);
        assert_eq!(parse("f", "").unwrap(), Modes::default());
        assert_eq!(parse("f", "default").unwrap(), Modes::default());
        assert_eq!(parse("f", "fixed").unwrap().order, Some(Order::Fixed));
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        assert!(
            error("strict_once, strictly").contains("no mode 'strictly'; the modes are strict_")
        );
        assert!(error("allow_reentry").contains("needs strict_order"));
        assert!(error("strict_order,fixed").contains("exclude each other"));
        assert!(error("clickhouse,fixed").contains("no mode fixed"));
    }
}
