-- Accounts: a person's when uid 1000 or above with a shell that lets somebody in, root for uid 0, otherwise a service's.
-- Disabled only when nobody can come in: no login shell, expired, or neither a usable password nor a key in the home where
-- sshd's configuration shows that no key elsewhere, authority or ticket lets anybody in. Where it does not show that,
-- `keys_elsewhere` says why, and the status is not known.
INSERT INTO account (account_key, source, system, native_id, login, display_name, kind, status, is_admin, last_active_at,
                     password_enabled, password_changed_at, password_expires, password_max_age_days)
SELECT _source || ':' || name,
       _source,
       _source,
       CAST(uid AS TEXT),
       name,
       full_name,
       CASE WHEN uid = 0 THEN 'root'
            WHEN uid >= 1000 AND login_shell AND name <> 'nobody' THEN 'human'
            ELSE 'service' END,
       CASE WHEN NOT login_shell THEN 'disabled'
            WHEN expired THEN 'disabled'
            WHEN password_state IN ('set', 'empty') THEN 'enabled'
            WHEN authorized_keys > 0 THEN 'enabled'
            WHEN password_state IN ('locked', 'unusable') AND authorized_keys = 0 AND keys_only_at_home THEN 'disabled' END,
       is_admin,
       last_login_at,
       password_state IN ('set', 'empty'),
       password_changed_on || 'T00:00:00Z',
       password_expires,
       password_max_days
FROM linux_account;

INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT a._source || ':' || a.name, a._source, a._source, g.value, 'group', 'member',
       CASE WHEN g.value IN ('root', 'sudo', 'wheel', 'admin') THEN 'admin' END, 'direct'
FROM linux_account AS a, json_each(a.groups) AS g;

-- a rule names a user directly, or a group whose members it reaches
INSERT INTO entitlement (account_key, source, system, resource, resource_kind, role, privilege, via)
SELECT a._source || ':' || a.name, a._source, a._source, r.file || ':' || r.line, 'sudo_rule', r.text,
       CASE WHEN r.grants_all THEN 'admin' END,
       CASE WHEN s.value LIKE '\%%' ESCAPE '\' THEN 'group' ELSE 'direct' END
FROM linux_sudo_rule AS r, json_each(r.subjects) AS s
JOIN linux_account AS a
  ON a._source = r._source
 AND (s.value = a.name OR s.value = '#' || a.uid OR s.value = 'ALL'
      OR EXISTS (SELECT 1 FROM json_each(a.groups) AS g WHERE s.value = '%' || g.value))
WHERE r.kind = 'user_spec';

INSERT INTO credential (account_key, source, kind, native_id, status, created_at)
SELECT _source || ':' || name, _source, 'password', name, 'active', password_changed_on || 'T00:00:00Z'
FROM linux_account
WHERE password_state IN ('set', 'empty');

INSERT INTO credential (account_key, source, kind, native_id, status)
SELECT _source || ':' || account, _source, 'ssh_key', fingerprint, 'active'
FROM linux_authorized_key;
