// node-postgres: types, parameters, errors, many at once
const { Client, Pool } = require(process.argv[3] + "/node_modules/pg");
const assert = require("node:assert");
const config = { host: "127.0.0.1", port: Number(process.argv[2]), database: "retail" };

(async () => {
  const client = new Client(config);
  await client.connect();
  const { rows } = await client.query("SELECT $1::bigint AS n, $2 AS t, {a: 1} AS s, [1, 2] AS l, true AS b, date '2018-01-02' AS d", [7, "x"]);
  assert.deepStrictEqual({ n: rows[0].n, t: rows[0].t, s: rows[0].s, b: rows[0].b }, { n: "7", t: "x", s: { a: 1 }, b: true });
  assert.deepStrictEqual(rows[0].l, ["1", "2"]);
  await assert.rejects(client.query("SELECT nothing"), { code: "42703", position: "8" });
  const named = { name: "few", text: "SELECT count(*)::int AS n FROM customers WHERE customer_id <= $1" };
  for (const most of [10, 20, 30]) {
    assert.strictEqual((await client.query({ ...named, values: [most] })).rows[0].n, most);
  }
  await client.end();
  const pool = new Pool({ ...config, max: 8 });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => pool.query("SELECT ($1::int + 1)::int AS n", [i])));
  answers.forEach((a, i) => assert.strictEqual(a.rows[0].n, i + 1));
  await pool.end();
  console.log("ok");
})().catch((e) => { console.error(e); process.exit(1); });
