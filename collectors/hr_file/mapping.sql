INSERT INTO person (person_key, source, employee_id, name, work_email, other_emails, manager_key, department,
                    employment_type, start_date, end_date, end_recorded_at, status)
SELECT p._source || ':' || p.employee_id,
       p._source,
       p.employee_id,
       p.name,
       p.work_email,
       p.other_emails,
       -- a manager the file does not list is nobody we can name
       p._source || ':' || coalesce(by_id.employee_id, by_mail.employee_id),
       p.department,
       p.employment_type,
       p.start_date,
       p.end_date,
       p.end_recorded_at,
       p.status
FROM hr_person AS p
-- joined, not looked up person by person: that would cost the square of a roster
LEFT JOIN (SELECT DISTINCT _source, employee_id FROM hr_person) AS by_id
       ON by_id._source = p._source AND by_id.employee_id = p.manager
LEFT JOIN (SELECT _source, lower(work_email) AS address, min(employee_id) AS employee_id
           FROM hr_person
           WHERE work_email IS NOT NULL
           GROUP BY _source, lower(work_email)) AS by_mail
       ON by_mail._source = p._source AND by_mail.address = lower(p.manager);

INSERT INTO employment (person_key, source, spell, start_date, end_date, employment_type, end_recorded_at)
SELECT _source || ':' || employee_id, _source, spell, start_date, end_date, employment_type, end_recorded_at
FROM hr_spell;
