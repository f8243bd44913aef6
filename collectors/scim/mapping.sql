-- SCIM -> the vocabulary. SCIM does not say whether a user is a person or a machine, nor how anybody signs in: the kind is
-- the account register's to say, and a second factor stays unknown.
INSERT INTO account (account_key, source, system, native_id, login, email, employee_id, external_id, display_name, kind,
                     status, is_admin, created_at)
SELECT _source || ':' || user_name, _source, _source, id, user_name, email, employee_number, external_id,
       coalesce(display_name, nullif(trim(coalesce(given_name, '') || ' ' || coalesce(family_name, '')), '')),
       'unknown', CASE active WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END, is_admin, created_at
FROM scim_user;

-- a group in a group hands its own membership on to its members
WITH RECURSIVE member (source, group_id, member_id, kind, via) AS (
    SELECT _source, group_id, member_id, kind, 'direct' FROM scim_group_member
    UNION
    SELECT o.source, o.group_id, i.member_id, i.kind, 'group'
    FROM member AS o JOIN scim_group_member AS i ON i._source = o.source AND i.group_id = o.member_id
    WHERE o.kind = 'group'
)
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.user_name, u._source, u._source, g.display_name, 'group', 'member', m.via
FROM member AS m
JOIN scim_group AS g ON g._source = m.source AND g.id = m.group_id
JOIN scim_user AS u ON u._source = m.source AND u.id = m.member_id;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, via)
SELECT u._source || ':' || u.user_name, u._source, u._source, 'scim', 'role',
       CASE r.type WHEN 'object' THEN coalesce(r.value ->> '$.value', r.value ->> '$.display') ELSE r.value END, 'direct'
FROM scim_user AS u, json_each(u.roles) AS r
UNION ALL
SELECT u._source || ':' || u.user_name, u._source, u._source, 'scim', 'entitlement',
       CASE r.type WHEN 'object' THEN coalesce(r.value ->> '$.value', r.value ->> '$.display') ELSE r.value END, 'direct'
FROM scim_user AS u, json_each(u.entitlements) AS r;

INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'provider', name, value FROM scim_setting;
