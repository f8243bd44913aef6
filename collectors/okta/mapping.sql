-- Okta -> the vocabulary. Okta does not say whether a user is a person or a machine: the account register does.
-- A locked-out user, or one whose password expired or is being recovered, comes back without an administrator: enabled.
INSERT INTO account (account_key, source, system, native_id, login, email, employee_id, display_name, kind, status, is_admin, mfa,
                     mfa_phishing_resistant, created_at, last_active_at, password_enabled, password_changed_at)
SELECT _source || ':' || login, _source, _source, id, login, email, employee_number,
       coalesce(display_name, nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '')),
       'unknown',
       CASE WHEN status IN ('ACTIVE', 'RECOVERY', 'PASSWORD_EXPIRED', 'LOCKED_OUT') THEN 'enabled'
            WHEN status IN ('STAGED', 'PROVISIONED') THEN 'invited'
            WHEN status IN ('SUSPENDED', 'DEPROVISIONED') THEN 'disabled' END,
       is_admin,
       -- what policies enforce of whom is in `setting`: it depends on groups, networks and applications
       CASE second_factor WHEN 1 THEN 'enrolled' WHEN 0 THEN 'none' END,
       phishing_resistant, created_at, last_login_at, has_password, password_changed_at
FROM okta_user;

INSERT INTO credential (account_key, source, kind, native_id, status, created_at)
SELECT u._source || ':' || u.login, u._source, 'mfa_device', f.id,
       CASE f.status WHEN 'ACTIVE' THEN 'active' ELSE 'inactive' END, f.created_at
FROM okta_factor AS f
JOIN okta_user AS u ON u._source = f._source AND u.id = f.user_id
WHERE f.type <> 'question';

INSERT INTO credential (account_key, source, kind, native_id, status, created_at)
SELECT _source || ':' || login, _source, 'password', id,
       CASE WHEN status IN ('SUSPENDED', 'DEPROVISIONED') THEN 'inactive' ELSE 'active' END, password_changed_at
FROM okta_user
WHERE has_password = 1;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, granted_at, via)
SELECT u._source || ':' || u.login, u._source, u._source, 'okta', 'organisation', r.type, 'admin', r.created_at,
       CASE r.assignment_type WHEN 'USER' THEN 'direct' WHEN 'GROUP' THEN 'group' END
FROM okta_admin_role AS r
JOIN okta_user AS u ON u._source = r._source AND u.id = r.user_id;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.login, u._source, u._source, g.name, 'group', 'member', 'direct'
FROM okta_group_member AS m
JOIN okta_group AS g ON g._source = m._source AND g.id = m.group_id
JOIN okta_user AS u ON u._source = m._source AND u.id = m.user_id;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, granted_at, via)
SELECT u._source || ':' || u.login, u._source, u._source, coalesce(a.label, a.name, a.id), 'application', 'user',
       m.created_at, CASE m.scope WHEN 'USER' THEN 'direct' WHEN 'GROUP' THEN 'group' END
FROM okta_app_user AS m
JOIN okta_app AS a ON a._source = m._source AND a.id = m.app_id
JOIN okta_user AS u ON u._source = m._source AND u.id = m.user_id;

-- every value of a policy under Okta's own name for it
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, type || '/' || name, 'status', status FROM okta_policy
UNION ALL
SELECT p._source, p._source, p.type || '/' || p.name, replace(substr(t.fullkey, 3), '"', ''),
       CASE t.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(t.atom AS TEXT) END
FROM okta_policy AS p, json_tree(p.settings) AS t
WHERE t.atom IS NOT NULL
UNION ALL
SELECT p._source, p._source, p.type || '/' || p.name || '/' || coalesce(r.name, r.id), 'status', r.status
FROM okta_policy_rule AS r JOIN okta_policy AS p ON p._source = r._source AND p.id = r.policy_id
UNION ALL
SELECT p._source, p._source, p.type || '/' || p.name || '/' || coalesce(r.name, r.id), replace(substr(t.fullkey, 3), '"', ''),
       CASE t.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(t.atom AS TEXT) END
FROM okta_policy_rule AS r JOIN okta_policy AS p ON p._source = r._source AND p.id = r.policy_id,
     json_tree(r.actions) AS t
WHERE t.atom IS NOT NULL;
