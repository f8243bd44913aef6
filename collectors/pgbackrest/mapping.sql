-- pgBackRest -> the vocabulary. Backups are recovery points and not jobs: a backup that failed is not listed, so a list of
-- jobs made of them would look as if every job succeeded. One with broken pages is no recovery point.
INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted)
SELECT backup._source, backup._source, backup.stanza, 'repo' || backup.repository || ':' || backup.stanza || '/' || backup.label,
       -- what a restore brings back is the state at the end
       backup.finished_at,
       CASE WHEN stanza.cipher = 'none' THEN 0 WHEN stanza.cipher IS NOT NULL THEN 1 END
  FROM pgbackrest_backup AS backup
  LEFT JOIN pgbackrest_stanza AS stanza
    ON stanza._snapshot = backup._snapshot AND stanza.stanza = backup.stanza AND stanza.repository = backup.repository
 WHERE backup.error IS NOT 1;
