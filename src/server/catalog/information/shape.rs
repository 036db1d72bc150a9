//! The tables of `information_schema` and their columns, in PostgreSQL's order.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// Columns that hold numbers; all others hold text.
const NUMBERS: &[&str] = &[
    "ordinal_position",
    "position_in_unique_constraint",
    "character_maximum_length",
    "character_octet_length",
    "numeric_precision",
    "numeric_precision_radix",
    "numeric_scale",
    "datetime_precision",
    "interval_precision",
    "maximum_cardinality",
    "max_dynamic_result_sets",
];

/// The columns of a table; none for what is no table of `information_schema`.
pub(super) fn schema(table: &str) -> Option<SchemaRef> {
    let (_, columns) = TABLES.iter().find(|(name, _)| *name == table)?;
    let field = |name: &str| {
        let ty = if NUMBERS.contains(&name) { DataType::Int32 } else { DataType::Utf8 };
        Field::new(name, ty, true)
    };
    Some(Arc::new(Schema::new(columns.split_whitespace().map(field).collect::<Vec<_>>())))
}

/// The names of the tables.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, _)| *name)
}

const TABLES: &[(&str, &str)] = &[
    (
        "tables",
        "table_catalog table_schema table_name table_type self_referencing_column_name \
         reference_generation user_defined_type_catalog user_defined_type_schema \
         user_defined_type_name is_insertable_into is_typed commit_action",
    ),
    (
        "views",
        "table_catalog table_schema table_name view_definition check_option is_updatable \
         is_insertable_into is_trigger_updatable is_trigger_deletable is_trigger_insertable_into",
    ),
    (
        "columns",
        "table_catalog table_schema table_name column_name ordinal_position column_default \
         is_nullable data_type character_maximum_length character_octet_length numeric_precision \
         numeric_precision_radix numeric_scale datetime_precision interval_type interval_precision \
         character_set_catalog character_set_schema character_set_name collation_catalog \
         collation_schema collation_name domain_catalog domain_schema domain_name udt_catalog \
         udt_schema udt_name scope_catalog scope_schema scope_name maximum_cardinality \
         dtd_identifier is_self_referencing is_identity identity_generation identity_start \
         identity_increment identity_maximum identity_minimum identity_cycle is_generated \
         generation_expression is_updatable",
    ),
    (
        "schemata",
        "catalog_name schema_name schema_owner default_character_set_catalog \
         default_character_set_schema default_character_set_name sql_path",
    ),
    // the last three are not PostgreSQL's: the kind of the function, and its documentation
    (
        "routines",
        "specific_catalog specific_schema specific_name routine_catalog routine_schema routine_name \
         routine_type module_catalog module_schema module_name udt_catalog udt_schema udt_name \
         data_type character_maximum_length character_octet_length character_set_catalog \
         character_set_schema character_set_name collation_catalog collation_schema collation_name \
         numeric_precision numeric_precision_radix numeric_scale datetime_precision interval_type \
         interval_precision type_udt_catalog type_udt_schema type_udt_name scope_catalog \
         scope_schema scope_name maximum_cardinality dtd_identifier routine_body routine_definition \
         external_name external_language parameter_style is_deterministic sql_data_access \
         is_null_call sql_path schema_level_routine max_dynamic_result_sets is_user_defined_cast \
         is_implicitly_invocable security_type to_sql_specific_catalog to_sql_specific_schema \
         to_sql_specific_name as_locator created last_altered new_savepoint_level is_udt_dependent \
         result_cast_from_data_type result_cast_as_locator result_cast_char_max_length \
         result_cast_char_octet_length result_cast_char_set_catalog result_cast_char_set_schema \
         result_cast_char_set_name result_cast_collation_catalog result_cast_collation_schema \
         result_cast_collation_name result_cast_numeric_precision \
         result_cast_numeric_precision_radix result_cast_numeric_scale \
         result_cast_datetime_precision result_cast_interval_type result_cast_interval_precision \
         result_cast_type_udt_catalog result_cast_type_udt_schema result_cast_type_udt_name \
         result_cast_scope_catalog result_cast_scope_schema result_cast_scope_name \
         result_cast_maximum_cardinality result_cast_dtd_identifier function_type description \
         syntax_example",
    ),
    (
        "parameters",
        "specific_catalog specific_schema specific_name ordinal_position parameter_mode is_result \
         as_locator parameter_name data_type character_maximum_length character_octet_length \
         character_set_catalog character_set_schema character_set_name collation_catalog \
         collation_schema collation_name numeric_precision numeric_precision_radix numeric_scale \
         datetime_precision interval_type interval_precision udt_catalog udt_schema udt_name \
         scope_catalog scope_schema scope_name maximum_cardinality dtd_identifier parameter_default",
    ),
    (
        "character_sets",
        "character_set_catalog character_set_schema character_set_name character_repertoire \
         form_of_use default_collate_catalog default_collate_schema default_collate_name",
    ),
    // what a lake has none of
    (
        "table_constraints",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name \
         constraint_type is_deferrable initially_deferred enforced nulls_distinct",
    ),
    (
        "key_column_usage",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name \
         column_name ordinal_position position_in_unique_constraint",
    ),
    (
        "referential_constraints",
        "constraint_catalog constraint_schema constraint_name unique_constraint_catalog \
         unique_constraint_schema unique_constraint_name match_option update_rule delete_rule",
    ),
    (
        "constraint_column_usage",
        "table_catalog table_schema table_name column_name constraint_catalog constraint_schema \
         constraint_name",
    ),
    (
        "constraint_table_usage",
        "table_catalog table_schema table_name constraint_catalog constraint_schema constraint_name",
    ),
    ("check_constraints", "constraint_catalog constraint_schema constraint_name check_clause"),
    ("sequences", "sequence_catalog sequence_schema sequence_name data_type"),
    (
        "triggers",
        "trigger_catalog trigger_schema trigger_name event_manipulation event_object_catalog \
         event_object_schema event_object_table action_statement",
    ),
    ("domains", "domain_catalog domain_schema domain_name data_type"),
    (
        "element_types",
        "object_catalog object_schema object_name object_type collection_type_identifier data_type",
    ),
    (
        "user_defined_types",
        "user_defined_type_catalog user_defined_type_schema user_defined_type_name \
         user_defined_type_category",
    ),
    (
        "foreign_tables",
        "foreign_table_catalog foreign_table_schema foreign_table_name foreign_server_catalog \
         foreign_server_name",
    ),
    (
        "view_table_usage",
        "view_catalog view_schema view_name table_catalog table_schema table_name",
    ),
    ("enabled_roles", "role_name"),
    ("applicable_roles", "grantee role_name is_grantable"),
    (
        "table_privileges",
        "grantor grantee table_catalog table_schema table_name privilege_type is_grantable \
         with_hierarchy",
    ),
    (
        "role_table_grants",
        "grantor grantee table_catalog table_schema table_name privilege_type is_grantable \
         with_hierarchy",
    ),
    (
        "column_privileges",
        "grantor grantee table_catalog table_schema table_name column_name privilege_type \
         is_grantable",
    ),
];
