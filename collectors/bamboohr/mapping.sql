INSERT INTO person (person_key, source, employee_id, name, work_email, other_emails, manager_key, department,
                    employment_type, start_date, end_date, status)
SELECT e._source || ':' || e.employee_id, e._source, coalesce(e.employee_number, e.employee_id), e.name, e.work_email, '[]',
       m._source || ':' || m.employee_id,
       e.department,
       s.employment_type, coalesce(s.start_date, e.hire_date), s.end_date, e.status
  FROM bamboohr_employee AS e
  LEFT JOIN (SELECT DISTINCT _source, employee_id FROM bamboohr_employee) AS m
    ON m._source = e._source AND m.employee_id = e.manager_id
  LEFT JOIN (SELECT *, max(spell) OVER (PARTITION BY _snapshot, employee_id) AS last FROM bamboohr_spell) AS s
    ON s._snapshot = e._snapshot AND s.employee_id = e.employee_id AND s.spell = s.last;

INSERT INTO employment (person_key, source, spell, start_date, end_date, employment_type)
SELECT _source || ':' || employee_id, _source, spell, start_date, end_date, employment_type
  FROM bamboohr_spell;
