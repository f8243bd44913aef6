-- AWS IAM -> the vocabulary. Every column of the source tables stays queryable under its own name.

-- Users. A user exists until it is deleted and can be given a password again, so `disabled` is said only when
-- it is proven that there is neither a password nor an active key, certificate or service-specific credential, nor an
-- active SSH key, which are asked for only of whom the rest is proven.
-- `human` is said only of who has a console password; the account register says the rest.
INSERT INTO account (account_key, source, system, native_id, login, email, display_name, kind, status, is_admin, mfa,
                     mfa_phishing_resistant, created_at, last_active_at, password_enabled, password_changed_at)
SELECT u._source || ':' || u.user_name,
       u._source,
       u._source,
       u.user_id,
       u.user_name,
       coalesce(
           (SELECT tag.value FROM json_each(u.tags) AS tag
             WHERE lower(tag.key) = 'email' AND tag.value LIKE '%_@_%' ORDER BY tag.key LIMIT 1),
           CASE WHEN u.user_name LIKE '%_@_%._%' THEN u.user_name END),
       (SELECT tag.value FROM json_each(u.tags) AS tag WHERE lower(tag.key) = 'name' ORDER BY tag.key LIMIT 1),
       CASE WHEN u.password_enabled THEN 'human' ELSE 'unknown' END,
       CASE WHEN u.password_enabled OR u.access_key_1_active OR u.access_key_2_active
                 OR u.cert_1_active OR u.cert_2_active OR u.service_credentials_active OR u.ssh_keys_active THEN 'enabled'
            WHEN NOT (u.password_enabled OR u.access_key_1_active OR u.access_key_2_active
                      OR u.service_credentials_active OR u.ssh_keys_active) THEN 'disabled'
       END,
       u.is_administrator,
       CASE u.mfa_active WHEN 1 THEN 'enrolled' WHEN 0 THEN 'none' END,
       CASE WHEN u.mfa_active = 0 THEN 0 WHEN security_key.user_name IS NOT NULL THEN 1 END,
       u.created_at,
       nullif(max(coalesce(u.password_last_used_at, ''), coalesce(slot.last_used_at, ''),
                  coalesce(detail.last_used_at, ''), coalesce(u.service_last_accessed_at, '')), ''),
       u.password_enabled,
       u.password_last_changed_at
  FROM aws_iam_user AS u
  LEFT JOIN (SELECT _snapshot, user_name, max(last_used_at) AS last_used_at
               FROM aws_iam_access_key GROUP BY _snapshot, user_name) AS slot
    ON slot._snapshot = u._snapshot AND slot.user_name = u.user_name
  LEFT JOIN (SELECT _snapshot, user_name, max(last_used_at) AS last_used_at
               FROM aws_iam_access_key_detail GROUP BY _snapshot, user_name) AS detail
    ON detail._snapshot = u._snapshot AND detail.user_name = u.user_name
  LEFT JOIN (SELECT DISTINCT _snapshot, user_name
               FROM aws_iam_mfa_device WHERE kind = 'security_key') AS security_key
    ON security_key._snapshot = u._snapshot AND security_key.user_name = u.user_name;

-- The root user, under the name the credential report gives it: no IAM user can bear it.
INSERT INTO account (account_key, source, system, native_id, login, kind, status, is_admin, mfa,
                     created_at, last_active_at, password_enabled)
SELECT r._source || ':<root_account>',
       r._source,
       r._source,
       r.arn,
       '<root_account>',
       'root',
       CASE WHEN r.password_present = 0 AND r.access_keys_present = 0 THEN 'disabled' ELSE 'enabled' END,
       1,
       CASE r.mfa_active WHEN 1 THEN 'enrolled' WHEN 0 THEN 'none' END,
       r.created_at,
       nullif(max(coalesce(r.password_last_used_at, ''), coalesce(r.access_key_last_used_at, '')), ''),
       r.password_present
  FROM aws_iam_root AS r;

-- Console passwords.
INSERT INTO credential (account_key, source, kind, native_id, status, created_at, last_used_at, expires_at)
SELECT u._source || ':' || u.user_name, u._source, 'password', 'password', 'active',
       u.password_last_changed_at, u.password_last_used_at, u.password_next_rotation_at
  FROM aws_iam_user AS u
 WHERE u.password_enabled;

-- Access keys by id where the run read them one by one ...
INSERT INTO credential (account_key, source, kind, native_id, status, created_at, last_used_at)
SELECT key._source || ':' || key.user_name, key._source, 'access_key', key.access_key_id,
       CASE WHEN key.status = 'Active' THEN 'active' WHEN key.status IN ('Inactive', 'Expired') THEN 'inactive' END,
       key.created_at, key.last_used_at
  FROM aws_iam_access_key_detail AS key;

