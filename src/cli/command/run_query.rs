//! `\run NAME [name=value …]`: a question of the query library.

use tenure::Params;
use tenure::chart::Request;
use tenure::library::{self, Query};

use super::{Command, Takes};
use crate::cli::report::Origin;
use crate::cli::script::{Piece, Script};
use crate::cli::session::{Session, parameter};
use crate::cli::{Outcome, Stop, execute};

pub(super) const COMMAND: Command = Command {
    names: &["run"],
    arguments: "NAME [name=value …]",
    help: "run a question of the query library; tour tells the story of the lake",
    takes: Takes::Query,
    run,
};

fn run(session: &mut Session, argument: &str) -> Outcome {
    let words = words(argument);
    let Some((name, given)) = words.split_first() else {
        return Err(Stop::usage("\\run takes the name of a query; \\queries lists them"));
    };
    if name == TOUR {
        return tour(session);
    }
    let given = given.iter().map(|text| parameter(text)).collect::<Outcome<Vec<_>>>()?;
    let query = library::find(name)?;
    // \param values serve the queries that know them
    let known = session.params.iter().filter(|(name, _)| {
        query.parameters.iter().any(|p| p.name == *name) && !given.iter().any(|(n, _)| n == name)
    });
    let all: Vec<_> = known.chain(&given).cloned().collect();
    query_with(session, name, &all)
}

/// Runs the statements of a query with its parameters bound.
pub(crate) fn query_with(session: &mut Session, name: &str, given: &[(String, String)]) -> Outcome {
    if name == TOUR {
        return tour(session);
    }
    let query = library::find(name)?;
    let params = bound(&query, given)?;
    let file = format!("queries/{}.sql", query.name);
    for piece in Script::new(&query.sql) {
        let Piece::Statement { text, line } = piece else { continue };
        execute::with_params(session, text, params.clone())
            .map_err(|stop| session.report(stop, Origin { text, file: Some(&file), line }))?;
    }
    if let Some(last) = &mut session.last {
        last.chart = query.chart;
    }
    Ok(())
}

/// Draws the answer of a query instead of showing its rows.
pub(crate) fn chart_of(session: &mut Session, name: &str, given: &[(String, String)]) -> Outcome {
    if name == TOUR {
        return Err(Stop::usage("the tour is not one question; a chart draws one answer"));
    }
    let query = library::find(name)?;
    let params = bound(&query, given)?;
    let file = format!("queries/{}.sql", query.name);
    let origin = Origin { text: &query.sql, file: Some(&file), line: 1 };
    let mut answer =
        execute::fetch(session, &query.sql, params).map_err(|stop| session.report(stop, origin))?;
    answer.chart = query.chart;
    super::chart::show(session, &answer, &Request::default())
}

fn bound(query: &Query, given: &[(String, String)]) -> Outcome<Params> {
    let plain =
        |(name, value): &(String, String)| (name.clone(), super::o::unquoted(value).to_string());
    Ok(query.bind(&given.iter().map(plain).collect::<Vec<_>>())?)
}

/// The script that is no question: several, and a story.
pub(crate) const TOUR: &str = "tour";

/// Tells the story of the lake: each question is said, then answered.
fn tour(session: &mut Session) -> Outcome {
    let text = library::tour()?;
    let mut script = Script::new(&text);
    while let Some(piece) = script.next() {
        let Piece::Statement { text, line } = piece else { continue };
        let question = script.comment();
        session.output.note(&format!("\n{question}"));
        let file = Some("queries/tour.sql");
        execute::with_params(session, text, Params::default())
            .map_err(|stop| session.report(stop, Origin { text, file, line }))?;
    }
    Ok(())
}

/// Splits at blanks; quotes hold blanks together and go away.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(super::words("a/b top=2 name='x y' z=\"\""), ["a/b", "top=2", "name=x y", "z="]);
    }
}
