//! The query library: questions about customers, written on the canonical views, with typed
//! parameters, run by name.
//!
//! A query is a file `queries/<family>/<question>.sql` that begins with its header; the program
//! carries the folder inside. [`Query::parse`] says what a header looks like.

mod header;
mod parameter;

use rust_embed::RustEmbed;

use crate::chart::Request;
use crate::error::{Error, ErrorKind, Result, did_you_mean, nearest};
use crate::params::Params;

pub use parameter::{ParamType, Parameter};

#[derive(RustEmbed)]
#[folder = "queries/"]
struct Files;

/// The story of a shop in fourteen statements, told in comments.
const TOUR: &str = "tour.sql";

/// One question: what it asks, what can be set, what it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// family and question, such as `churn/at_risk`
    pub name: String,
    /// one line
    pub title: String,
    /// what it answers and how to read it
    pub description: String,
    /// what can be set, in the order of the header
    pub parameters: Vec<Parameter>,
    /// the columns of the answer, in order: name and description
    pub columns: Vec<(String, String)>,
    /// how to draw the answer
    pub chart: Option<Request>,
    /// the statement, with `$name` where a parameter goes
    pub sql: String,
}

impl Query {
    /// Reads a query from the text of its file: a header of comments, then the statement.
    ///
    /// ```sql
    /// -- title: Customers at risk
    /// -- description: Who has been silent for too long,
    /// --   the most valuable first.
    /// -- param: top INT = 20 -- how many customers
    /// -- param: since DATE -- a parameter without default must be given
    /// -- column: customer_id -- the customer
    /// -- chart: bar y=revenue
    /// SELECT …
    /// ```
    ///
    /// `title`, `description` and `chart` stand once, `param` and `column` once for each. A line
    /// that begins with three spaces continues the one before. A chart is a kind, `bar`, `line`,
    /// `funnel` or `heat`, and the columns that it draws.
    ///
    /// # Errors
    /// Names the line of `queries/<name>.sql` that is wrong: a key that does not exist, a value
    /// that cannot be read, a parameter that the statement does not use, a placeholder that the
    /// header does not declare.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        header::parse(name, text)
    }

    /// The family: the folder.
    pub fn family(&self) -> &str {
        self.name.split_once('/').map_or("", |(family, _)| family)
    }

    /// Values for the parameters: what is given, read by the parameter's type, and the defaults.
    ///
    /// # Errors
    /// A name that the query does not have, a value that is not of the type, a name given twice,
    /// or a parameter without default that is not given.
    pub fn bind(&self, given: &[(String, String)]) -> Result<Params> {
        let mut params = Params::new();
        for (name, value) in given {
            let Some(parameter) = self.parameters.iter().find(|p| &p.name == name) else {
                return Err(self.unknown(name));
            };
            if params.insert(name.clone(), parameter.value(&self.name, value)?).is_some() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{}: parameter {name} is given twice", self.name),
                ));
            }
        }
        for parameter in self.parameters.iter().filter(|p| !given.iter().any(|(n, _)| n == &p.name))
        {
            let Some(default) = &parameter.default else {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "{}: parameter {} ({}) is missing",
                        self.name, parameter.name, parameter.ty
                    ),
                )
                .with_hint(format!(
                    "{}; give --param {}=…",
                    parameter.description, parameter.name
                )));
            };
            params.insert(parameter.name.clone(), parameter.value(&self.name, default)?);
        }
        Ok(params)
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.parameters.iter().map(|p| p.name.as_str()).collect();
        let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| {
            if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("its parameters are {}", names.join(", "))
            }
        });
        Error::new(ErrorKind::Usage, format!("{}: there is no parameter {name}", self.name))
            .with_hint(hint)
    }
}

/// Queries by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    queries: Vec<Query>,
}

