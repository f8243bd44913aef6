INSERT INTO person (person_key, source, employee_id, name, work_email, other_emails, manager_key, department,
                    employment_type, start_date, end_date, end_recorded_at, status)
SELECT p._source || ':' || p.employee_id,
       p._source,
       p.employee_id,
       p.name,
       p.work_email,
       p.other_emails,
       -- a manager the file does not list is nobody we can name
       (SELECT m._source || ':' || m.employee_id
        FROM hr_person AS m
        WHERE m._source = p._source AND (m.employee_id = p.manager OR lower(m.work_email) = lower(p.manager))
        ORDER BY m.employee_id = p.manager DESC, m.employee_id
        LIMIT 1),
       p.department,
       p.employment_type,
       p.start_date,
       p.end_date,
       p.end_recorded_at,
       p.status
FROM hr_person AS p;

INSERT INTO employment (person_key, source, spell, start_date, end_date, employment_type, end_recorded_at)
SELECT _source || ':' || employee_id, _source, spell, start_date, end_date, employment_type, end_recorded_at
FROM hr_spell;
