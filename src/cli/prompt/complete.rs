//! What could stand at the cursor.
//!
//! A pure function of the text, the cursor and the names: the whole text counts, so columns are
//! offered in `SELECT` although `FROM` comes later. The order of what is offered: columns in scope,
//! aliases and common table expressions, tables, functions, keywords.

mod path;
mod scope;

use super::catalog::{Catalog, Relation};
use super::lexer::{Kind, Token, tokens};
use crate::cli::command::{self, COMMANDS, Takes};
use crate::cli::script::is_command;
use path::complete_path;
use scope::Scope;
use tenure::chart::{self, Request};

/// One thing that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// what is put into the text
    pub(crate) text: String,
    /// column, table, function, …
    pub(crate) kind: &'static str,
    /// type, signature or title
    pub(crate) detail: String,
}

impl Candidate {
    fn new(text: impl Into<String>, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { text: text.into(), kind, detail: detail.into() }
    }
}

/// Keywords that people type; the parser knows nine hundred more.
const KEYWORDS: [&str; 74] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "INNER JOIN",
    "CROSS JOIN",
    "ON",
    "USING",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS NULL",
    "IS NOT NULL",
    "NULL",
    "TRUE",
    "FALSE",
    "BETWEEN",
    "LIKE",
    "ILIKE",
    "EXISTS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "ALL",
    "UNION",
    "UNION ALL",
    "INTERSECT",
    "EXCEPT",
    "WITH",
    "RECURSIVE",
    "OVER",
    "PARTITION BY",
    "ROWS",
    "RANGE",
    "PRECEDING",
    "FOLLOWING",
    "UNBOUNDED",
    "CURRENT ROW",
    "FILTER",
    "WITHIN GROUP",
    "QUALIFY",
    "EXCLUDE",
    "ASC",
    "DESC",
    "NULLS FIRST",
    "NULLS LAST",
    "CAST",
    "EXTRACT",
    "INTERVAL",
    "DATE",
    "TIMESTAMP",
    "VALUES",
    "CREATE TABLE",
    "CREATE VIEW",
    "DROP TABLE",
    "DROP VIEW",
    "INSERT INTO",
    "EXPLAIN",
    "SHOW",
    "SET",
    "DESCRIBE",
];

