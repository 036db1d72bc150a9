-- DataGrip (its introspector for PostgreSQL, over pgJDBC): closed, and not run here; written in our words after the forms of its statements in public logs of versions 2024 and 2025
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
-- the numbers that it has read before
SELECT oid AS main FROM pg_catalog.pg_namespace WHERE nspname = 'main' \gset
SELECT oid AS orders FROM pg_catalog.pg_class WHERE relname = 'orders' AND relnamespace = :main \gset

-- rows
SELECT N.oid::bigint AS id, N.xmin AS state_number, N.nspname AS name FROM pg_catalog.pg_namespace N ORDER BY id;
-- rows
SELECT C.oid AS id, C.relname AS name, C.xmin AS state_number FROM pg_catalog.pg_class C WHERE C.relnamespace = :main::oid AND pg_catalog.age(C.xmin) <= coalesce(nullif(greatest(pg_catalog.age('1'::varchar::xid), -1), -1), 2147483647) ORDER BY id;
-- rows
SELECT A.attname, A.xmin FROM pg_catalog.pg_attribute A WHERE A.attrelid = :orders::oid AND age(A.xmin) <= 2147483647 ORDER BY A.attnum;
-- rows
SELECT name, is_dst FROM pg_catalog.pg_timezone_names UNION DISTINCT SELECT abbrev, is_dst FROM pg_catalog.pg_timezone_abbrevs;
-- rows
SELECT U.usename AS name, U.usesuper AS is_super FROM pg_user U;
SELECT L.transactionid AS id FROM pg_catalog.pg_locks L WHERE L.transactionid IS NOT NULL ORDER BY pg_catalog.age(L.transactionid) DESC;
-- rows
SELECT round(extract(epoch FROM pg_postmaster_start_time() AT TIME ZONE 'UTC')) AS startup_time;
-- rows
SELECT t.*, CTID FROM raw.orders t LIMIT 5;
-- rows
SELECT P.oid AS aggregate_id, P.xmin AS state_number, P.proname AS aggregate_name, P.proargnames AS arg_names, P.proargmodes AS arg_modes, P.proargtypes::int[] AS in_arg_types, P.proallargtypes::int[] AS all_arg_types, A.aggtransfn::oid AS transition_function_id, A.aggtransfn::regproc::text AS transition_function_name, A.aggtranstype AS transition_type, A.aggfinalfn::oid AS final_function_id, A.agginitval AS initial_value, A.aggsortop AS sort_operator_id, pg_catalog.pg_get_userbyid(P.proowner) AS "owner" FROM pg_catalog.pg_aggregate A JOIN pg_catalog.pg_proc P ON A.aggfnoid = P.oid WHERE P.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'tenure') ORDER BY P.oid;
SELECT T.oid AS object_id, pg_catalog.unnest(T.relacl) AS acl FROM pg_catalog.pg_class T WHERE T.relnamespace = :main::oid UNION ALL SELECT T.oid, pg_catalog.unnest(T.nspacl) FROM pg_catalog.pg_namespace T;
-- rows
SELECT E.oid AS id, E.xmin AS state_number, extname AS name, extversion AS version, extnamespace AS schema_id, nspname AS schema_name, array(SELECT unnest FROM unnest(available_versions) WHERE unnest > extversion) AS available_updates FROM pg_catalog.pg_extension E JOIN pg_namespace N ON E.extnamespace = N.oid LEFT JOIN (SELECT name, array_agg(version) AS available_versions FROM pg_available_extension_versions() GROUP BY name) V ON E.extname = V.name;
