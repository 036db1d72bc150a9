-- Tableau (psqlODBC): closed, and not run here; written in our words, and checked against the formulas of tableau/connector-plugin-sdk at cdf746b3
SET DateStyle = 'ISO';
SET extra_float_digits = 2;
show transaction_isolation;
select oid, typbasetype from pg_type where typname = 'lo';
select relname, nspname, relkind from pg_catalog.pg_class c, pg_catalog.pg_namespace n where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1') and n.oid = relnamespace order by nspname, relname;
select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules, c.relkind, c.oid, pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace and c.relname = 'orders' and n.nspname = 'main') inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid) inner join pg_catalog.pg_type t on t.oid = a.atttypid) left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum order by n.nspname, c.relname, attnum;
BEGIN;
declare "SQL_CUR0x5581" cursor with hold for SELECT "orders"."channel" AS "channel", SUM("orders"."amount") AS "sum" FROM "main"."orders" "orders" GROUP BY 1;
fetch 2048 in "SQL_CUR0x5581";
close "SQL_CUR0x5581";
COMMIT;
-- rows
SELECT "orders"."channel" AS "channel", SIGN(SUM("orders"."amount")) AS "sign", VARIANCE("orders"."amount") AS "var" FROM "main"."orders" "orders" GROUP BY 1 HAVING (COUNT(1) > 0);
-- rows
SELECT CAST(TRUNC(EXTRACT(YEAR FROM "orders"."ts")) AS INTEGER) AS "yr", DATE_TRUNC('MONTH', CAST("orders"."ts" AS TIMESTAMP)) AS "tmn", DATE('1753-01-04') AS "iso" FROM "main"."orders" "orders" GROUP BY 1, 2 ORDER BY 2 ASC NULLS FIRST LIMIT 10;
SELECT "orders"."channel" AS "channel" FROM "main"."orders" "orders" LIMIT 0;
