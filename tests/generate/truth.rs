//! The rows bear out what the truth says.

use tenure::Tenure;
use tenure::generate::{Dropout, Settings};

use super::{numbers, one, open};
use crate::support::rows::{lines, shipped};

/// No row may be found.
async fn none(tenure: &Tenure, sql: &str) {
    assert_eq!(one(tenure, sql).await, "0", "{sql}");
}

#[tokio::test]
async fn events_are_whole_and_in_order() {
    let tenure = open(&Settings::new(3000)).await;
    none(&tenure, "SELECT count(*) - count(DISTINCT event_id) FROM raw.events").await;
    none(&tenure, "SELECT count(*) FROM raw.events WHERE ts < TIMESTAMP '2023-01-01' OR ts >= TIMESTAMP '2024-07-01' OR ingested_at < ts OR ingested_at >= TIMESTAMP '2024-07-01'").await;
    none(&tenure, "SELECT count(*) FROM raw.events AS e JOIN truth_customers AS t ON e.customer_id = t.customer_id WHERE e.ts < t.born_at").await;
    // what each sort of event needs before it
    for (needs, needed, same) in [
        ("purchase", "payment", "e.session_id = b.session_id AND e.order_id = b.order_id"),
        ("payment", "checkout", "e.session_id = b.session_id"),
        ("payment_failed", "checkout", "e.session_id = b.session_id"),
        ("checkout", "add_to_cart", "e.session_id = b.session_id"),
        ("add_to_cart", "page_view", "e.session_id = b.session_id AND e.product_id = b.product_id"),
        (
            "return",
            "purchase",
            "e.order_id = b.order_id AND e.amount = -b.amount AND e.quantity = b.quantity",
        ),
        ("order_cancel", "purchase", "e.order_id = b.order_id AND e.amount = -b.amount"),
        ("email_open", "email_sent", "e.campaign_id = b.campaign_id"),
        ("email_click", "email_open", "e.campaign_id = b.campaign_id"),
        ("unsubscribe", "email_sent", "e.campaign_id = b.campaign_id"),
        ("upgrade", "purchase", "e.session_id = b.session_id"),
    ] {
        let sql = format!(
            "SELECT (SELECT count(*) FROM raw.events WHERE event_type = '{needs}'), count(DISTINCT e.event_id) \
             FROM raw.events AS e JOIN raw.events AS b ON e.customer_id = b.customer_id AND {same} \
             WHERE e.event_type = '{needs}' AND b.event_type = '{needed}' AND b.ts < e.ts"
        );
        let found = numbers(&tenure, &sql).await;
        assert!(found[0] > 0.0 && found[0] == found[1], "{needs} after {needed}: {found:?}");
    }
    // a session is one customer's, on one device, through one channel
    none(&tenure, "SELECT count(*) FROM (SELECT session_id FROM raw.events WHERE session_id IS NOT NULL GROUP BY session_id HAVING count(DISTINCT customer_id) + count(DISTINCT device_id) + count(DISTINCT channel) <> 3 OR max(ts) - min(ts) > INTERVAL '3 hours')").await;
    none(&tenure, "SELECT count(*) FROM (SELECT order_id FROM raw.events WHERE event_type = 'purchase' GROUP BY order_id HAVING count(*) > 1)").await;
    none(&tenure, "SELECT count(*) FROM raw.events WHERE event_type IN ('purchase', 'return', 'order_cancel') AND (amount IS NULL OR order_id IS NULL)").await;
    // customers
    none(&tenure, "SELECT count(*) FROM raw.customers AS c LEFT JOIN raw.events AS e ON e.customer_id = c.customer_id AND e.event_type = 'signup' WHERE e.ts IS DISTINCT FROM c.registered_at").await;
    none(&tenure, "SELECT count(*) FILTER (WHERE event_type = 'referral') - (SELECT count(referred_by) FROM raw.customers) FROM raw.events").await;
    none(&tenure, "SELECT count(*) FROM raw.customers WHERE (acquisition_channel = 'referral') <> (referred_by IS NOT NULL)").await;
    let some =
        numbers(&tenure, "SELECT count(*), count(DISTINCT event_type) FROM raw.events").await;
    assert!((some[0] / 60_000.0 - 1.0).abs() < 0.05 && some[1] == 17.0, "{some:?}");
}

