-- DBeaver (its PostgreSQL extension and pgJDBC): not run here; written in our words, and checked against the sources of dbeaver/dbeaver at 2428359b
-- the numbers that it has read before
SELECT oid AS main FROM pg_catalog.pg_namespace WHERE nspname = 'main' \gset
SELECT oid AS orders FROM pg_catalog.pg_class WHERE relname = 'orders' AND relnamespace = :main \gset
SET extra_float_digits = 3;
SET application_name = 'PostgreSQL JDBC Driver';
SET application_name = 'DBeaver 24 - Main <retail>';
SELECT version();
SELECT current_schema(), session_user;
SELECT current_database();
SHOW search_path;
SHOW TRANSACTION ISOLATION LEVEL;
SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datname = 'retail';
SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 ORDER BY nspname;
SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid WHERE t.typname IS NOT NULL ORDER BY t.oid;
SELECT setting FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings';
SELECT c.oid, c.*, d.description FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 WHERE c.relnamespace = :main AND c.relkind NOT IN ('i', 'I', 'c');
SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) WHERE NOT a.attisdropped AND c.relname = 'orders' ORDER BY a.attnum;
SELECT c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 WHERE c.conrelid = :orders ORDER BY c.oid;
-- rows
SELECT a.attnum, a.attname, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, dsc.description, dep.objid FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum LEFT JOIN pg_catalog.pg_description dsc ON a.attrelid = dsc.objoid AND a.attnum = dsc.objsubid LEFT JOIN pg_depend dep ON dep.refobjid = a.attrelid AND dep.deptype = 'i' AND dep.refobjsubid = a.attnum AND dep.classid = dep.refclassid WHERE NOT a.attisdropped AND a.attrelid = :orders ORDER BY a.attnum;
-- rows
SELECT c.relname, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.oid IN (:main) AND c.relname ILIKE 'ord%' ORDER BY 1 LIMIT 100;
SELECT c.oid, pg_catalog.pg_total_relation_size(c.oid) AS total_rel_size, pg_catalog.pg_relation_size(c.oid) AS rel_size FROM pg_catalog.pg_class c WHERE c.relnamespace = :main;
-- rows
SELECT a.pid, a.usename, a.state FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_backend_pid();
-- rows
SELECT orders.* FROM main.orders LIMIT 5;
-- rows
SELECT p.oid, p.*, a.*, d.description FROM pg_catalog.pg_proc p INNER JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = p.oid WHERE p.prokind = 'a' ORDER BY p.proname;
-- rows
SELECT * FROM information_schema.table_privileges WHERE table_catalog = 'retail' AND grantee = current_user;
-- rows
SELECT grantee, column_name, privilege_type FROM information_schema.column_privileges WHERE table_schema = 'main' AND table_name = 'orders';
SELECT c.relname, (aclexplode(c.relacl)).grantee::regrole AS grantee, (aclexplode(c.relacl)).privilege_type FROM pg_catalog.pg_class c WHERE c.relnamespace = :main;
SELECT d.defaclobjtype, a.* FROM pg_catalog.pg_default_acl d, LATERAL aclexplode(d.defaclacl) a;
