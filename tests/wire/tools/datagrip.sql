-- DataGrip (its introspector for PostgreSQL, over pgJDBC): written down from what is known of it, neither captured from the tool nor checked against its sources
SET extra_float_digits = 3;
SET application_name = 'DataGrip 2024.3';
SELECT version();
SHOW TRANSACTION ISOLATION LEVEL;
SELECT current_database() as a, current_schemas(false) as b;
SELECT N.oid::bigint as id, datname as name, D.description, datistemplate as is_template, datallowconn as allow_connections, pg_catalog.pg_get_userbyid(N.datdba) as "owner" FROM pg_catalog.pg_database N LEFT JOIN pg_catalog.pg_shdescription D ON N.oid = D.objoid ORDER BY CASE WHEN datname = pg_catalog.current_database() THEN -1::bigint ELSE N.oid::bigint END;
SELECT N.oid::bigint as id, N.nspname as name, D.description, pg_catalog.pg_get_userbyid(N.nspowner) as "owner" FROM pg_catalog.pg_namespace N LEFT JOIN pg_catalog.pg_description D ON N.oid = D.objoid ORDER BY CASE WHEN nspname = pg_catalog.current_schema() THEN -1::bigint ELSE N.oid::bigint END;
SELECT R.oid::bigint as role_id, rolname as role_name, rolsuper is_super, rolinherit is_inherit, rolcreaterole can_createrole, rolcreatedb can_createdb, rolcanlogin can_login FROM pg_catalog.pg_roles R;
SELECT T.relkind as table_kind, T.relname as table_name, T.oid as table_id, T.relispartition as is_partition FROM pg_catalog.pg_class T WHERE relkind IN ('r', 'm', 'v', 'f', 'p') ORDER BY table_kind, table_id;
SELECT C.attnum as column_position, C.attname as column_name, C.atttypmod as type_mod, C.attndims as dimensions_number, pg_catalog.format_type(C.atttypid, C.atttypmod) as type_spec, C.attnotnull as mandatory FROM pg_catalog.pg_attribute C INNER JOIN pg_catalog.pg_class T ON C.attrelid = T.oid WHERE C.attnum > 0 AND T.relname = 'orders' ORDER BY C.attnum;
