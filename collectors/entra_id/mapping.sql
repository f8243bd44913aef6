-- Entra ID -> the vocabulary. Entra does not say whether a member is a person or a machine: the account register does.
-- Who was deleted is absent: for thirty days an administrator can bring the account back.
INSERT INTO account (account_key, source, system, native_id, login, email, employee_id, display_name, kind, status, is_admin, mfa,
                     mfa_phishing_resistant, created_at, last_active_at, password_changed_at)
SELECT _source || ':' || user_principal_name, _source, _source, id, user_principal_name, mail, employee_id, display_name,
       CASE user_type WHEN 'Guest' THEN 'guest' ELSE 'unknown' END,
       CASE WHEN deleted_at IS NOT NULL THEN 'absent'
            WHEN enabled = 0 THEN 'disabled'
            WHEN enabled = 1 AND invitation = 'PendingAcceptance' THEN 'invited'
            WHEN enabled = 1 THEN 'enabled' END,
       is_admin,
       -- a method that is registered and not allowed is none; who is asked for one and has none may register any
       CASE WHEN mfa_capable = 1 AND mfa_required = 1 THEN 'enforced'
            WHEN mfa_capable = 1 THEN 'enrolled'
            WHEN mfa_capable = 0 OR mfa_registered = 0 THEN 'none' END,
       phishing_resistant, created_at,
       -- the other times count attempts that failed
       last_successful_sign_in_at, password_changed_at
FROM entra_user;

-- the organisation's own applications act as these
INSERT INTO account (account_key, source, system, native_id, login, display_name, kind, status, is_admin)
SELECT p._source || ':app:' || p.app_id, p._source, p._source, p.id, 'app:' || p.app_id, p.display_name, 'service',
       CASE p.enabled WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END, p.is_admin
FROM entra_service_principal AS p
JOIN entra_tenant AS t ON t._source = p._source AND t.id = p.owner_tenant;

INSERT INTO credential (account_key, source, kind, native_id, status, created_at, expires_at)
SELECT p._source || ':app:' || p.app_id, p._source, 'token', c.key_id, 'active', c.created_at, c.expires_at
FROM entra_app_credential AS c
JOIN entra_service_principal AS p ON p._source = c._source AND p.app_id = c.app_id
JOIN entra_tenant AS t ON t._source = p._source AND t.id = p.owner_tenant;

INSERT INTO credential (account_key, source, kind, native_id, status)
SELECT u._source || ':' || u.user_principal_name, u._source, 'mfa_device', m.method, 'active'
FROM entra_method AS m
JOIN entra_user AS u ON u._source = m._source AND u.id = m.user_id
WHERE m.method NOT IN ('email', 'securityQuestion');

WITH holder (source, id, account_key) AS (
    SELECT _source, id, _source || ':' || user_principal_name FROM entra_user
    UNION ALL
    SELECT p._source, p.id, p._source || ':app:' || p.app_id
    FROM entra_service_principal AS p
    JOIN entra_tenant AS t ON t._source = p._source AND t.id = p.owner_tenant
)
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT a.account_key, h._source, h._source, CASE h.scope WHEN '/' THEN 'entra' ELSE coalesce(h.scope, 'entra') END,
       'organisation', coalesce(r.display_name, h.role_id) || CASE h.state WHEN 'eligible' THEN ' (eligible)' ELSE '' END,
       CASE r.is_admin WHEN 0 THEN 'read' WHEN 1 THEN 'admin' END, h.via
FROM entra_role_holder AS h
JOIN holder AS a ON a.source = h._source AND a.id = h.principal_id
LEFT JOIN entra_role AS r ON r._source = h._source AND r.id = h.role_id;

-- a group in a group hands its own membership on to its members
WITH RECURSIVE member (source, group_id, member_id, kind, via) AS (
    SELECT _source, group_id, member_id, kind, 'direct' FROM entra_group_member
    UNION
    SELECT o.source, o.group_id, i.member_id, i.kind, 'group'
    FROM member AS o JOIN entra_group_member AS i ON i._source = o.source AND i.group_id = o.member_id
    WHERE o.kind = 'group'
)
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.user_principal_name, u._source, u._source, coalesce(g.display_name, g.id), 'group', 'member', m.via
FROM member AS m
JOIN entra_group AS g ON g._source = m.source AND g.id = m.group_id
JOIN entra_user AS u ON u._source = m.source AND u.id = m.member_id;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.user_principal_name, u._source, u._source, coalesce(a.display_name, a.app_id), 'application',
       'owner', 'direct'
FROM entra_app_owner AS o
JOIN entra_application AS a ON a._source = o._source AND a.id = o.application_id
JOIN entra_user AS u ON u._source = o._source AND u.id = o.owner_id;

-- every value of a policy under Microsoft's own name for it
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'organisation', name, value FROM entra_setting
UNION ALL
SELECT _source, _source, 'conditional_access/' || coalesce(display_name, id), 'state', state FROM entra_policy
UNION ALL
SELECT p._source, p._source, 'conditional_access/' || coalesce(p.display_name, p.id),
       'conditions.' || replace(substr(t.fullkey, 3), '"', ''),
       CASE t.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(t.atom AS TEXT) END
FROM entra_policy AS p, json_tree(p.conditions) AS t
WHERE t.atom IS NOT NULL
UNION ALL
SELECT p._source, p._source, 'conditional_access/' || coalesce(p.display_name, p.id),
       'grantControls.' || replace(substr(t.fullkey, 3), '"', ''),
       CASE t.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(t.atom AS TEXT) END
FROM entra_policy AS p, json_tree(p.grant_controls) AS t
WHERE t.atom IS NOT NULL;
