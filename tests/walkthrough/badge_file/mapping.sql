INSERT INTO account (account_key, source, system, native_id, login, email, kind, status, is_admin, last_active_at)
SELECT _source || ':' || number,
       _source,
       'doors',
       number,
       number,
       holder,
       'human',
       CASE blocked WHEN 1 THEN 'disabled' WHEN 0 THEN 'enabled' END,
       NULL,
       last_used_at
FROM badge;
