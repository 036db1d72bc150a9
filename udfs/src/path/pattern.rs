//! Patterns over paths, and where they match.
//!
//! A path is a list of steps, with the boundaries `path_start` before it and `path_end` after it. A
//! pattern is a row of tokens with `->` between:
//!
//! - `cart` is that step, `[a|b]` one of those listed, `[^a|b]` a step that is none of them, `.` any
//!   step: each takes one place;
//! - `.*` passes over any number of steps, also none; `[^a|b]*` and `[a|b]*` only over such steps;
//! - `path_start` and `path_end`, alone or in a list, are the boundaries. `.` and `[^…]` never take
//!   them.
//!
//! A match is a choice of a place for each token that takes one, such that they follow each other
//! without a step between, but for what is passed over. It may begin and end anywhere. A step that is
//! NULL is no known step: only `.` takes it, and only `.*` passes over it.
//!
//! O(steps · tokens).

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    places: Vec<Place>,
}

/// A token that takes a place, and what may lie before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// nothing, or any number of such steps; of the first place it says nothing
    gap: Option<Class>,
    class: Class,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Class {
    Any,
    /// one of these
    In(Vec<String>),
    /// a step, and none of these
    NotIn(Vec<String>),
}

const START: &str = "path_start";
const END: &str = "path_end";

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At<'a> {
    Start,
    Step(Option<&'a str>),
    End,
}

impl Class {
    fn takes(&self, at: At) -> bool {
        let names = |names: &[String], name: &str| names.iter().any(|n| n == name);
        match (self, at) {
            (Self::Any, at) => matches!(at, At::Step(_)),
            (Self::In(list), At::Start) => names(list, START),
            (Self::In(list), At::End) => names(list, END),
            // the names of the boundaries are not those of steps
            (Self::In(list), At::Step(Some(s))) => s != START && s != END && names(list, s),
            (Self::NotIn(list), At::Step(Some(s))) => s == START || s == END || !names(list, s),
            (Self::In(_) | Self::NotIn(_), _) => false,
        }
    }
}

/// Reads a pattern.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse(text: &str) -> Result<Pattern, String> {
    let mut places: Vec<Place> = vec![];
    // the gap before the next place, as it was written
    let mut gap: Option<(Class, &str)> = None;
    for token in text.split("->").map(str::trim) {
        let (class, repeated) = read(token)?;
        if repeated {
            if let Some((_, before)) = gap {
                return Err(format!(
                    "'{before}' and '{token}' stand side by side; one of them is enough"
                ));
            }
            if places.is_empty() && class != Class::Any {
                return Err(unbounded(token, "begins", START));
            }
            gap = Some((class, token));
            continue;
        }
        let only = |name: &str| matches!(&class, Class::In(list) if list.len() == 1 && list.iter().any(|n| n == name));
        if only(START) && !(places.is_empty() && gap.is_none()) {
            return Err(format!("{START} can only come first, for nothing is before it"));
        }
        if places.last().is_some_and(|p| p.class == Class::In(vec![END.into()])) {
            return Err(format!("{END} can only come last, for nothing is after it"));
        }
        places.push(Place { gap: gap.take().map(|g| g.0), class });
    }
    match gap {
        Some((class, token)) if class != Class::Any => Err(unbounded(token, "ends", END)),
        _ if places.is_empty() => Err("it has no step to look for".into()),
        Some(_) if places.last().is_some_and(|p| p.class == Class::In(vec![END.into()])) => {
            Err(format!("{END} can only come last, for nothing is after it"))
        }
        _ => Ok(Pattern { places }),
    }
}

fn unbounded(token: &str, does: &str, boundary: &str) -> String {
    format!(
        "'{token}' {does} the pattern, where it may pass over nothing and so says nothing; give it a step or {boundary} on its outer side"
    )
}

