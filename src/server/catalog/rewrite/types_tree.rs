//! What asyncpg asks about types before it reads or sends lists: the types that some are made of, in a
//! recursion of three queries in one another, which the engine does not plan. Here types are of
//! themselves or lists of these, and one look tells.

/// How the question begins.
const BEGINS: &str = "WITH RECURSIVE typeinfo_tree(";
/// Its columns, in its order.
const INSTEAD: &str = "SELECT t.oid AS oid, n.nspname AS ns, t.typname AS name, t.typtype AS kind, \
  CAST(NULL AS BIGINT) AS basetype, CASE WHEN t.typelem <> 0 THEN t.typelem END AS elemtype, \
  t.typdelim AS elemdelim, CAST(NULL AS BIGINT) AS range_subtype, CAST(NULL AS TEXT) AS attrtypoids, \
  CAST(NULL AS TEXT) AS attrnames, 0 AS depth, CAST(NULL AS TEXT) AS basetype_name, \
  CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END AS elemtype_name, \
  CAST(NULL AS TEXT) AS range_subtype_name \
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
  WHERE t.oid = ANY($1::oid[])";

/// What is asked for this question, and any other itself.
pub(super) fn simpler(sql: &str) -> &str {
    if sql.trim_start().starts_with(BEGINS) { INSTEAD } else { sql }
}