impl Library {
    /// The queries that ship with Tenure.
    ///
    /// # Errors
    /// If a header is wrong.
    pub fn embedded() -> Result<Self> {
        let mut queries = Vec::new();
        for path in Files::iter() {
            let Some(name) = path.strip_suffix(".sql").filter(|name| name.contains('/')) else {
                continue;
            };
            queries.push(Query::parse(name, &text(&path)?)?);
        }
        queries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { queries })
    }

    /// All of them, by name.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The query of a name.
    ///
    /// # Errors
    /// If there is none, with the nearest names.
    pub fn find(&self, name: &str) -> Result<&Query> {
        self.queries.iter().find(|q| q.name == name).ok_or_else(|| {
            let all = || self.queries.iter().map(|q| q.name.as_str());
            // the question alone is near as well
            let question = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
            let questions: Vec<String> = all().map(question).collect();
            let close = nearest(&question(name), questions.iter().map(String::as_str));
            let near: Vec<&str> = all().filter(|n| close.contains(&question(n).as_str())).collect();
            let hint = match near.as_slice() {
                [] => did_you_mean(name, all()),
                _ => Some(format!("did you mean {}?", near.join(" or "))),
            };
            Error::new(ErrorKind::Usage, format!("there is no query {name}")).with_hint(
                hint.unwrap_or_else(|| {
                    "`tenure queries` lists them, and queries() in a program".to_owned()
                }),
            )
        })
    }
}

/// The queries that ship with Tenure, by name.
///
/// # Errors
/// If a header is wrong.
pub fn queries() -> Result<Vec<Query>> {
    Ok(Library::embedded()?.queries)
}

/// The query of a name among those that ship.
///
/// # Errors
/// If there is none, with the nearest names.
pub fn find(name: &str) -> Result<Query> {
    Library::embedded()?.find(name).cloned()
}

/// The tour: a script that tells the story of a shop in fourteen statements.
///
/// # Errors
/// If it is not inside, which a test rules out.
pub fn tour() -> Result<String> {
    text(TOUR)
}

fn text(path: &str) -> Result<String> {
    Files::get(path)
        .and_then(|file| String::from_utf8(file.data.into_owned()).ok())
        .ok_or_else(|| Error::new(ErrorKind::Internal, format!("queries/{path} is not inside")))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn given(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn every_query_that_ships_has_a_good_header_and_is_sql() {
        let queries = queries().unwrap();
        assert!(queries.len() >= 18, "{} queries", queries.len());
        for query in &queries {
            let parsed = DFParser::parse_sql(&query.sql);
            assert!(parsed.is_ok_and(|statements| statements.len() == 1), "{}", query.name);
            assert!(!query.description.is_empty(), "{}: no description", query.name);
            assert!(!query.columns.is_empty(), "{}: no columns", query.name);
        }
        for family in
            ["segments", "stages", "value", "churn", "turning_points", "retention", "campaigns"]
        {
            assert!(queries.iter().any(|q| q.family() == family), "no query about {family}");
        }
    }

    #[test]
    fn the_tour_has_fourteen_statements() {
        assert_eq!(DFParser::parse_sql(&tour().unwrap()).unwrap().len(), 14);
    }

    #[test]
    fn a_query_is_found_by_name_and_the_nearest_are_offered() {
        assert!(find("churn/at_risk").is_ok());
        for wrong in ["at_risk", "churn/at_risks", "stages/at_risk"] {
            let e = find(wrong).unwrap_err();
            assert_eq!(e.to_string(), format!("there is no query {wrong}"));
            let hint = e.hint().unwrap_or_default().to_owned();
            assert!(hint.contains("churn/at_risk"), "{wrong}: {hint}");
        }
    }

    fn query() -> Query {
        Query::parse(
            "churn/x",
            "-- title: X\n-- description: Y\n-- param: top INT = 20 -- how many\n\
             -- param: until DATE -- last day\n-- column: a -- b\nSELECT 1 AS a, $until LIMIT $top",
        )
        .unwrap()
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let params = query().bind(&given(&[("until", "2017-07-01")])).unwrap();
        assert_eq!(params.get("top").unwrap().to_string(), "20");
        assert_eq!(params.get("until").unwrap().to_string(), "2017-07-01");
    }

    #[test]
    fn a_missing_an_unknown_and_a_bad_value_are_named() {
        let e = query().bind(&[]).unwrap_err();
        assert_eq!(e.to_string(), "churn/x: parameter until (DATE) is missing");
        let e = query().bind(&given(&[("untill", "2017-07-01")])).unwrap_err();
        assert_eq!(e.to_string(), "churn/x: there is no parameter untill");
        assert_eq!(e.hint(), Some("did you mean until?"));
        let e = query().bind(&given(&[("top", "many")])).unwrap_err();
        assert_eq!(e.to_string(), "churn/x: parameter top is INT, not 'many'");
        let twice = given(&[("top", "1"), ("top", "2")]);
        assert!(query().bind(&twice).unwrap_err().to_string().ends_with("top is given twice"));
    }
}
