-- restic -> the vocabulary. Snapshots are recovery points and not jobs: a backup that failed leaves none, so a list of
-- jobs made of them would look as if every job succeeded.
INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted)
SELECT _source, _source,
       coalesce(hostname, '?') || ':' || (SELECT group_concat(value, ',') FROM (SELECT value FROM json_each(paths) ORDER BY value)),
       snapshot_id, created_at,
       -- restic knows no repository without encryption
       1
  FROM restic_snapshot;

INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'repository', 'check_passed', CASE check_passed WHEN 1 THEN 'true' ELSE 'false' END
  FROM restic_repository
 WHERE check_passed IS NOT NULL;
