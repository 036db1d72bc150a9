-- captured from Superset 6.1.0 with SQLAlchemy 1.4.54 and psycopg2 2.9.13: the connection tested and made, its databases,
-- schemas and tables listed, data sets made of tables and of a query, SQL Lab, and the four charts of a dashboard.
-- The number of a relation is the one that the question before it was answered with (:oid).
BEGIN;
SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore';
ROLLBACK;
-- rows
select pg_catalog.version();
-- rows
select current_schema();
show transaction isolation level;
show standard_conforming_strings;
-- rows
SELECT 1;
-- databases, schemas, tables
-- rows
SELECT datname FROM pg_database WHERE datistemplate = false;
-- rows
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname;
-- rows
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'main' AND c.relkind in ('r', 'p');
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'main' AND c.relkind = 'f';
-- rows
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'main' AND c.relkind IN ('v', 'm');
-- a data set of a table: columns, types, keys, indexes, comments
-- rows
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where n.nspname='main' and relname='profiles';
-- rows
SELECT c.oid FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE (n.nspname = 'main') AND c.relname = 'profiles' AND c.relkind in ('r', 'v', 'm', 'f', 'p') \gset
-- rows
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), ( SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef ) AS DEFAULT, a.attnotnull, a.attrelid as table_oid, pgd.description as comment, a.attgenerated as generated, (SELECT json_build_object( 'always', a.attidentity = 'a', 'start', s.seqstart, 'increment', s.seqincrement, 'minvalue', s.seqmin, 'maxvalue', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle) FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c on s.seqrelid = c."oid" WHERE c.relkind = 'S' AND a.attidentity != '' AND s.seqrelid = pg_catalog.pg_get_serial_sequence( a.attrelid::regclass::text, a.attname )::regclass::oid ) as identity_options FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_description pgd ON ( pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum) WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
-- rows
SELECT t.typname as "name", pg_catalog.format_type(t.typbasetype, t.typtypmod) as "attype", not t.typnotnull as "nullable", t.typdefault as "default", pg_catalog.pg_type_is_visible(t.oid) as "visible", n.nspname as "schema" FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd';
SELECT t.typname as "name", pg_catalog.pg_type_is_visible(t.oid) as "visible", n.nspname as "schema", e.enumlabel as "label" FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid WHERE t.typtype = 'e' ORDER BY "schema", "name", e.oid;
SELECT a.attname FROM pg_attribute a JOIN ( SELECT unnest(ix.indkey) attnum, generate_subscripts(ix.indkey, 1) ord FROM pg_index ix WHERE ix.indrelid = :oid AND ix.indisprimary ) k ON a.attnum=k.attnum WHERE a.attrelid = :oid ORDER BY k.ord;
SELECT conname FROM pg_catalog.pg_constraint r WHERE r.conrelid = :oid AND r.contype = 'p' ORDER BY 1;
SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true) as condef, n.nspname as conschema FROM pg_catalog.pg_constraint r, pg_namespace n, pg_class c WHERE r.conrelid = :oid AND r.contype = 'f' AND c.oid = confrelid AND n.oid = c.relnamespace ORDER BY 1;
SELECT i.relname as relname, ix.indisunique, ix.indexprs, a.attname, a.attnum, c.conrelid, ix.indkey::varchar, ix.indoption::varchar, i.reloptions, am.amname, pg_get_expr(ix.indpred, ix.indrelid), ix.indnkeyatts as indnkeyatts FROM pg_class t join pg_index ix on t.oid = ix.indrelid join pg_class i on i.oid = ix.indexrelid left outer join pg_attribute a on t.oid = a.attrelid and a.attnum = ANY(ix.indkey) left outer join pg_constraint c on (ix.indrelid = c.conrelid and ix.indexrelid = c.conindid and c.contype in ('p', 'u', 'x')) left outer join pg_am am on i.relam = am.oid WHERE t.relkind IN ('r', 'v', 'f', 'm', 'p') and t.oid = :oid and ix.indisprimary = 'f' ORDER BY t.relname, i.relname;
SELECT pgd.description as table_comment FROM pg_catalog.pg_description pgd WHERE pgd.objsubid = 0 AND pgd.objoid = :oid;
SELECT cons.conname as name, cons.conkey as key, a.attnum as col_num, a.attname as col_name FROM pg_catalog.pg_constraint cons join pg_attribute a on cons.conrelid = a.attrelid AND a.attnum = ANY(cons.conkey) WHERE cons.conrelid = :oid AND cons.contype = 'u';
SELECT cons.conname as name, pg_get_constraintdef(cons.oid) as src FROM pg_catalog.pg_constraint cons WHERE cons.conrelid = :oid AND cons.contype = 'c';
-- a data set of a query, and SQL Lab
set search_path = "main";
-- rows
SELECT LEFT(CAST(cohort_start AS TEXT), 7) AS cohort, n AS month, ROUND(100 * rate) AS percent FROM RETENTION_MATRIX( events, start_when => event_type = 'purchase', return_when => event_type = 'purchase', periods => 11 ) WHERE complete LIMIT 1;
-- rows
SELECT pg_backend_pid();
-- rows
SELECT * FROM profiles LIMIT 1001;
-- rows
SELECT * FROM RETENTION_MATRIX( events, start_when => event_type = 'purchase', return_when => event_type = 'purchase', periods => 3 ) LIMIT 1001;
SET tenure.as_of = '2017-06-30';
-- rows
SELECT COUNT(*) AS n FROM orders LIMIT 1001;
RESET tenure.as_of;
EXPLAIN SELECT count(*) FROM profiles;
-- rows
WITH a AS ( SELECT * FROM profiles ) SELECT stage, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY revenue) AS m FROM a GROUP BY 1 LIMIT 1001;
-- values for a filter; the charts
-- rows
SELECT DISTINCT stage AS column_values FROM main.profiles LIMIT 10000;
-- rows
SELECT stage AS stage, COUNT(*) AS customers FROM main.profiles GROUP BY stage ORDER BY customers DESC LIMIT 10000;
-- rows
SELECT DATE_TRUNC('WEEK', ts) AS ts, SUM(amount) AS revenue FROM main.orders GROUP BY DATE_TRUNC('WEEK', ts) ORDER BY revenue DESC LIMIT 10000;
-- rows
SELECT month AS month, cohort AS cohort, MAX(percent) AS percent FROM ( SELECT LEFT(CAST(cohort_start AS TEXT), 7) AS cohort, n AS month, ROUND(100 * rate) AS percent FROM RETENTION_MATRIX( events, start_when => event_type = 'purchase', return_when => event_type = 'purchase', periods => 11 ) WHERE complete ) AS virtual_table GROUP BY month, cohort ORDER BY month ASC, cohort DESC LIMIT 10000;
-- rows
SELECT customer_id AS customer_id, stage AS stage, last_purchase AS last_purchase, revenue AS revenue FROM main.profiles WHERE stage IN ('at_risk', 'dormant') AND m >= 5 ORDER BY revenue DESC LIMIT 10;
-- a chart with a range of time
-- rows
SELECT DATE_TRUNC('DAY', ts) AS ts, COUNT(*) AS n FROM main.orders WHERE ts >= TO_TIMESTAMP('2017-03-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND ts < TO_TIMESTAMP('2017-06-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('DAY', ts) LIMIT 1000;
-- a chart by five minutes, as by 5, 10, 15 and 30 seconds and minutes
-- rows
SELECT DATE_TRUNC('HOUR', ts) + INTERVAL '5 minutes' * FLOOR(EXTRACT(MINUTE FROM ts) / 5) AS ts, COUNT(*) AS n FROM main.orders GROUP BY DATE_TRUNC('HOUR', ts) + INTERVAL '5 minutes' * FLOOR(EXTRACT(MINUTE FROM ts) / 5) ORDER BY n DESC LIMIT 10000;
