//! Tenure's SQL dialect: DataFusion's generic one, and relations as arguments of functions.
//!
//! `TABLE name`, `TABLE (query)`, a bare `SELECT …` and a bare `WITH …` are expressions here, which
//! become subqueries: the form in which the tables inside are found before planning.

use std::any::TypeId;

use datafusion::logical_expr::sqlparser::ast::Expr;
use datafusion::logical_expr::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::parser::{Parser, ParserError};
use datafusion::logical_expr::sqlparser::tokenizer::Token;

/// The dialect of every statement that goes through [`Tenure`](crate::Tenure).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TenureDialect;

macro_rules! as_generic {
    ($($switch:ident),* $(,)?) => { $( fn $switch(&self) -> bool { true } )* }
}

impl Dialect for TenureDialect {
    /// checks for the generic dialect inside the parser hold for this one
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect.is_identifier_part(ch)
    }

    as_generic!(
        supports_unicode_string_literal,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_match_recognize,
        supports_window_function_null_treatment_arg,
        supports_dictionary_syntax,
        supports_window_clause_named_window_reference,
        supports_select_wildcard_except,
        support_map_literal_syntax,
        supports_from_first_select,
        supports_projection_trailing_commas,
        supports_try_convert,
        supports_named_fn_args_with_assignment_operator,
        supports_named_fn_args_with_rarrow_operator,
        supports_struct_literal,
        supports_nested_comments,
        supports_array_typedef_with_brackets,
        supports_filter_during_aggregation,
        supports_select_wildcard_exclude,
        supports_select_wildcard_replace,
        supports_explain_with_utility_options,
        supports_limit_comma,
        supports_values_as_table_factor,
        supports_parens_around_table_factor,
        // beyond the generic dialect
        supports_string_escape_constant,
        supports_lambda_functions,
        supports_order_by_all,
        supports_subquery_as_function_arg,
        // parsed so that it can be refused with a sentence
        supports_table_versioning,
    );

    /// `2 * 3 ^ 2` is 18, as in PostgreSQL
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let power = parser.peek_token_ref().token == Token::Caret;
        power.then(|| Ok(self.prec_value(Precedence::DoubleColon) - 1))
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        match word.keyword {
            Keyword::TABLE => {
                parser.next_token();
                Some(table_argument(parser))
            }
            Keyword::SELECT | Keyword::WITH
                if matches!(parser.peek_nth_token(1).token, Token::Word(_) | Token::Mul) =>
            {
                Some(parser.parse_query().map(Expr::Subquery))
            }
            _ => None,
        }
    }
}

fn table_argument(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(Expr::Subquery(query));
    }
    let name = parser.parse_object_name(false)?;
    select_all(&name.to_string())
}

/// `SELECT * FROM <relation>` as a subquery; `relation` is SQL.
pub(crate) fn select_all(relation: &str) -> Result<Expr, ParserError> {
    let sql = format!("SELECT * FROM {relation}");
    Parser::new(&GenericDialect).try_with_sql(&sql)?.parse_query().map(Expr::Subquery)
}
