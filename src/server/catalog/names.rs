//! Names as PostgreSQL's functions take and give them in texts.

/// The parts of a name with dots: in small letters but for those in double quotes. None for what is
/// no name.
pub(super) fn parts(text: &str) -> Option<Vec<String>> {
    let mut out = vec![];
    let mut rest = text.trim();
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let (part, after) = rest.split_at(end);
                (part.trim().to_lowercase(), after)
            }
        };
        if part.is_empty() || part.contains('"') && !rest.starts_with('"') {
            return None;
        }
        out.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.trim().is_empty() => return Some(out),
            None => return None,
        }
    }
}

/// What is in quotes, and what comes after them.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        let (before, quote) = rest.split_at(end);
        part.push_str(before);
        rest = quote.strip_prefix('"')?;
        match rest.strip_prefix('"') {
            Some(after) => {
                part.push('"');
                rest = after;
            }
            None => return Some((part, rest)),
        }
    }
}

/// A name in double quotes where it needs them.
pub(super) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let free = name.starts_with(plain) && name.chars().all(|c| plain(c) || c.is_ascii_digit());
    if free { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_and_quoted() {
        let of = |text: &str| parts(text).map(|p| p.join("|"));
        for (text, want) in [
            ("orders", Some("orders")),
            ("Main.Orders", Some("main|orders")),
            (r#""Main" . "a.b""#, Some("Main|a.b")),
            (r#"raw."say ""hi""""#, Some(r#"raw|say "hi""#)),
            (r#""open"#, None),
            (r#"a"b"#, None),
            ("a..b", None),
            ("", None),
        ] {
            assert_eq!(of(text).as_deref(), want, "{text}");
        }
        for (name, want) in [
            ("orders_2", "orders_2"),
            ("2nd", "\"2nd\""),
            ("Order", "\"Order\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            assert_eq!(quoted(name), want);
        }
    }
}
