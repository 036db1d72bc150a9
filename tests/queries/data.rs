//! The lakes hold what data/README.md says.

use tenure::Params;

use super::support::{answer, open};

async fn one_row(lake: &str, sql: &str) -> String {
    let tenure = open(lake).await;
    let text =
        answer(&tenure, sql, &Params::new()).await.unwrap_or_else(|e| panic!("{sql}: {e}")).text();
    let row = text.lines().nth(3).unwrap_or_default().to_owned();
    row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn the_retail_lake_is_the_complete_journey() {
    let orders = "SELECT count(*), count(DISTINCT basket_id), count(DISTINCT household_id), \
                  sum(sales), sum(coupon), count(DISTINCT month) FROM raw.orders";
    assert_eq!(
        one_row("retail", orders).await,
        "391326 | 155848 | 2469 | 4596039.58 | 30902.55 | 13"
    );
    let others = "SELECT (SELECT count(*) FROM raw.campaigns) AS a, \
                  (SELECT count(DISTINCT campaign_id) FROM raw.campaigns) AS b, \
                  (SELECT count(*) FROM raw.coupon_redemptions) AS c, \
                  (SELECT count(*) FROM raw.demographics) AS d";
    assert_eq!(one_row("retail", others).await, "6589 | 27 | 2102 | 801");
}

#[tokio::test]
async fn the_views_of_retail_show_all_of_it() {
    let orders =
        "SELECT count(*), count(DISTINCT customer_id), round(monetary(amount), 2) FROM orders";
    assert_eq!(one_row("retail", orders).await, "155848 | 2469 | 4596039.58");
    let events = "SELECT count(*) FILTER (WHERE event_type = 'purchase'), \
                  count(*) FILTER (WHERE event_type = 'campaign_sent'), \
                  count(*) FILTER (WHERE event_type = 'coupon_redeemed') FROM events";
    assert_eq!(one_row("retail", events).await, "391326 | 6589 | 2102");
    let customers = "SELECT count(*), count(age) FROM customers";
    assert_eq!(one_row("retail", customers).await, "2469 | 801");
}

#[tokio::test]
async fn the_cdnow_lake_is_the_cohort_with_its_sample() {
    let orders = "SELECT count(*), count(DISTINCT customer_id), sum(dollars) FROM raw.orders";
    assert_eq!(one_row("cdnow", orders).await, "69659 | 23570 | 2500315.63");
    // the sample's 6,919 rows and 2,357 customers are those of the literature
    let sample = "SELECT count(*), count(DISTINCT customer_id) FROM raw.orders \
                  WHERE customer_id IN (SELECT customer_id FROM raw.sample)";
    assert_eq!(one_row("cdnow", sample).await, "6919 | 2357");
    assert_eq!(
        one_row("cdnow", "SELECT count(*), count(sample_id) FROM customers").await,
        "23570 | 2357"
    );
}
