-- AWS Organizations -> the vocabulary. An account of the organisation is nobody's way in: it is a scope of settings, and
-- stays queryable in `aws_account`. A state that AWS did not tell is a setting without a value.
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, organization_id, 'organization.feature_set', feature_set
FROM aws_organization WHERE feature_set IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'organization.account_name', name FROM aws_account WHERE name IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'organization.account_state', state FROM aws_account;
