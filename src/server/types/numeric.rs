//! PostgreSQL's `numeric` in binary: digits of base 10,000 with a weight and a scale.

use bytes::{Buf, BufMut, BytesMut};

const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;

/// Writes a decimal number from its text, such as `-12.50`.
pub(super) fn write(text: &str, out: &mut BytesMut) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (POSITIVE, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    // groups of four, counted from the point
    let lead = (4 - whole.len() % 4) % 4;
    let padded: String =
        "0".repeat(lead) + whole + fraction + &"0".repeat((4 - fraction.len() % 4) % 4);
    let mut groups: Vec<i16> = padded
        .as_bytes()
        .chunks(4)
        .map(|four| four.iter().fold(0_i16, |n, d| n * 10 + i16::from(*d) - i16::from(b'0')))
        .collect();
    let small = |n: usize| i16::try_from(n).unwrap_or(i16::MAX);
    let mut weight = small((whole.len() + lead) / 4) - 1;
    let zeros = groups.iter().take_while(|g| **g == 0).count();
    groups.drain(..zeros);
    weight -= small(zeros);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let (sign, weight) = if groups.is_empty() { (POSITIVE, 0) } else { (sign, weight) };
    out.put_i16(small(groups.len()));
    out.put_i16(weight);
    out.put_u16(sign);
    out.put_i16(small(fraction.len()));
    for group in groups {
        out.put_i16(group);
    }
}

/// Reads a number as text; none for NaN, infinity and what is no number.
pub(super) fn read(mut bytes: &[u8]) -> Option<String> {
    if bytes.len() < 8 {
        return None;
    }
    let count = usize::try_from(bytes.get_i16()).ok()?;
    let weight = i32::from(bytes.get_i16());
    let sign = bytes.get_u16();
    let scale = usize::try_from(bytes.get_i16()).ok()?;
    // what Decimal128 can hold, and nothing that would make a text of a gigabyte
    if bytes.len() != count * 2 || !(sign == POSITIVE || sign == NEGATIVE) {
        return None;
    }
    if !(-100..=100).contains(&weight) || scale > 400 {
        return None;
    }
    let groups: Vec<i16> = (0..count).map(|_| bytes.get_i16()).collect();
    if groups.iter().any(|g| !(0..10_000).contains(g)) {
        return None;
    }
    let group = |at: i32| {
        let index = usize::try_from(weight - at).ok();
        index.and_then(|i| groups.get(i)).copied().unwrap_or(0)
    };
    let mut whole: String =
        (0..=weight.max(0)).rev().map(|at| format!("{:04}", group(at))).collect();
    let kept = whole.trim_start_matches('0').len().max(1);
    whole.drain(..whole.len() - kept);
    let mut fraction: String = (1..=i32::try_from(scale.div_ceil(4)).ok()?)
        .map(|at| format!("{:04}", group(-at)))
        .collect();
    fraction.truncate(scale);
    let minus = if sign == NEGATIVE { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{minus}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "12.50",
            "-12.50",
            "10000",
            "99999999.9999",
            "0.0001",
            "0.00001",
            "123456789012345678901234567890.12345678",
            "-0.5",
            "100000000",
        ] {
            let mut out = BytesMut::new();
            write(text, &mut out);
            assert_eq!(read(&out).as_deref(), Some(text), "{text}");
        }
    }

    #[test]
    fn the_bytes_are_postgresqls() {
        // select numeric_send(-12.5), as PostgreSQL 15 answers it
        let mut out = BytesMut::new();
        write("-12.5", &mut out);
        assert_eq!(out.as_ref(), [0, 2, 0, 0, 0x40, 0, 0, 1, 0, 12, 0x13, 0x88]);
        assert_eq!(read(&[0, 1]), None);
        assert_eq!(read(&[0, 0, 0, 0, 0xC0, 0, 0, 0]), None);
    }
}
