-- Grafana (its PostgreSQL data source, lib/pq): written down from what is known of it, neither captured from the tool nor checked against its sources
SELECT 1;
select version();
SELECT current_setting('server_version_num')::int/100 as version;
select quote_ident(table_name) as "table" from information_schema.tables where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog') and table_type IN ('BASE TABLE', 'VIEW') order by 1;
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns where quote_ident(table_name) = 'orders' order by 1;
SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb';
SELECT date_trunc('month', ts) AS "time", sum(amount) AS revenue FROM orders WHERE ts BETWEEN '2017-01-01T00:00:00Z' AND '2018-01-01T00:00:00Z' GROUP BY 1 ORDER BY 1;