-- ... and by slot of the credential report where it did not.
INSERT INTO credential (account_key, source, kind, native_id, status, created_at, last_used_at)
SELECT key._source || ':' || key.user_name, key._source, 'access_key', 'slot ' || key.slot,
       CASE key.active WHEN 1 THEN 'active' WHEN 0 THEN 'inactive' END, key.last_rotated_at, key.last_used_at
  FROM aws_iam_access_key AS key
  LEFT JOIN (SELECT DISTINCT _snapshot, user_name FROM aws_iam_access_key_detail) AS detail
    ON detail._snapshot = key._snapshot AND detail.user_name = key.user_name
 WHERE detail.user_name IS NULL;

-- Credentials of single services. One that has ended is inactive.
INSERT INTO credential (account_key, source, kind, native_id, status, created_at, expires_at)
SELECT one._source || ':' || one.user_name, one._source, 'token', one.credential_id,
       CASE WHEN one.status = 'Active' THEN 'active' WHEN one.status IN ('Inactive', 'Expired') THEN 'inactive' END,
       one.created_at, one.expires_at
  FROM aws_iam_service_credential AS one;

-- SSH keys of users who have nothing else.
INSERT INTO credential (account_key, source, kind, native_id, status, created_at)
SELECT one._source || ':' || one.user_name, one._source, 'ssh_key', one.key_id,
       CASE one.status WHEN 'Active' THEN 'active' WHEN 'Inactive' THEN 'inactive' END, one.uploaded_at
  FROM aws_iam_ssh_public_key AS one;

-- MFA devices in somebody's hands.
INSERT INTO credential (account_key, source, kind, native_id, status, created_at)
SELECT device._source || ':' || device.user_name, device._source, 'mfa_device', device.serial_number, 'active',
       device.enabled_at
  FROM aws_iam_mfa_device AS device
 WHERE device.user_name IS NOT NULL;

-- Policies granted to the user itself.
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT granted._source || ':' || granted.principal, granted._source, granted._source, granted.policy, 'aws_policy',
       granted.policy_name, CASE WHEN granted.is_administrator THEN 'admin' END, 'direct'
  FROM aws_iam_attached_policy AS granted
 WHERE granted.principal_kind = 'user';

-- Policies through a group.
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT DISTINCT member._source || ':' || member.user_name, member._source, member._source, granted.policy, 'aws_policy',
       granted.policy_name, CASE WHEN granted.is_administrator THEN 'admin' END, 'group'
  FROM aws_iam_group_member AS member
  JOIN aws_iam_attached_policy AS granted
    ON granted._snapshot = member._snapshot AND granted.principal_kind = 'group' AND granted.principal = member.group_name;

-- Membership of groups.
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT member._source || ':' || member.user_name, member._source, member._source, member.group_name, 'aws_group',
       'member', CASE WHEN grp.is_administrator THEN 'admin' END, 'direct'
  FROM aws_iam_group_member AS member
  LEFT JOIN aws_iam_group AS grp ON grp._snapshot = member._snapshot AND grp.group_name = member.group_name;

-- Settings: the password policy, root's state, and the account summary under AWS's own names.
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, account_id, 'password_policy.is_set', is_set FROM aws_iam_password_policy WHERE is_set IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.minimum_length', minimum_length FROM aws_iam_password_policy WHERE minimum_length IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.require_symbols', require_symbols FROM aws_iam_password_policy WHERE require_symbols IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.require_numbers', require_numbers FROM aws_iam_password_policy WHERE require_numbers IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.require_uppercase', require_uppercase FROM aws_iam_password_policy WHERE require_uppercase IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.require_lowercase', require_lowercase FROM aws_iam_password_policy WHERE require_lowercase IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.users_may_change', users_may_change FROM aws_iam_password_policy WHERE users_may_change IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.passwords_expire', passwords_expire FROM aws_iam_password_policy WHERE passwords_expire IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.max_age_days', max_age_days FROM aws_iam_password_policy WHERE max_age_days IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.reuse_prevention', reuse_prevention FROM aws_iam_password_policy WHERE reuse_prevention IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'password_policy.hard_expiry', hard_expiry FROM aws_iam_password_policy WHERE hard_expiry IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'root.mfa_active', mfa_active FROM aws_iam_root WHERE mfa_active IS NOT NULL
UNION ALL
SELECT _source, _source, account_id, 'root.access_keys_present', access_keys_present FROM aws_iam_root WHERE access_keys_present IS NOT NULL
UNION ALL
SELECT summary._source, summary._source, root.account_id, 'account_summary.' || summary.name, summary.value
  FROM aws_iam_account_summary AS summary
  JOIN aws_iam_root AS root ON root._snapshot = summary._snapshot;
