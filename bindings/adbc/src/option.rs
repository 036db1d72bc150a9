//! Options of the three kinds of objects, as far as they are alike.

use adbc_core::error::{Error, Result, Status};
use adbc_core::options::OptionValue;

use crate::error::usage;

/// The value as text, as `SET` takes it.
pub(crate) fn text(name: &str, value: OptionValue) -> Result<String> {
    match value {
        OptionValue::String(text) => Ok(text),
        OptionValue::Int(number) => Ok(number.to_string()),
        OptionValue::Double(number) => Ok(number.to_string()),
        _ => Err(usage(format!("option {name} takes a text or a number"))),
    }
}

/// `true` or `false`.
pub(crate) fn switch(name: &str, value: OptionValue) -> Result<bool> {
    match text(name, value)?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(usage(format!("option {name} is true or false, not {other:?}"))),
    }
}

/// An option that does not exist, or has no value.
pub(crate) fn unknown(name: &str) -> Error {
    Error { status: Status::NotFound, ..usage(format!("there is no option {name}")) }
}

/// The getters that follow from `get_option_string`.
macro_rules! other_getters {
    ($option:ty) => {
        fn get_option_bytes(&self, key: $option) -> adbc_core::error::Result<Vec<u8>> {
            self.get_option_string(key).map(String::into_bytes)
        }

        fn get_option_int(&self, key: $option) -> adbc_core::error::Result<i64> {
            let name = key.as_ref().to_string();
            let text = self.get_option_string(key)?;
            text.parse()
                .map_err(|_| crate::error::usage(format!("option {name} is no whole number")))
        }

        fn get_option_double(&self, key: $option) -> adbc_core::error::Result<f64> {
            let name = key.as_ref().to_string();
            let text = self.get_option_string(key)?;
            text.parse().map_err(|_| crate::error::usage(format!("option {name} is no number")))
        }
    };
}
pub(crate) use other_getters;
