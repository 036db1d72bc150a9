//! Which relations, aliases and common tables a statement speaks of.

use super::super::catalog::{Catalog, Relation};
use super::super::lexer::Token;
use super::{AFTER_FROM, Candidate, quoted};

/// Words that are no alias although they follow a relation.
const NO_ALIAS: [&str; 9] =
    ["LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "JOIN", "OUTER", "FETCH"];

/// What the relations of a statement bring into scope.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// the name by which columns are qualified, and the columns
    pub(super) relations: Vec<(String, Vec<(String, String)>)>,
    common: Vec<String>,
}

impl Scope {
    pub(super) fn read(statement: &[Token<'_>], catalog: &Catalog) -> Self {
        let mut scope = Self::default();
        for (at, token) in statement.iter().enumerate() {
            // WITH name AS (…), name AS (…)
            let rest = statement.get(at..).unwrap_or_default();
            if let [name, as_, open, ..] = rest
                && name.is_name()
                && as_.is("AS")
                && open.is_mark("(")
                && statement.iter().any(|t| t.is("WITH"))
            {
                scope.common.push(name.name());
            }
            if token.is("FROM") || token.is("JOIN") || token.is("INTO") || token.is("DESCRIBE") {
                scope.read_relations(statement.get(at + 1..).unwrap_or_default(), catalog);
            }
        }
        scope
    }

    /// Reads `a.b AS c, d e, …` at the start of the tokens.
    fn read_relations(&mut self, mut rest: &[Token<'_>], catalog: &Catalog) {
        loop {
            let mut parts = Vec::new();
            while let [name, after @ ..] = rest
                && name.is_name()
                && !AFTER_FROM.iter().any(|word| name.is(word))
            {
                parts.push(name.name());
                rest = after;
                match rest {
                    [dot, after @ ..] if dot.is_mark(".") => rest = after,
                    _ => break,
                }
            }
            let Some(name) = parts.last().cloned() else { return };
            if rest.first().is_some_and(|t| t.is_mark("(")) {
                return;
            }
            if let [as_, after @ ..] = rest
                && as_.is("AS")
            {
                rest = after;
            }
            let mut alias = name.clone();
            if let [token, after @ ..] = rest
                && token.is_name()
                && !AFTER_FROM.iter().chain(&NO_ALIAS).any(|word| token.is(word))
            {
                alias = token.name();
                rest = after;
            }
            let columns = relation(catalog, &parts).map(|r| r.columns.clone()).unwrap_or_default();
            if !self.relations.iter().any(|(known, _)| *known == alias) {
                self.relations.push((alias, columns));
            }
            match rest {
                [comma, after @ ..] if comma.is_mark(",") => rest = after,
                _ => return,
            }
        }
    }

    pub(super) fn columns(&self) -> Vec<Candidate> {
        let several = self.relations.len() > 1;
        let columns = self.relations.iter().flat_map(|(owner, columns)| {
            columns.iter().map(move |(name, kind)| {
                let detail = if several { format!("{kind} of {owner}") } else { kind.clone() };
                Candidate::new(quoted(name), "column", detail)
            })
        });
        columns.collect()
    }

    pub(super) fn names(&self) -> Vec<Candidate> {
        let names = self.relations.iter();
        names.map(|(name, _)| Candidate::new(quoted(name), "alias", "")).collect()
    }

    pub(super) fn common_tables(&self) -> Vec<Candidate> {
        let names = self.common.iter();
        names.map(|name| Candidate::new(quoted(name), "common table", "")).collect()
    }

    /// What may follow `owner.`: columns of a relation, relations of a schema, schemas of a lake.
    pub(super) fn members(&self, owner: &str, catalog: &Catalog) -> Vec<Candidate> {
        let columns = self
            .relations
            .iter()
            .find(|(name, _)| name == owner)
            .map(|(_, columns)| columns.clone())
            .or_else(|| Some(relation(catalog, &[owner.to_string()])?.columns.clone()))
            .unwrap_or_default();
        let mut found: Vec<Candidate> = columns
            .into_iter()
            .map(|(name, kind)| Candidate::new(quoted(&name), "column", kind))
            .collect();
        for r in &catalog.relations {
            if r.schema == owner {
                let detail = format!("{} columns", r.columns.len());
                found.push(Candidate::new(quoted(&r.name), r.kind, detail));
            }
            if r.lake == owner {
                found.push(Candidate::new(format!("{}.", quoted(&r.schema)), "schema", ""));
            }
        }
        found
    }
}

/// The relation of a possibly qualified name; the canonical views come first.
fn relation<'a>(catalog: &'a Catalog, parts: &[String]) -> Option<&'a Relation> {
    let fits = |r: &&Relation| {
        let full = [&r.lake, &r.schema, &r.name];
        full.iter().rev().zip(parts.iter().rev()).all(|(have, want)| *have == want)
    };
    let found = catalog.relations.iter().filter(fits);
    found.min_by_key(|r| (r.lake != catalog.default_lake, r.schema != "main"))
}
