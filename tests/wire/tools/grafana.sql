-- Grafana (its PostgreSQL data source): not run here; written in our words, and checked against the sources of grafana/grafana at 12f912ab and 02ab314b
SELECT 1;
select version();
SELECT current_setting('server_version_num')::int/100 as version;
select quote_ident(table_name) as "table" from information_schema.tables where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog') and table_type IN ('BASE TABLE', 'VIEW') order by 1;
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns where quote_ident(table_name) = 'orders' order by 1;
SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb';
SELECT date_trunc('month', ts) AS "time", sum(amount) AS revenue FROM orders WHERE ts BETWEEN '2017-01-01T00:00:00Z' AND '2018-01-01T00:00:00Z' GROUP BY 1 ORDER BY 1;
-- rows
SELECT CASE WHEN quote_ident(table_schema) IN (SELECT trim(s[i]) FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') s) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog') ORDER BY 1;
-- rows
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE CASE WHEN array_length(parse_ident('orders'), 1) = 2 THEN quote_ident(table_schema) = (parse_ident('orders'))[1] AND quote_ident(table_name) = (parse_ident('orders'))[2] ELSE quote_ident(table_name) = 'orders' AND quote_ident(table_schema) IN (SELECT trim(s[i]) FROM generate_series(1, array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') s) END;
-- rows
SELECT floor(extract(epoch FROM ts) / 86400) * 86400 AS "time", count(*) FROM orders WHERE ts BETWEEN '2017-01-01T00:00:00Z' AND '2017-02-01T00:00:00Z' GROUP BY 1 ORDER BY 1;