/// A token: its class, and whether it is repeated.
fn read(token: &str) -> Result<(Class, bool), String> {
    match token {
        "" => return Err("there is nothing beside a ->; a step may be '.'".into()),
        "." => return Ok((Class::Any, false)),
        ".*" => return Ok((Class::Any, true)),
        _ => {}
    }
    if let Some(inner) = token.strip_prefix('[') {
        let (inner, repeated) = if let Some(inner) = inner.strip_suffix("]*") {
            (inner, true)
        } else if let Some(inner) = inner.strip_suffix(']') {
            (inner, false)
        } else if let Some((_, rest)) = inner.rsplit_once(']') {
            return Err(format!("'{rest}' in '{token}': after a ] only * is known"));
        } else {
            return Err(format!("'{token}' has no ] (a list holds steps with | between, not ->)"));
        };
        let (negated, list) = inner.strip_prefix('^').map_or((false, inner), |list| (true, list));
        let list: Vec<String> = list.split('|').map(|name| name.trim().to_string()).collect();
        if let Some(bad) = list.iter().find(|n| n.contains(['[', ']']) || n.starts_with('^')) {
            return Err(format!(
                "'{bad}' in '{token}': a list holds only steps, and ^ stands before the first"
            ));
        }
        if list.iter().any(String::is_empty) {
            return Err(format!("'{token}' has a step without a name"));
        }
        return Ok((if negated { Class::NotIn(list) } else { Class::In(list) }, repeated));
    }
    let why = if token.starts_with('(') && token.ends_with(')') {
        "lists are written in square brackets: [a|b]"
    } else if token.contains('|') {
        "a choice is written in square brackets: [a|b]"
    } else if token.starts_with('^') {
        "negation is written [^a], and the boundary before the path is path_start"
    } else if token.ends_with('$') {
        "the boundary after the path is path_end"
    } else if token.starts_with('.') && token.chars().nth(1).is_some_and(|c| "+?{".contains(c)) {
        "only * repeats"
    } else if token.ends_with('*') {
        "only . and lists can be repeated: [a]*"
    } else {
        return Ok((Class::In(vec![token.to_string()]), false));
    };
    Err(format!("'{token}': {why}"))
}

impl Pattern {
    /// How many of its tokens take a place.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether the pattern matches the path.
    pub(super) fn matches(&self, path: &[Option<&str>]) -> bool {
        self.reach(path).last().is_some_and(|last| last.contains(&true))
    }

    /// The first place that token `n` (from 0) has in any match: 0 for `path_start`, 1 for the first
    /// step, and so on.
    pub(super) fn find(&self, path: &[Option<&str>], n: usize) -> Option<usize> {
        let mut ahead = self.reach(path);
        // what is taken by token n must go on to the end
        let mut able = ahead.pop()?;
        for (next, before) in self.places.iter().skip(n + 1).rev().zip(ahead.into_iter().rev()) {
            let mut onward = vec![false; able.len()];
            // whether some place after this one can be reached over the gap
            let mut over = false;
            for at in (0..able.len()).rev() {
                let here = before.get(at).copied().unwrap_or_default();
                let adjacent = able.get(at + 1).copied().unwrap_or_default();
                // over: able places right behind what may be passed over
                over = adjacent
                    || (over
                        && next
                            .gap
                            .as_ref()
                            .is_some_and(|g| element(path, at + 1).is_some_and(|e| g.takes(e))));
                if let Some(slot) = onward.get_mut(at) {
                    *slot = here && over;
                }
            }
            able = onward;
        }
        able.iter().position(|&a| a)
    }

    /// For each token the places that it takes in a match of the tokens up to it.
    fn reach(&self, path: &[Option<&str>]) -> Vec<Vec<bool>> {
        let places = path.len() + 2;
        let mut all: Vec<Vec<bool>> = Vec::with_capacity(self.places.len());
        for (i, place) in self.places.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|b| all.get(b));
            let mut here = Vec::with_capacity(places);
            let mut open = false;
            for at in 0..places {
                let Some(element) = element(path, at) else { continue };
                here.push((before.is_none() || open) && place.class.takes(element));
                // what may follow this place: it was taken before, or is passed over
                let taken = before.and_then(|b| b.get(at)).copied().unwrap_or_default();
                open = taken || (open && place.gap.as_ref().is_some_and(|g| g.takes(element)));
            }
            all.push(here);
        }
        all
    }
}

