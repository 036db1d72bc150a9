-- Metabase (its postgres driver, over pgJDBC): not run here; written in our words, and checked against the sources of metabase/metabase at 008fd667
SET extra_float_digits = 3;
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
SHOW TRANSACTION ISOLATION LEVEL;
show timezone;
SET SESSION TIMEZONE TO 'UTC';
SELECT true AS "_";
SELECT nspname AS "TABLE_SCHEM", NULL AS "TABLE_CATALOG" FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_' OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_')) ORDER BY "TABLE_SCHEM";
SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS type, d.description AS description, NULLIF(stat.n_live_tup, 0) AS estimated_row_count FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0 LEFT JOIN pg_stat_user_tables AS stat ON n.nspname = stat.schemaname AND c.relname = stat.relname WHERE c.relnamespace = n.oid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'f', 'm') AND n.nspname IN ('main') ORDER BY type, schema, name;
WITH table_privileges AS (SELECT NULL AS role, t.schemaname AS schema, t.objectname AS table, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') AS update, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') AS select FROM (SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables UNION SELECT schemaname, viewname AS objectname FROM pg_catalog.pg_views UNION SELECT schemaname, matviewname AS objectname FROM pg_catalog.pg_matviews) AS t WHERE t.schemaname !~ '^pg_' AND t.schemaname <> 'information_schema') SELECT t.* FROM table_privileges AS t;
-- rows
SELECT c.column_name AS "name", CASE WHEN c.udt_schema IN ('public', 'pg_catalog') THEN format('%s', c.udt_name) ELSE format('"%s"."%s"', c.udt_schema, c.udt_name) END AS "type", c.ordinal_position - 1 AS "position", pk.column_name IS NOT NULL AS "pk?", col_description(CAST(CAST(format('%I.%I', CAST(c.table_schema AS TEXT), CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS "comment", (c.column_default IS NULL OR lower(c.column_default) = 'null') AND c.is_nullable = 'NO' AND NOT (c.is_identity <> 'NO') AS "required" FROM information_schema.columns AS c LEFT JOIN (SELECT tc.table_schema, tc.table_name, kc.column_name FROM information_schema.table_constraints AS tc INNER JOIN information_schema.key_column_usage AS kc ON tc.constraint_name = kc.constraint_name AND tc.table_schema = kc.table_schema WHERE tc.constraint_type = 'PRIMARY KEY') AS pk ON c.table_schema = pk.table_schema AND c.table_name = pk.table_name AND c.column_name = pk.column_name WHERE c.table_schema !~ '^information_schema|pg_' AND c.table_schema IN ('main') AND c.table_name IN ('orders') ORDER BY "position";
-- rows
SELECT a.attname AS "name" FROM pg_catalog.pg_attribute a WHERE a.attrelid = CAST(CAST(format('%I.%I', 'main', 'orders') AS REGCLASS) AS OID) AND a.attnum >= 1;
SELECT true AS "_" FROM "main"."orders" WHERE 1 <> 1 LIMIT 0;
-- rows
SELECT date_trunc('week', ts + INTERVAL '1 day') - INTERVAL '1 day' AS week, count(*) AS "count" FROM "main"."orders" GROUP BY 1 ORDER BY 1;
-- rows
SELECT MOD(CAST(extract(dow FROM ts) AS INTEGER) + 6, 7) + 1 AS "day", CAST(sum(CASE WHEN amount > 20 THEN 1 ELSE 0.0 END) AS FLOAT) / count(*) AS share FROM "main"."orders" GROUP BY 1 ORDER BY 1;
-- rows
SELECT date_trunc('day', TIMEZONE('America/New_York', TIMEZONE('UTC', ts))) AS "day", count(*) FROM "main"."orders" GROUP BY 1 ORDER BY 1 LIMIT 3;
-- rows
SELECT extract(year FROM age(max(ts), min(ts))) * 12 + extract(month FROM age(max(ts), min(ts))) AS months FROM "main"."orders";
