-- Borg -> the vocabulary. Archives are recovery points and not jobs: a backup that failed leaves none, so a list of jobs
-- made of them would look as if every job succeeded. What an interrupted backup left is no recovery point.
INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted)
SELECT archive._source, archive._source,
       -- a repository keeps what its hosts back up; archive names are free text
       coalesce(archive.hostname, '?') || ':' || repository.repository,
       archive.name || ' ' || archive.archive_id, archive.started_at, repository.encrypted
  FROM borg_archive AS archive
  JOIN borg_repository AS repository ON repository._snapshot = archive._snapshot
 WHERE archive.checkpoint = 0;

INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'repository', 'check_passed', CASE check_passed WHEN 1 THEN 'true' ELSE 'false' END
  FROM borg_repository
 WHERE check_passed IS NOT NULL;

INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'repository', 'encryption', encryption
  FROM borg_repository;
