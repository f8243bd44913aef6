-- Somebody who is hired again is, to Personio's list, an employee of their own or the same with a new hire date: either way
-- each employee has one spell.
INSERT INTO person (person_key, source, employee_id, name, work_email, other_emails, manager_key, department,
                    employment_type, start_date, end_date, status)
SELECT e._source || ':' || e.employee_id, e._source, e.employee_id, e.name, e.email, '[]',
       m._source || ':' || m.employee_id,
       e.department,
       CASE e.employment_type WHEN 'internal' THEN 'employee' WHEN 'external' THEN 'contractor' ELSE e.employment_type END,
       e.hire_date, e.termination_date, e.status
  FROM personio_employee AS e
  LEFT JOIN (SELECT DISTINCT _source, employee_id FROM personio_employee) AS m
    ON m._source = e._source AND m.employee_id = e.supervisor_id;

INSERT INTO employment (person_key, source, spell, start_date, end_date, employment_type)
SELECT _source || ':' || employee_id, _source, 1, hire_date, termination_date,
       CASE employment_type WHEN 'internal' THEN 'employee' WHEN 'external' THEN 'contractor' ELSE employment_type END
  FROM personio_employee
 WHERE hire_date IS NOT NULL OR termination_date IS NOT NULL;
