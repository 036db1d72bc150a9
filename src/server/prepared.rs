//! Statements that are prepared: what they are, the types of their parameters and of their columns.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::sqlparser::dialect::GenericDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};
use pgwire::api::Type;

use super::command::Command;
use super::error::{Failure, Outcome};
use super::types::parameter;
use super::types::{Format, pg_type};
use crate::error::Result;
use crate::{Params, Tenure};

/// A statement that can be bound and run.
pub(super) struct Prepared {
    /// as the client wrote it
    pub(super) sql: String,
    /// as the engine gets it
    pub(super) text: String,
    pub(super) command: Command,
    pub(super) types: Vec<Type>,
    /// the columns, once they were told
    pub(super) schema: Option<SchemaRef>,
    /// the answer to a question about the catalog that the engine cannot answer
    pub(super) instead: Option<RecordBatch>,
}

impl Prepared {
    /// The values of a `Bind` message.
    pub(super) fn bind(&self, values: &[Option<bytes::Bytes>], codes: &[i16]) -> Outcome<Params> {
        if values.len() != self.types.len() {
            return Err(Failure::new(
                "08P01",
                format!(
                    "{} values are bound, and the statement has {} parameters",
                    values.len(),
                    self.types.len()
                ),
            ));
        }
        let mut params = Params::new();
        for (index, (value, pg)) in values.iter().zip(&self.types).enumerate() {
            let name = (index + 1).to_string();
            let value = match value {
                None => ScalarValue::Null,
                Some(bytes) => {
                    parameter::read(pg, Format::of(codes, index), bytes).ok_or_else(|| {
                        let code = if *pg == Type::TEXT { "22021" } else { "22P02" };
                        Failure::new(code, format!("the value of ${name} is not of the type {pg}"))
                    })?
                }
            };
            params.insert(name, value);
        }
        Ok(params)
    }
}

/// The columns of a query, and the types of its parameters: those that the client declared, then
/// those that the query suggests, then text.
pub(super) async fn describe(
    tenure: &Tenure,
    text: &str,
    declared: &[u32],
) -> Result<(SchemaRef, Vec<Type>)> {
    let count = parameters(text).max(declared.len());
    if count == 0 {
        let frame = tenure.sql(text).await?;
        return Ok((told(frame.schema().as_arrow()), vec![]));
    }
    let casts = casts(text);
    let declared: Vec<Option<Type>> = (0..count)
        .map(|i| {
            let told = declared.get(i).and_then(|oid| Type::from_oid(*oid));
            let cast = || casts.iter().find(|(n, _)| *n == i + 1).map(|(_, pg)| pg.clone());
            told.filter(|t| *t != Type::UNKNOWN).or_else(cast)
        })
        .collect();
    let typed = with_types(text, &declared);
    let (frame, inferred) = match tenure.sql(&typed).await {
        Ok(frame) => {
            let inferred = frame.logical_plan().get_parameter_types().unwrap_or_default();
            (frame, inferred)
        }
        // some functions want to know a value: without one, an option is its default
        Err(_) => {
            let nothing = (1..=count).map(|i| (i.to_string(), ScalarValue::Null));
            (tenure.sql_with(text, &nothing.collect()).await?, Default::default())
        }
    };
    let types = declared
        .into_iter()
        .enumerate()
        .map(|(index, declared)| {
            let inferred = || inferred.get(&format!("${}", index + 1)).cloned().flatten();
            declared.or_else(|| inferred().map(|t| pg_type(&t))).unwrap_or(Type::TEXT)
        })
        .collect();
    Ok((told(frame.schema().as_arrow()), types))
}

/// The columns as they will be: what has no type is text.
fn told(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Null => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

/// The highest number of a `$1`.
pub(super) fn parameters(sql: &str) -> usize {
    let tokens = Tokenizer::new(&GenericDialect, sql).tokenize().unwrap_or_default();
    tokens.iter().filter_map(position).max().unwrap_or(0)
}

fn position(token: &Token) -> Option<usize> {
    match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse().ok().filter(|n| *n <= 65_535),
        _ => None,
    }
}

