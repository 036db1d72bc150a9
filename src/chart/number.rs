//! Numbers as people read them: grouped digits, as many decimals as say something.

/// How the numbers of a column are written, all alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    decimals: usize,
}

impl Format {
    /// Whole numbers have no decimals; others about three digits of the greatest.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut greatest = 0.0_f64;
        let mut whole = true;
        for value in values.filter(|v| v.is_finite()) {
            greatest = greatest.max(value.abs());
            whole &= value.fract() == 0.0;
        }
        let decimals = match greatest {
            _ if whole => 0,
            g if g >= 100.0 => 0,
            g if g >= 10.0 => 1,
            g if g >= 1.0 => 2,
            g => cells((2.0 - g.log10().floor()).min(12.0)),
        };
        Self { decimals }
    }

    /// As short as two digits of the greatest allow, for many numbers beside each other.
    pub(super) fn short(values: impl Iterator<Item = f64>) -> Self {
        let Self { decimals } = Self::of(values);
        // three digits, but for whole numbers
        Self { decimals: decimals.saturating_sub(1) }
    }

    /// The decimals that the steps of an axis need.
    pub(super) fn of_step(step: f64) -> Self {
        // a step is 1, 2 or 5 of a power of ten
        Self { decimals: cells((-step.log10()).ceil().clamp(0.0, 12.0)) }
    }

    /// `1,982`, `0.113`.
    pub(super) fn text(self, value: f64) -> String {
        if !value.is_finite() || value.abs() >= 1e15 {
            return if value.is_finite() { format!("{value:.3e}") } else { value.to_string() };
        }
        let plain = format!("{:.*}", self.decimals, value.abs());
        let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
        let mut out = String::new();
        // what is rounded to zero has no sign
        if value < 0.0 && plain.contains(|c: char| ('1'..='9').contains(&c)) {
            out.push('-');
        }
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out.push_str(fraction);
        out
    }
}

/// `45 s`, `25 min`, `1.5 h`, `3.2 d`.
pub(super) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 60.0 => (s, "s"),
        s if s < 3600.0 => (s / 60.0, "min"),
        s if s < 86_400.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    let text = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The greatest whole number of cells that is not above `value`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates, and a negative number of cells is none"
)]
pub(super) fn cells(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimals_that_say_something() {
        let texts = |values: &[f64]| -> Vec<String> {
            let format = Format::of(values.iter().copied());
            values.iter().map(|v| format.text(*v)).collect()
        };
        assert_eq!(texts(&[1.0, 1982.0, -1_234_567.0]), ["1", "1,982", "-1,234,567"]);
        assert_eq!(texts(&[0.5, 4_008_965.4]), ["0", "4,008,965"]);
        assert_eq!(texts(&[0.609, 0.0092, -0.0001]), ["0.609", "0.009", "0.000"]);
        assert_eq!(texts(&[0.0012, 0.0]), ["0.00120", "0.00000"]);
        assert_eq!(texts(&[1e21, f64::NAN, 999.5]), ["1.000e21", "NaN", "1,000"]);
        assert_eq!(texts(&[f64::INFINITY]), ["inf"]);
    }

    #[test]
    fn lengths_of_time_have_a_unit_that_fits() {
        let all = [0.0, 45.0, 90.0, 1500.0, 3600.0, 5400.0, 90_000.0, 864_000.0];
        let texts = all.map(duration);
        assert_eq!(texts, ["0 s", "45 s", "1.5 min", "25 min", "1 h", "1.5 h", "1 d", "10 d"]);
    }
}