/// Words after which a relation stands.
const BEFORE_RELATION: [&str; 6] = ["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "VIEW"];

/// Words that end a list of relations.
const AFTER_FROM: [&str; 15] = [
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "QUALIFY",
    "WINDOW",
    "SELECT",
    "ON",
    "USING",
    "SET",
    "VALUES",
];

/// What could stand at the cursor, and where the word starts that it would replace.
pub(crate) fn complete(buffer: &str, cursor: usize, catalog: &Catalog) -> (usize, Vec<Candidate>) {
    let before = buffer.get(..cursor).unwrap_or(buffer);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.get(line_start..).unwrap_or_default();
    let (indent, command) = line.split_at(line.len() - line.trim_start().len());
    let starts_statement = before.get(..line_start).is_none_or(|head| {
        let head = head.trim_end();
        head.is_empty() || head.ends_with(';')
    });
    if is_command(command) && starts_statement || matches!(command, "\\" | ".") {
        let (name, argument) = command::split(command);
        let takes_sql = command::find(name).is_some_and(|c| match c.takes {
            Takes::Sql => true,
            // a kind and columns may stand in front
            Takes::Chart => Request::read(argument)
                .is_ok_and(|(_, statement)| statement.contains(char::is_whitespace)),
            _ => false,
        });
        if takes_sql && command.contains(char::is_whitespace) {
            return complete_sql(buffer, cursor, catalog);
        }
        let offset = line_start + indent.len();
        let (start, found) = complete_command(command, catalog);
        return (offset + start, found);
    }
    complete_sql(buffer, cursor, catalog)
}

/// Completes a command line; the cursor is at its end.
fn complete_command(line: &str, catalog: &Catalog) -> (usize, Vec<Candidate>) {
    let Some(name_end) = line.find(char::is_whitespace) else {
        let typed = line.get(1..).unwrap_or_default();
        let slash = line.get(..1).unwrap_or("\\");
        let found = COMMANDS
            .iter()
            .filter_map(|c| Some((c, c.names.iter().find(|n| n.starts_with(typed))?)))
            .map(|(c, name)| Candidate::new(format!("{slash}{name}"), "command", c.help))
            .collect();
        return (0, found);
    };
    let (name, _) = command::split(line);
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let word = line.get(start..).unwrap_or_default();
    let first = line.get(name_end..start).is_some_and(|between| between.trim().is_empty());
    let Some(command) = command::find(name) else { return (start, Vec::new()) };
    let found = match command.takes {
        Takes::Nothing | Takes::Sql => Vec::new(),
        Takes::Chart if !first => {
            ["x=", "y=", "by="].map(|option| Candidate::new(option, "column", "")).to_vec()
        }
        Takes::Chart => {
            chart::Kind::ALL.map(|kind| Candidate::new(kind.name(), "chart", "")).to_vec()
        }
        Takes::Path => return complete_path(word, start),
        _ if !first => Vec::new(),
        Takes::Table => relations(catalog),
        Takes::Function => catalog
            .functions
            .iter()
            .map(|f| Candidate::new(&f.name, f.kind, &f.signature))
            .collect(),
        Takes::Query => catalog
            .queries
            .iter()
            .map(|(name, title)| Candidate::new(name, "query", title))
            .collect(),
        Takes::Setting => {
            catalog.settings.iter().map(|name| Candidate::new(name, "setting", "")).collect()
        }
        Takes::Parameter => catalog
            .parameters
            .iter()
            .map(|name| Candidate::new(format!("{name}="), "parameter", ""))
            .collect(),
        Takes::Switch => ["on", "off"].map(|word| Candidate::new(word, "switch", "")).to_vec(),
        Takes::Pager => {
            ["auto", "on", "off"].map(|word| Candidate::new(word, "switch", "")).to_vec()
        }
        Takes::Format => tenure::render::Format::ALL
            .map(|format| Candidate::new(format.name(), "format", ""))
            .to_vec(),
    };
    (start, starting_with(found, word))
}

fn complete_sql(buffer: &str, cursor: usize, catalog: &Catalog) -> (usize, Vec<Candidate>) {
    let all = tokens(buffer);
    // only the statement around the cursor counts
    let first =
        all.iter().rposition(|t| t.is_mark(";") && t.end() <= cursor).map_or(0, |at| at + 1);
    let last = all.iter().position(|t| t.is_mark(";") && t.start >= cursor).unwrap_or(all.len());
    let statement = all.get(first..last.max(first)).unwrap_or_default();
    let typed = statement.iter().find(|t| {
        let inside = t.start < cursor && cursor <= t.end();
        // behind a closing quote nothing is being typed
        inside
            && (t.is_name() || t.kind == Kind::Text)
            && !(t.kind != Kind::Word && t.closed && cursor == t.end())
    });
    let start = typed.map_or(cursor, |t| t.start);
    let word = buffer.get(start..cursor).unwrap_or_default();
    let before: Vec<&Token<'_>> = statement.iter().filter(|t| t.end() <= start).collect();

    if typed.is_some_and(|t| t.kind == Kind::Text) {
        let relation =
            before.last().is_some_and(|t| t.is("FROM") || t.is("JOIN") || t.is_mark(","));
        if !relation {
            return (cursor, Vec::new());
        }
        return complete_path(word.get(1..).unwrap_or_default(), start + 1);
    }
    let scope = Scope::read(statement, catalog);
    if let [.., owner, dot] = before.as_slice()
        && dot.is_mark(".")
        && dot.end() == start
        && owner.is_name()
    {
        return (start, starting_with(scope.members(&owner.name(), catalog), word));
    }
    let found =
        match before.last() {
            None => statement_starts(),
            Some(_) if expects_relation(&before) => {
                let mut found = scope.common_tables();
                found.extend(relations(catalog));
                found.extend(catalog.functions.iter().filter(|f| f.kind == "table").map(|f| {
                    Candidate::new(format!("{}(", f.name), "table function", &f.signature)
                }));
                if !word.is_empty() {
                    found.extend(keywords(word));
                }
                found
            }
            Some(_) => expressions(&scope, catalog, word),
        };
    (start, starting_with(found, word))
}

/// Whether the next word names a relation: right after FROM, or after a comma in its list.
fn expects_relation(before: &[&Token<'_>]) -> bool {
    let Some(last) = before.last() else { return false };
    if BEFORE_RELATION.iter().any(|word| last.is(word)) {
        return true;
    }
    if !last.is_mark(",") {
        return false;
    }
    let mut depth = 0_usize;
    for token in before.iter().rev() {
        if token.is_mark(")") {
            depth += 1;
        } else if token.is_mark("(") {
            if depth == 0 {
                return false;
            }
            depth -= 1;
        } else if depth == 0 && token.is("FROM") {
            return true;
        } else if depth == 0 && AFTER_FROM.iter().any(|word| token.is(word)) {
            return false;
        }
    }
    false
}

fn statement_starts() -> Vec<Candidate> {
    [
        "SELECT",
        "WITH",
        "FROM",
        "EXPLAIN",
        "SHOW",
        "SET",
        "DESCRIBE",
        "CREATE TABLE",
        "CREATE VIEW",
        "DROP TABLE",
        "DROP VIEW",
        "INSERT INTO",
        "VALUES",
        "COPY",
    ]
    .map(|word| Candidate::new(word, "keyword", ""))
    .to_vec()
}

fn expressions(scope: &Scope, catalog: &Catalog, word: &str) -> Vec<Candidate> {
    let mut found = scope.columns();
    if scope.relations.is_empty() && !word.is_empty() {
        // FROM is not written yet: a column of any relation may be meant
        found.extend(any_column(catalog));
    }
    found.extend(scope.names());
    found.extend(scope.common_tables());
    let functions = |tenure: bool| {
        catalog
            .functions
            .iter()
            .filter(move |f| f.tenure == tenure && f.kind != "table")
            .map(|f| Candidate::new(format!("{}(", f.name), f.kind, &f.signature))
    };
    found.extend(functions(true));
    if !word.is_empty() {
        found.extend(functions(false));
        found.extend(keywords(word));
    }
    found
}

/// The columns of all relations that need no qualification.
fn any_column(catalog: &Catalog) -> impl Iterator<Item = Candidate> {
    let relations = catalog.relations.iter();
    relations.filter(|r| r.lake == catalog.default_lake && r.schema == "main").flat_map(|r| {
        r.columns.iter().map(move |(name, kind)| {
            Candidate::new(quoted(name), "column", format!("{kind} of {}", r.name))
        })
    })
}

/// Keywords in the case in which the word is being typed.
fn keywords(word: &str) -> impl Iterator<Item = Candidate> {
    let lower = word.chars().next().is_some_and(char::is_lowercase);
    KEYWORDS.into_iter().map(move |keyword| {
        let text = if lower { keyword.to_lowercase() } else { keyword.to_string() };
        Candidate::new(text, "keyword", "")
    })
}

/// Relations by their shortest name that works.
fn relations(catalog: &Catalog) -> Vec<Candidate> {
    let mut relations: Vec<&Relation> = catalog.relations.iter().collect();
    // the tables of a lake stand in `raw` too; the short name will do
    relations.retain(|r| r.schema != "raw" || !has(catalog, r, "table"));
    relations.sort_by_key(|r| (r.schema != "main", r.schema.clone(), r.name.clone()));
    relations
        .iter()
        .map(|r| {
            let mut text = quoted(&r.name);
            if r.schema != "main" && (r.schema != "raw" || has(catalog, r, "view")) {
                text = format!("{}.{text}", quoted(&r.schema));
            }
            if r.lake != catalog.default_lake {
                let schema = if r.schema == "main" { "main." } else { "" };
                text = format!("{}.{schema}{text}", quoted(&r.lake));
            }
            Candidate::new(text, r.kind, format!("{} columns", r.columns.len()))
        })
        .collect()
}

/// Whether `main` has a relation of the same name and of a kind.
fn has(catalog: &Catalog, relation: &Relation, kind: &str) -> bool {
    catalog.relations.iter().any(|r| {
        r.schema == "main" && r.kind == kind && r.name == relation.name && r.lake == relation.lake
    })
}

/// A name as it must be written: in quotes unless it is plain.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(name));
    if plain && !name.is_empty() {
        return name.to_string();
    }
    // words such as date are keywords that work as names
    if matches!(name, "date" | "timestamp" | "range" | "rows" | "filter" | "values") {
        return name.to_string();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Keeps what starts with the word, once each, in the given order.
fn starting_with(found: Vec<Candidate>, word: &str) -> Vec<Candidate> {
    let bare = word.trim_start_matches('"').to_lowercase();
    let mut seen = std::collections::HashSet::new();
    found
        .into_iter()
        .filter(|c| {
            let text = c.text.trim_start_matches('"').to_lowercase();
            // a qualified name is found by its last part as well
            text.starts_with(&bare) || text.rsplit('.').next().is_some_and(|t| t.starts_with(&bare))
        })
        .filter(|c| seen.insert(c.text.clone()))
        .map(|c| match word.starts_with('"') && !c.text.starts_with('"') && c.kind == "column" {
            true => Candidate { text: format!("\"{}\"", c.text), ..c },
            false => c,
        })
        .collect()
}

#[cfg(test)]
mod tests;