#[tokio::test]
async fn the_truth_is_that_of_the_rows() {
    let tenure = open(&Settings::new(3000)).await;
    let joined = "FROM truth_customers AS t LEFT JOIN (SELECT customer_id, count(*) AS n, min(ts) AS first_ts, max(ts) AS last_ts FROM raw.events WHERE event_type = 'purchase' GROUP BY customer_id) AS p ON p.customer_id = t.customer_id";
    none(&tenure, &format!("SELECT count(*) {joined} WHERE coalesce(p.n, 0) <> t.purchases AND t.died_at IS NOT NULL")).await;
    // a purchase may be under way at the end
    none(&tenure, &format!("SELECT count(*) {joined} WHERE coalesce(p.n, 0) NOT BETWEEN t.purchases - 1 AND t.purchases")).await;
    none(&tenure, &format!("SELECT count(*) {joined} WHERE p.first_ts < t.born_at OR p.first_ts > t.born_at + INTERVAL '1 hour'")).await;
    none(&tenure, &format!("SELECT count(*) {joined} WHERE t.died_at <> p.last_ts OR (t.died_at IS NULL) <> t.alive_at_end")).await;
    // nobody looks around after they have left; the visit may have begun before
    none(&tenure, "SELECT count(*) FROM raw.events AS e JOIN truth_customers AS t ON e.customer_id = t.customer_id WHERE e.event_type IN ('page_view', 'checkout', 'purchase', 'referral') AND e.ts > t.died_at + INTERVAL '1 hour'").await;
    none(&tenure, "SELECT count(*) FROM truth_turning_points AS p JOIN truth_customers AS t ON p.customer_id = t.customer_id WHERE p.ts < t.born_at OR p.ts > t.died_at OR p.rate_before <> t.rate_per_day OR p.rate_after <> p.rate_before * p.factor").await;
    none(&tenure, "SELECT count(*) FROM truth_dirt").await;
}

/// How far a count may be from its mean, in standard deviations.
const ERRORS: f64 = 4.0;

#[tokio::test]
async fn customers_follow_the_model() {
    for model in [Dropout::Bg, Dropout::Mbg] {
        let settings = Settings { model, plain: true, seed: 7, ..Settings::new(20_000) };
        let tenure = open(&settings).await;
        let tossed = match model {
            Dropout::Bg => "purchases - 1",
            Dropout::Mbg => "purchases",
        };
        // purchases while alive come at the true rate: their number less its mean is a martingale
        let alive =
            "date_part('epoch', coalesce(died_at, TIMESTAMP '2024-07-01') - born_at) / 86400.0";
        let found = numbers(&tenure, &format!(
            "SELECT sum(purchases - 1), sum(rate_per_day * {alive}), \
                    sum(CASE WHEN alive_at_end THEN 0 ELSE 1 END), sum(dropout_probability * ({tossed})), \
                    sum(dropout_probability * (1 - dropout_probability) * ({tossed})) FROM truth_customers"
        )).await;
        let [bought, expected, left, leaving, variance] = found[..] else { panic!("{found:?}") };
        assert!((bought - expected).abs() < ERRORS * expected.sqrt(), "{model:?}: {found:?}");
        assert!((left - leaving).abs() < ERRORS * variance.sqrt(), "{model:?}: {found:?}");
        // spend: orders have the customer's mean, with the coefficient of variation of the Gamma
        let spent = numbers(&tenure, "SELECT avg(amount / spend_mean), stddev(amount / spend_mean), count(*) FROM raw.events AS e JOIN truth_customers AS t ON t.customer_id = e.customer_id WHERE event_type = 'purchase'").await;
        assert!((spent[0] - 1.0).abs() < ERRORS * spent[1] / spent[2].sqrt(), "{spent:?}");
        assert!((spent[1] - 0.5).abs() < 0.01, "{spent:?}");
        let means = numbers(
            &tenure,
            "SELECT avg(spend_mean), stddev(spend_mean), count(*) FROM truth_customers",
        )
        .await;
        assert!((means[0] - 60.0).abs() < ERRORS * means[1] / means[2].sqrt(), "{means:?}");
    }
}

