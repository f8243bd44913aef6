-- GitHub tells who has no second factor; whether the others are made to have one is the organisation's setting. Which
-- kind it is, it tells only of text messages: those, and none at all, resist no phishing; of the rest nobody can say.
-- The address is the one the organisation's identity provider vouches for, before the one its holder chose to show.
INSERT INTO account (account_key, source, system, native_id, login, email, external_id, display_name, kind, status, is_admin,
                     mfa,                     mfa_phishing_resistant)
SELECT m._source || ':' || m.login, m._source, m._source, CAST(m.id AS TEXT), m.login,
       coalesce((SELECT max(coalesce(CASE WHEN i.name_id LIKE '%_@_%' THEN i.name_id END,
                                     CASE WHEN i.username LIKE '%_@_%' THEN i.username END,
                                     CASE WHEN i.scim_username LIKE '%_@_%' THEN i.scim_username END))
                   FROM github_saml_identity AS i
                  WHERE i._snapshot = m._snapshot AND i.login = m.login
                 HAVING count(*) = 1), m.email),
       (SELECT max(i.name_id) FROM github_saml_identity AS i
         WHERE i._snapshot = m._snapshot AND i.login = m.login AND i.name_id NOT LIKE '%_@_%' HAVING count(*) = 1),
       m.name,
       CASE m.type WHEN 'User' THEN 'human' WHEN 'Bot' THEN 'service' ELSE 'unknown' END,
       'enabled',
       m.role = 'admin',
       CASE WHEN m.two_factor = 0 THEN 'none'
            WHEN m.two_factor = 1 THEN CASE WHEN o.two_factor_requirement_enabled THEN 'enforced' ELSE 'enrolled' END END,
       CASE WHEN m.two_factor = 0 OR m.two_factor_secure = 0 THEN 0 END
FROM github_member AS m
LEFT JOIN github_org AS o ON o._source = m._source;

INSERT INTO account (account_key, source, system, native_id, login, kind, status, is_admin, mfa,
                     mfa_phishing_resistant)
SELECT c._source || ':' || c.login, c._source, c._source, CAST(c.id AS TEXT), c.login,
       CASE c.type WHEN 'Bot' THEN 'service' ELSE 'guest' END,
       'enabled',
       0,
       CASE WHEN c.two_factor = 0 THEN 'none'
            WHEN c.two_factor = 1 THEN CASE WHEN o.two_factor_requirement_enabled THEN 'enforced' ELSE 'enrolled' END END,
       CASE WHEN c.two_factor = 0 OR c.two_factor_secure = 0 THEN 0 END
FROM github_outside_collaborator AS c
LEFT JOIN github_org AS o ON o._source = c._source
-- somebody who became a member between two calls is a member
WHERE NOT EXISTS (SELECT 1 FROM github_member AS m WHERE m._source = c._source AND m.login = c.login);

-- an invitation is an account that does not exist yet, unless the invited already is one
INSERT INTO account (account_key, source, system, native_id, login, email, kind, status, is_admin)
SELECT i._source || ':' || coalesce(i.login, 'invitation-' || i.id), i._source, i._source, CAST(i.id AS TEXT), i.login,
       i.email, 'human', 'invited', i.role = 'admin'
FROM github_invitation AS i
WHERE NOT EXISTS (SELECT 1 FROM github_member AS m WHERE m._source = i._source AND m.login = i.login)
  AND NOT EXISTS (SELECT 1 FROM github_outside_collaborator AS c WHERE c._source = i._source AND c.login = i.login);

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT m._source || ':' || m.login, m._source, m._source, coalesce(o.login, m._source), 'organisation', m.role,
       CASE m.role WHEN 'admin' THEN 'admin' WHEN 'member' THEN o.default_repository_permission END, 'direct'
FROM github_member AS m
LEFT JOIN github_org AS o ON o._source = m._source;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT _source || ':' || login, _source, _source, team, 'team', role, CASE role WHEN 'maintainer' THEN 'admin' END, 'direct'
FROM github_team_member;

-- tokens and keys that open the organisation, where GitHub tells them
INSERT INTO credential (account_key, source, kind, native_id, status, created_at, last_used_at, expires_at)
SELECT _source || ':' || login, _source,
       CASE WHEN kind LIKE '%key%' THEN 'ssh_key' ELSE 'token' END, 'authorization ' || credential_id, 'active',
       authorized_at, last_used_at, expires_at
FROM github_credential_authorization
WHERE login IS NOT NULL;

INSERT INTO credential (account_key, source, kind, native_id, status, created_at, last_used_at, expires_at)
SELECT _source || ':' || login, _source, 'token', 'fine-grained ' || id,
       CASE expired WHEN 1 THEN 'inactive' WHEN 0 THEN 'active' END, granted_at, last_used_at, expires_at
FROM github_fine_grained_token
WHERE login IS NOT NULL;

-- a setting GitHub did not tell has no row value: its value is NULL, not false
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'organisation', 'two_factor_requirement_enabled', CASE two_factor_requirement_enabled WHEN 1 THEN 'true' WHEN 0 THEN 'false' END FROM github_org
UNION ALL
SELECT _source, _source, 'organisation', 'default_repository_permission', default_repository_permission FROM github_org
UNION ALL
SELECT _source, _source, 'organisation', 'members_can_create_repositories', CASE members_can_create_repositories WHEN 1 THEN 'true' WHEN 0 THEN 'false' END FROM github_org
UNION ALL
SELECT _source, _source, 'organisation', 'members_can_create_public_repositories', CASE members_can_create_public_repositories WHEN 1 THEN 'true' WHEN 0 THEN 'false' END FROM github_org
UNION ALL
SELECT _source, _source, 'organisation', 'members_can_fork_private_repositories', CASE members_can_fork_private_repositories WHEN 1 THEN 'true' WHEN 0 THEN 'false' END FROM github_org
UNION ALL
SELECT _source, _source, 'organisation', 'web_commit_signoff_required', CASE web_commit_signoff_required WHEN 1 THEN 'true' WHEN 0 THEN 'false' END FROM github_org;
