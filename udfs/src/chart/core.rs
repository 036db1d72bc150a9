//! Pictures of numbers, a line high.

const BAR: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const SPARK: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Appends a bar that is `width` characters long where `value` is `max`, and nothing where it is
/// `min`; eighths of a character are drawn.
pub fn bar(value: f64, min: f64, max: f64, width: f64, out: &mut String) {
    let length = if value.is_nan() || value <= min {
        0.0
    } else if value >= max {
        width
    } else {
        // halves, since the distance of two doubles may be more than a double
        (value / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0) * width
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and width, which is small"
    )]
    let eighths = (length * 8.0) as usize;
    out.extend(std::iter::repeat_n('█', eighths / 8));
    out.push_str(BAR.get(eighths % 8).copied().unwrap_or_default());
}

/// Appends a character for each number, as high as it lies between `min` and `max`; a space for
/// what is no finite number. Limits that are not given are the least and the greatest number.
pub(super) fn spark(
    values: impl Iterator<Item = Option<f64>> + Clone,
    min: Option<f64>,
    max: Option<f64>,
    out: &mut String,
) {
    let finite = |v: Option<f64>| v.filter(|v| v.is_finite());
    let known = || values.clone().filter_map(finite);
    let min = min.or_else(|| known().reduce(f64::min)).unwrap_or_default();
    let max = max.or_else(|| known().reduce(f64::max)).unwrap_or_default().max(min);
    let height = |v: f64| {
        let share = if max > min {
            (v / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0)
        } else if v == min {
            // all the same: half high
            0.4
        } else {
            f64::from(v > min)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 7"
        )]
        let step = (share.clamp(0.0, 1.0) * 7.0).round() as usize;
        SPARK.get(step).copied().unwrap_or(' ')
    };
    out.extend(values.clone().map(|v| finite(v).map_or(' ', height)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar_of(value: f64, min: f64, max: f64, width: f64) -> String {
        let mut out = String::new();
        bar(value, min, max, width, &mut out);
        out
    }

    #[test]
    fn a_bar_is_as_long_as_its_number() {
        assert_eq!(bar_of(5.0, 0.0, 10.0, 4.0), "██");
        assert_eq!(bar_of(10.0, 0.0, 10.0, 2.0), "██");
        assert_eq!(bar_of(11.0, 0.0, 10.0, 2.0), "██");
        for value in [0.0, -1.0, f64::NAN] {
            assert_eq!(bar_of(value, 0.0, 10.0, 2.0), "");
        }
        let eighths: Vec<String> = (0..9).map(|i| bar_of(f64::from(i), 0.0, 8.0, 1.0)).collect();
        assert_eq!(eighths.concat(), "▏▎▍▌▋▊▉█");
        assert_eq!(bar_of(f64::INFINITY, 0.0, 1.0, 3.0), "███");
        assert_eq!(bar_of(0.0, f64::MIN, f64::MAX, 2.0), "█");
        // nothing lies between: all or nothing
        assert_eq!(bar_of(1.0, 1.0, 1.0, 3.0), "");
        assert_eq!(bar_of(2.0, 1.0, 1.0, 3.0), "███");
    }

    #[test]
    fn a_line_goes_from_the_least_to_the_greatest() {
        let line = |values: &[Option<f64>], min, max| {
            let mut out = String::new();
            spark(values.iter().copied(), min, max, &mut out);
            out
        };
        let eight: Vec<_> = (0..8).map(|i| Some(f64::from(i))).collect();
        assert_eq!(line(&eight, None, None), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[Some(1.0), None, Some(3.0), Some(f64::NAN)], None, None), "▁ █ ");
        assert_eq!(line(&[Some(5.0); 3], None, None), "▄▄▄");
        assert_eq!(line(&[None, Some(f64::INFINITY)], None, None), "  ");
        assert_eq!(line(&[], None, None), "");
        assert_eq!(line(&[Some(1.0), Some(2.0), Some(9.0)], Some(0.0), Some(2.0)), "▅██");
        assert_eq!(line(&[Some(1.0), Some(5.0), Some(5.0)], Some(5.0), None), "▁▄▄");
        assert_eq!(line(&[Some(f64::MIN), Some(0.0), Some(f64::MAX)], None, None), "▁▅█");
    }
}
