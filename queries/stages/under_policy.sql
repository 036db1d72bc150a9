-- title: Stages under another policy
-- description: What changes if other thresholds decide: customers by their stage in the profile and
--   their stage under the policy of a trade.
-- param: policy TEXT = grocery -- retail, grocery, fashion, hospitality, saas or durables
-- column: stage -- stage in the profile
-- column: stage_under_policy -- stage under the policy
-- column: customers -- how many
SELECT p.stage, stage_of(s.summary, $policy) AS stage_under_policy, count(*) AS customers
FROM profiles AS p
JOIN summaries AS s ON s.customer_id = p.customer_id
GROUP BY p.stage, stage_of(s.summary, $policy)
ORDER BY p.stage, customers DESC, stage_under_policy
