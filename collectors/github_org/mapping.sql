-- GitHub tells who has no second factor; whether the others are made to have one is the organisation's setting. Which
-- kind it is, it tells only of text messages: those, and none at all, resist no phishing; of the rest nobody can say.
-- The address is the one the organisation's identity provider vouches for, before the one its holder chose to show.
INSERT INTO account (account_key, source, system, native_id, login, email, external_id, display_name, kind, status, is_admin,
                     mfa, mfa_phishing_resistant)
SELECT m._source || ':' || m.login, m._source, m._source, CAST(m.id AS TEXT), m.login,
       coalesce(identity.address, m.email), identity.name_id, m.name,
       CASE m.type WHEN 'User' THEN 'human' WHEN 'Bot' THEN 'service' ELSE 'unknown' END,
       'enabled',
       m.role = 'admin',
       CASE WHEN m.two_factor = 0 THEN 'none'
            WHEN m.two_factor = 1 THEN CASE WHEN o.two_factor_requirement_enabled THEN 'enforced' ELSE 'enrolled' END END,
       CASE WHEN m.two_factor = 0 OR m.two_factor_secure = 0 THEN 0 END
FROM github_member AS m
LEFT JOIN github_org AS o ON o._source = m._source
-- of several identities of one account nobody can say which is its holder's
LEFT JOIN (SELECT _snapshot, login,
                  CASE WHEN count(*) = 1
                       THEN max(coalesce(CASE WHEN name_id LIKE '%_@_%' THEN name_id END,
                                         CASE WHEN username LIKE '%_@_%' THEN username END,
                                         CASE WHEN scim_username LIKE '%_@_%' THEN scim_username END)) END AS address,
                  CASE WHEN count(CASE WHEN name_id NOT LIKE '%_@_%' THEN 1 END) = 1
                       THEN max(CASE WHEN name_id NOT LIKE '%_@_%' THEN name_id END) END AS name_id
             FROM github_saml_identity
            WHERE login IS NOT NULL
            GROUP BY _snapshot, login) AS identity
  ON identity._snapshot = m._snapshot AND identity.login = m.login;

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
WHERE (c._source, c.login) NOT IN (SELECT _source, login FROM github_member);

-- an invitation is an account that does not exist yet, unless the invited already is one
INSERT INTO account (account_key, source, system, native_id, login, email, kind, status, is_admin)
SELECT i._source || ':' || coalesce(i.login, 'invitation-' || i.id), i._source, i._source, CAST(i.id AS TEXT), i.login,
       i.email, 'human', 'invited', i.role = 'admin'
FROM github_invitation AS i
WHERE i.login IS NULL
   OR ((i._source, i.login) NOT IN (SELECT _source, login FROM github_member)
       AND (i._source, i.login) NOT IN (SELECT _source, login FROM github_outside_collaborator));

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