/// The parameters whose type the statement itself says, by `$1::date` or `CAST($1 AS date)`: they are
/// read as PostgreSQL reads such a type, and drivers send it. One in `= ANY($1)` is a list, whose items
/// are compared as texts if nobody says otherwise; `LIMIT $1` is a number.
fn casts(sql: &str) -> Vec<(usize, Type)> {
    let tokens = Tokenizer::new(&GenericDialect, sql).tokenize().unwrap_or_default();
    let tokens: Vec<&Token> =
        tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.value.to_lowercase(),
        _ => String::new(),
    };
    let mut out = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let Some(n) = position(token) else { continue };
        let before = |back: usize| at.checked_sub(back).map_or_else(String::new, word);
        // which is a function once the library has read a question about the catalog
        let end = match before(2).as_str() {
            "any" | "some" | "all" => &Token::RParen,
            "array_contains" | "array_has" => &Token::Comma,
            _ => &Token::EOF,
        };
        let opened = at.checked_sub(1).and_then(|before| tokens.get(before));
        if opened == Some(&&Token::LParen) && tokens.get(at + 1) == Some(&end) {
            out.push((n, Type::TEXT_ARRAY));
        }
        if ["limit", "offset"].contains(&before(1).as_str()) {
            out.push((n, Type::INT8));
        }
        if tokens.get(at + 1) != Some(&&Token::DoubleColon) && word(at + 1) != "as" {
            continue;
        }
        let is_list = tokens.get(at + 3) == Some(&&Token::LBracket);
        let pg = match (word(at + 2).as_str(), word(at + 3).as_str()) {
            ("bigint" | "int8", _) if is_list => Type::INT8_ARRAY,
            ("int" | "integer" | "int4", _) if is_list => Type::INT4_ARRAY,
            ("text" | "varchar", _) if is_list => Type::TEXT_ARRAY,
            ("oid", _) if is_list => Type::OID_ARRAY,
            _ if is_list => continue,
            ("bigint" | "int8", _) => Type::INT8,
            ("int" | "integer" | "int4", _) => Type::INT4,
            ("smallint" | "int2", _) => Type::INT2,
            ("boolean" | "bool", _) => Type::BOOL,
            ("interval", _) => Type::INTERVAL,
            ("date", _) => Type::DATE,
            ("time", "" | "without") => Type::TIME,
            ("timestamptz", _) | ("timestamp", "with") => Type::TIMESTAMPTZ,
            ("timestamp", _) => Type::TIMESTAMP,
            _ => continue,
        };
        out.push((n, pg));
    }
    out
}

/// The statement with declared types as casts, so that what is planned has them.
fn with_types(sql: &str, declared: &[Option<Type>]) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect, sql).with_unescape(false).tokenize() else {
        return sql.to_owned();
    };
    tokens
        .iter()
        .map(|token| {
            let known = position(token)
                .and_then(|n| declared.get(n.checked_sub(1)?)?.as_ref())
                .and_then(sql_type);
            match known {
                Some(name) => format!("CAST({token} AS {name})"),
                None => token.to_string(),
            }
        })
        .collect()
}

fn sql_type(pg: &Type) -> Option<&'static str> {
    Some(match *pg {
        Type::BOOL => "BOOLEAN",
        Type::INT2 => "SMALLINT",
        Type::INT4 => "INT",
        Type::INT8 => "BIGINT",
        Type::FLOAT4 => "REAL",
        Type::FLOAT8 => "DOUBLE",
        Type::DATE => "DATE",
        Type::TIMESTAMP => "TIMESTAMP",
        Type::TIMESTAMPTZ => "TIMESTAMP WITH TIME ZONE",
        Type::TIME => "TIME",
        Type::INTERVAL => "INTERVAL",
        Type::BYTEA => "BYTEA",
        Type::NUMERIC => "DECIMAL(38, 10)",
        Type::TEXT | Type::VARCHAR => "VARCHAR",
        Type::BOOL_ARRAY => "BOOLEAN[]",
        Type::INT2_ARRAY | Type::INT4_ARRAY | Type::INT8_ARRAY | Type::OID_ARRAY => "BIGINT[]",
        Type::FLOAT4_ARRAY | Type::FLOAT8_ARRAY => "DOUBLE[]",
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => "VARCHAR[]",
        Type::DATE_ARRAY => "DATE[]",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_of_a_parameter_says_its_type() {
        let sql =
            "SELECT $1::date, CAST($2 AS TIMESTAMP WITH TIME ZONE), $3 :: timestamp, $4 AS date_";
        let times = [(1, Type::DATE), (2, Type::TIMESTAMPTZ), (3, Type::TIMESTAMP)];
        assert_eq!(casts(sql), times);
        let sql = "SELECT $1::int, $2::bool, now() - $3::interval FROM t WHERE a = ANY($4::bigint[]) LIMIT $5 OFFSET $6";
        let others = [
            (1, Type::INT4),
            (2, Type::BOOL),
            (3, Type::INTERVAL),
            (4, Type::INT8_ARRAY),
            (5, Type::INT8),
            (6, Type::INT8),
        ];
        assert_eq!(casts(sql), others);
        let lists = [(1, Type::TEXT_ARRAY), (2, Type::TEXT_ARRAY)];
        assert_eq!(casts("SELECT x = ANY($1), y <> all ( $2 ), any($3 || 'a'), (any, $4)"), lists);
        assert_eq!(casts("SELECT array_contains($1, kind)"), [(1, Type::TEXT_ARRAY)]);
    }

    #[test]
    fn parameters_are_counted_and_cast_where_they_stand() {
        let sql = "SELECT '$9', $2, \"$7\" -- $8\nFROM t WHERE a = $1";
        assert_eq!(parameters(sql), 2);
        assert_eq!(
            with_types(sql, &[Some(Type::INT4), None]),
            "SELECT '$9', $2, \"$7\" -- $8\nFROM t WHERE a = CAST($1 AS INT)"
        );
    }
}