/// What is at a place of a path with its boundaries.
fn element<'a>(path: &[Option<&'a str>], at: usize) -> Option<At<'a>> {
    match at.checked_sub(1) {
        None => Some(At::Start),
        Some(i) if i == path.len() => Some(At::End),
        Some(i) => path.get(i).map(|s| At::Step(*s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Option<&str>> {
        text.split_whitespace().map(|s| (s != "NULL").then_some(s)).collect()
    }

    fn matches(pattern: &str, text: &str) -> bool {
        parse(pattern).unwrap().matches(&path(text))
    }

    #[test]
    fn tokens_mean_what_their_table_says() {
        for (pattern, yes, no) in [
            ("cart", "a cart b", "a b"),
            ("add->cart", "x add cart", "add x cart"),
            ("add->.*->cart", "add x y cart", "cart add"),
            ("add -> .* -> cart", "add cart", "add"),
            ("[search|filter]->add", "filter add", "add search"),
            ("add->[^cart]", "add x", "add cart"),
            ("add->[^cart]", "add cart add x", "x add"),
            ("catalog->[^cart|buy]", "catalog x", "catalog buy"),
            (".->view", "a view", "view"),
            ("catalog->.->buy", "catalog x buy", "catalog buy"),
            ("add->[^chat]*->buy", "add x y buy", "add x chat buy"),
            ("add->[^chat]*->buy", "add chat add buy", "add chat buy chat"),
            ("add->[^chat|error]*->buy", "add buy", "add error buy"),
            ("cart->[ship|pay]*->buy", "cart ship pay ship buy", "cart ship x buy"),
            ("path_start->home", "home x", "x home"),
            ("path_start->[^home]", "x home", "home x"),
            ("[error|bug]->path_end", "x bug", "bug x"),
            ("path_start->[^buy]*->path_end", "a b", "a buy"),
            ("path_start->[^buy]*->path_end", "", "buy"),
            ("a->[path_end|error]", "x a", "a x"),
            ("a->[path_end|error]", "a error x", "a x error"),
            ("a->[^path_start]", "a b", "b a"),
            ("path_start->path_end", "", "a"),
            (".*->a->.*", "a", "b"),
            ("a->.->b", "a NULL b", "a b"),
            ("a->.*->b", "a NULL b", "b NULL a"),
            (".", "NULL", ""),
            (".", "x", ""),
            ("[^a]", "b", "NULL"),
            ("a->[^x]*->b", "a y b", "a NULL b"),
            // a step that is called as a boundary is an ordinary step, which only lists do not name
            ("[^a]", "path_end", "a"),
            ("x->path_end", "path_end x", "x path_end"),
        ] {
            assert!(matches(pattern, yes), "{pattern} matches {yes}");
            assert!(!matches(pattern, no), "{pattern} does not match {no}");
        }
        assert!(parse("buy [again]->.").unwrap().matches(&[Some("buy [again]"), None]));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, what) in [
            ("", "nothing beside a ->"),
            ("a->", "nothing beside a ->"),
            ("[^cart->buy]", "'[^cart' has no ]"),
            ("cart->buy|catalog->add", "a choice is written in square brackets"),
            ("(cart|buy)", "square brackets"),
            ("^cart", "negation is written [^a]"),
            ("cart$", "path_end"),
            ("[cart|buy]+", "after a ] only * is known"),
            ("[^cart]?", "after a ] only * is known"),
            ("[^cart]*->buy", "begins the pattern, where it may pass over nothing"),
            ("a->[x]*", "ends the pattern"),
            ("a->.*->[^b]*->c", "'.*' and '[^b]*' stand side by side"),
            ("[]", "a step without a name"),
            ("[^]", "a step without a name"),
            ("[a||b]", "a step without a name"),
            ("[^[a|b]]", "a list holds only steps"),
            ("[a|^b]", "a list holds only steps"),
            (".+", "only * repeats"),
            ("a*", "only . and lists can be repeated"),
            (".*", "no step to look for"),
            ("a->path_start", "path_start can only come first"),
            (".*->path_start->a", "path_start can only come first"),
            ("path_end->a", "path_end can only come last"),
            ("path_end->.*", "path_end can only come last"),
        ] {
            let got = parse(pattern).unwrap_err();
            assert!(got.contains(what), "{pattern}: {got}");
        }
    }

    #[test]
    fn a_token_is_found_where_it_is_first_in_any_match() {
        let find = |pattern: &str, text: &str, n| parse(pattern).unwrap().find(&path(text), n);
        assert_eq!(find("A->.*->D", "A X A D", 0), Some(1));
        assert_eq!(find("A->[^X]*->D", "A X A D", 0), Some(3));
        assert_eq!(find("A->[^X]*->D", "A X A D", 1), Some(4));
        assert_eq!(find("catalog->.*->cart->.*->buy", "catalog cart buy cart", 1), Some(2));
        assert_eq!(find("cart->buy", "cart cart buy", 0), Some(2));
        assert_eq!(find("path_start->.*->b->path_end", "b a b", 0), Some(0));
        assert_eq!(find("path_start->.*->b->path_end", "b a b", 1), Some(3));
        assert_eq!(find("path_start->.*->b->path_end", "b a b", 2), Some(4));
        assert_eq!(find("z", "a", 0), None);
    }

    /// Every choice of places, one by one.
    fn naive(pattern: &Pattern, path: &[Option<&str>]) -> Vec<Vec<usize>> {
        fn go(
            rest: &[Place],
            path: &[Option<&str>],
            chosen: &mut Vec<usize>,
            found: &mut Vec<Vec<usize>>,
        ) {
            let Some(place) = rest.first() else {
                found.push(chosen.clone());
                return;
            };
            for at in 0..path.len() + 2 {
                let follows = chosen.last().is_none_or(|&last| {
                    at == last + 1
                        || at > last
                            && place.gap.as_ref().is_some_and(|g| {
                                (last + 1..at).all(|i| g.takes(element(path, i).unwrap()))
                            })
                });
                if follows && place.class.takes(element(path, at).unwrap()) {
                    chosen.push(at);
                    go(&rest[1..], path, chosen, found);
                    chosen.pop();
                }
            }
        }
        let mut found = vec![];
        go(&pattern.places, path, &mut vec![], &mut found);
        found
    }

    #[test]
    fn random_paths_match_where_trying_everything_does() {
        let mut state = 11u64;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % n
        };
        let tokens = [
            "a",
            "b",
            "c",
            ".",
            "[a|b]",
            "[^a]",
            "[^a|b]",
            "path_start",
            "path_end",
            "[c|path_end]",
        ];
        let gaps = [".*", "[^a]*", "[b|c]*", "[^b|c]*"];
        let (mut cases, mut matched) = (0, 0);
        while cases < 20_000 {
            let mut text = vec![];
            for i in 0..1 + below(4) {
                if i > 0 && below(2) == 0 {
                    text.push(gaps[below(4)]);
                }
                text.push(tokens[below(10)]);
            }
            let Ok(pattern) = parse(&text.join("->")) else { continue };
            cases += 1;
            let steps = [Some("a"), Some("b"), Some("c"), Some("d"), None, Some("a")];
            let path: Vec<Option<&str>> = (0..below(8)).map(|_| steps[below(6)]).collect();
            let all = naive(&pattern, &path);
            assert_eq!(pattern.matches(&path), !all.is_empty(), "{text:?} {path:?}");
            for n in 0..pattern.places() {
                let first = all.iter().map(|m| m[n]).min();
                assert_eq!(pattern.find(&path, n), first, "{text:?} {path:?} {n}");
            }
            matched += usize::from(!all.is_empty());
        }
        assert!(matched > 5_000, "{matched}");
    }
}
