-- Google Workspace -> the vocabulary. Google does not say whether a user is a person or a machine: the account register does;
-- nor by what the second step is taken: whether it resists phishing is unknown. Who signs in elsewhere (single sign-on) takes
-- no second step at Google, and none is what Google says.
INSERT INTO account (account_key, source, system, native_id, login, email, employee_id, display_name, kind, status, is_admin, mfa,
                     created_at, last_active_at)
SELECT _source || ':' || primary_email, _source, _source, id, primary_email, primary_email, employee_id,
       coalesce(full_name, nullif(trim(coalesce(given_name, '') || ' ' || coalesce(family_name, '')), '')), 'unknown',
       CASE WHEN deleted_at IS NOT NULL THEN 'absent'
            WHEN suspended = 1 OR archived = 1 THEN 'disabled'
            WHEN suspended = 0 AND archived = 0 THEN 'enabled' END,
       is_admin,
       -- who is to take one and has not enrolled has none yet
       CASE WHEN two_step_enrolled = 1 AND two_step_enforced = 1 THEN 'enforced'
            WHEN two_step_enrolled = 1 THEN 'enrolled'
            WHEN two_step_enrolled = 0 THEN 'none' END,
       created_at, last_login_at
FROM google_user;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT u._source || ':' || u.primary_email, u._source, u._source, 'google_workspace', 'organisation',
       coalesce(r.name, h.role_id), 'admin', h.via
FROM google_role_holder AS h
JOIN google_user AS u ON u._source = h._source AND u.id = h.user_id
LEFT JOIN google_role AS r ON r._source = h._source AND r.id = h.role_id;

-- a group in a group hands its own membership on to its members
WITH RECURSIVE member (source, group_id, member_id, type, role, via) AS (
    SELECT _source, group_id, member_id, type, role, 'direct' FROM google_group_member
    UNION
    SELECT o.source, o.group_id, i.member_id, i.type, 'MEMBER', 'group'
    FROM member AS o JOIN google_group_member AS i ON i._source = o.source AND i.group_id = o.member_id
)
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.primary_email, u._source, u._source, g.email, 'group', lower(coalesce(m.role, 'member')), m.via
FROM member AS m
JOIN google_group AS g ON g._source = m.source AND g.id = m.group_id
JOIN google_user AS u ON u._source = m.source AND u.deleted_at IS NULL AND (u.id = m.member_id OR m.type = 'CUSTOMER');