#[tokio::test]
async fn what_was_planted_is_in_the_rows() {
    let tenure = open(&Settings::new(20_000)).await;
    // rates after turning points, but for seasons, e-mails and prices
    let sql = "SELECT count(e.event_id) / min(expected) FROM (SELECT kind, sum(rate_after * date_part('epoch', coalesce(died_at, TIMESTAMP '2024-07-01') - p.ts) / 86400.0) OVER (PARTITION BY kind) AS expected, p.customer_id, p.ts FROM truth_turning_points AS p JOIN truth_customers AS t ON t.customer_id = p.customer_id) AS x LEFT JOIN raw.events AS e ON e.customer_id = x.customer_id AND e.ts > x.ts AND e.event_type = 'purchase' WHERE kind = ";
    for kind in ["'rate_up'", "'rate_down'"] {
        let ratio = numbers(&tenure, &format!("{sql}{kind}")).await[0];
        assert!((0.75..1.25).contains(&ratio), "{kind}: {ratio}");
    }
    // payments fail in the outage and at no other time
    let outage = numbers(&tenure, "SELECT count(*) FILTER (WHERE event_type = 'payment_failed'), count(*) FILTER (WHERE event_type = 'payment'), count(*) FILTER (WHERE event_type = 'complaint') FROM raw.events JOIN truth_incidents ON incident = 'outage' AND ts >= starts_at AND ts < ends_at").await;
    let [failed, paid, complaints] = outage[..] else { panic!("{outage:?}") };
    assert!(paid / (failed + paid) > 0.35 && paid / (failed + paid) < 0.7, "{outage:?}");
    assert!(complaints > 0.2 * failed, "{outage:?}");
    // a payment that began on the last evening may fail after midnight
    none(&tenure, "SELECT count(*) FROM raw.events JOIN truth_incidents ON incident = 'outage' AND (ts < starts_at OR ts >= ends_at + INTERVAL '1 hour') WHERE event_type = 'payment_failed'").await;
    // prices
    let prices = numbers(&tenure, "SELECT avg(amount / spend_mean) FILTER (WHERE ts < starts_at), avg(amount / spend_mean) FILTER (WHERE ts > starts_at + INTERVAL '1 hour') FROM raw.events AS e JOIN truth_customers AS t ON t.customer_id = e.customer_id JOIN truth_incidents ON incident = 'price_rise' WHERE event_type = 'purchase'").await;
    assert!((prices[0] - 1.0).abs() < 0.02 && (prices[1] - 1.12).abs() < 0.03, "{prices:?}");
    // December is busier than July, and e-mails are clicked
    let seasons = numbers(&tenure, "SELECT count(*) FILTER (WHERE date_part('month', ts) = 12), count(*) FILTER (WHERE date_part('month', ts) = 8) FROM events WHERE event_type = 'purchase' AND ts < TIMESTAMP '2024-01-01'").await;
    assert!(seasons[0] > 1.3 * seasons[1], "{seasons:?}");
    // those that were sent an e-mail by lot buy more in the week after it than those that were not
    let lift = numbers(&tenure, "WITH mailed AS (SELECT c.campaign_id, c.start_date, t.customer_id, t.died_at, s.ts IS NOT NULL AS sent FROM campaigns AS c CROSS JOIN truth_customers AS t LEFT JOIN raw.events AS s ON s.customer_id = t.customer_id AND s.campaign_id = c.campaign_id AND s.event_type = 'email_sent' WHERE c.channel = 'email' AND t.born_at < c.start_date AND (t.died_at IS NULL OR t.died_at > c.start_date)), \
        bought AS (SELECT m.sent, count(p.event_id) AS n, count(DISTINCT m.customer_id || m.campaign_id) AS of FROM mailed AS m LEFT JOIN raw.events AS p ON p.customer_id = m.customer_id AND p.event_type = 'purchase' AND p.ts >= m.start_date + INTERVAL '10 hours' AND p.ts < m.start_date + INTERVAL '7 days' GROUP BY m.sent) \
        SELECT max(CAST(n AS DOUBLE) / of) FILTER (WHERE sent), max(CAST(n AS DOUBLE) / of) FILTER (WHERE NOT sent) FROM bought").await;
    assert!((1.3..1.75).contains(&(lift[0] / lift[1])), "{lift:?}");
}

/// The view `profiles` says of the customers of `data/shop` what is true of them.
#[tokio::test]
async fn profiles_know_who_is_still_a_customer() {
    let tenure = Tenure::builder().lake(shipped("shop")).build().await.unwrap();
    let bands = lines(
        &tenure,
        "SELECT avg(p_alive), avg(CAST(alive_at_end AS DOUBLE)), count(*) FROM \
         (SELECT p_alive, alive_at_end, ntile(5) OVER (ORDER BY p_alive, customer_id) AS band \
          FROM profiles JOIN truth_customers USING (customer_id)) GROUP BY band ORDER BY band",
    )
    .await
    .unwrap();
    assert_eq!(bands.len(), 5);
    for band in bands {
        let figures: Vec<f64> = band.split(" | ").map(|n| n.parse().unwrap()).collect();
        let [said, truly, customers] = figures[..] else { panic!("{band}") };
        let error = (said * (1.0 - said) / customers).sqrt();
        assert!((said - truly).abs() < ERRORS * error, "{band}");
    }
}
