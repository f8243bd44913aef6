//! `bamboohr`: everybody BambooHR lists, and the history of their employment. A field the key may not read is *not
//! reported*, and an employee whose every field is hidden is still one.

mod spells;

use crate::provider::json::{Object, malformed};
use crate::provider::rest::{Page, Rest, Scheme, authorization, page_size, policy};
use crate::provider::rows::{push, row, table};
use crate::provider::stepped::miscounted;
use crate::provider::web_link::Links;
use crate::settings;
use egress::{Collector, Context, Policy};
use jiff::civil::Date;
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Observation, Reason, ReasonCode, Table};
use serde::Deserialize;
use serde_json::{Value, json};
use spells::{Dates, Status, spells};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const EMPLOYEES: &str = "GET /api/v1/employees";
const STATUSES: &str = "GET /api/v1/employees/all/tables/employmentStatus";

/// The fields that are read, and the columns they feed; the first [`UNASKED`] come unasked.
/// <https://documentation.bamboohr.com/reference/list-employees>
const FIELDS: &[(&str, &str)] = &[
    ("firstName", "name"),
    ("lastName", "name"),
    ("preferredName", "preferred_name"),
    ("jobTitleName", "job_title"),
    ("status", "status"),
    ("employeeNumber", "employee_number"),
    ("workEmail", "work_email"),
    ("departmentName", "department"),
    ("reportsToId", "manager_id"),
    ("employmentStatusName", "employment_status"),
    ("employmentStatusEffectiveDate", "employment_status_date"),
    ("hireDate", "hire_date"),
    ("originalHireDate", "original_hire_date"),
    ("terminationDate", "termination_date"),
    ("contractEndDate", "contract_end_date"),
];

/// How many of [`FIELDS`] come unasked.
const UNASKED: usize = 5;

/// Most employees a page can hold.
const LARGEST_PAGE: u64 = 2500;

/// How BambooHR writes that there is no date.
const NO_DATE: &str = "0000-00-00";

/// How many members a message names.
const SHOWN: usize = 5;

pub(crate) struct BambooHr;

#[derive(Deserialize)]
struct Settings {
    api_url: Url,
    terminated: Vec<String>,
    page_size: u64,
}

impl Settings {
    fn read(settings: &Value) -> Result<Self, CollectError> {
        let read: Self = settings::typed(&SPEC, settings)?;
        page_size(read.page_size, LARGEST_PAGE)?;
        Ok(read)
    }
}

#[async_trait::async_trait]
impl Collector for BambooHr {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        Ok(policy(&SPEC, vec![Settings::read(settings)?.api_url]))
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings = Settings::read(&ctx.settings)?;
        // the key is the user; the password is not looked at
        let scheme = Scheme::Basic { before: "", after: ":x" };
        let credential = authorization(&ctx.egress, &scheme, ctx.secrets.get("api_key"))?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let rest = Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential);

        let mut reasons = Vec::new();
        let (employees, declared) = employees(&rest, &settings, &mut reasons).await?;
        let statuses = statuses(&rest).await?;
        let mut observation = observe(&settings, &employees, &statuses, declared, reasons)?;
        observation.observed_at = ctx.egress.last_answer_date();
        observation.redactions = ctx.egress.redactions();
        Ok(observation)
    }
}

/// Every employee, and how many BambooHR says there are.
async fn employees(
    rest: &Rest,
    settings: &Settings,
    reasons: &mut Vec<Reason>,
) -> Result<(Vec<Value>, u64), CollectError> {
    let mut first = rest.url(&["api", "v1", "employees"])?;
    let asked: Vec<&str> = FIELDS[UNASKED..].iter().map(|(field, _)| *field).collect();
    first
        .query_pairs_mut()
        .append_pair("fields", &asked.join(","))
        .append_pair("page[limit]", &settings.page_size.to_string());
    let mut totals = BTreeSet::new();
    let employees = rest
        .listing(EMPLOYEES, first.clone(), |_, value, _| {
            let answer = Object::of(EMPLOYEES, &value)?;
            let meta = answer.object("meta")?;
            let total = meta.integer("total")?.and_then(|total| u64::try_from(total).ok());
            totals.insert(total.ok_or_else(|| malformed(EMPLOYEES, "the answer has no `meta.total`"))?);
            let page = meta.object("page")?;
            if meta.member("page").is_none() {
                return Err(malformed(EMPLOYEES, "the answer has no `meta.page`"));
            }
            let members = answer.member("data").and_then(Value::as_array);
            let members = members.ok_or_else(|| malformed(EMPLOYEES, "the answer has no `data`"))?.clone();
            let next = page.text("nextCursor")?.map(|cursor| {
                let mut next = first.clone();
                next.query_pairs_mut().append_pair("page[after]", cursor);
                next.into()
            });
            Ok(Page { members, next, declared: None })
        })
        .await?;
    let ids: BTreeSet<&str> = employees
        .iter()
        .map(|employee| Object::of(EMPLOYEES, employee)?.needed("employeeId"))
        .collect::<Result<_, _>>()?;
    let declared = totals.last().copied().unwrap_or_default();
    let counted = miscounted(("employees", "BambooHR"), employees.len(), ids.len(), &totals);
    reasons.extend(counted.map(|reason| reason.table("bamboohr_employee")));
    Ok((employees, declared))
}

/// Every row of the employment status table.
async fn statuses(rest: &Rest) -> Result<Vec<Value>, CollectError> {
    let url = rest.url(&["api", "v1", "employees", "all", "tables", "employmentStatus"])?;
    rest.listing(STATUSES, url, |_, value, answer| match value {
        // one document; should it ever be given in pages, their addresses are followed
        Value::Array(members) => {
            let link = answer.headers.get("link").and_then(|link| link.to_str().ok()).unwrap_or_default();
            Ok(Page { members, next: Links::parse(link).next, declared: None })
        }
        _ => Err(malformed(STATUSES, "the answer is no array of rows")),
    })
    .await
}

fn observe(
    settings: &Settings,
    employees: &[Value],
    statuses: &[Value],
    declared: u64,
    mut reasons: Vec<Reason>,
) -> Result<Observation, CollectError> {
    let mut status_rows = table(&SPEC, "bamboohr_status");
    let mut by_employee: BTreeMap<&str, Vec<Status>> = BTreeMap::new();
    for value in statuses {
        let status = Object::of(STATUSES, value)?;
        let (employee, row_id) = (status.needed("employeeId")?, status.needed("id")?);
        let (date, name) = (date(STATUSES, &status, "date")?, status.text("employmentStatus")?);
        push(
            &mut status_rows,
            row(
                json!({ "employee_id": employee, "row_id": row_id, "effective_date": date, "employment_status": name }),
            ),
        )?;
        let Some(date) = date else {
            let message = format!("row {row_id} of employee {employee} has no effective date");
            reasons.push(Reason::new(ReasonCode::RowRejected, message).table("bamboohr_spell"));
            continue;
        };
        let of_employee = by_employee.entry(employee).or_default();
        of_employee.push(Status { date, row: row_id.parse().unwrap_or(u64::MAX), name: name.map(str::to_owned) });
    }

    let mut employee_rows = table(&SPEC, "bamboohr_employee");
    let mut spell_rows = table(&SPEC, "bamboohr_spell");
    let mut hidden: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without_row = Vec::new();
    for value in employees {
        let employee = Object::of(EMPLOYEES, value)?;
        let id = employee.needed("employeeId")?;
        for field in unread(value) {
            *hidden.entry(field).or_default() += 1;
        }
        let dates = Dates {
            hired: date(EMPLOYEES, &employee, "hireDate")?,
            terminated: date(EMPLOYEES, &employee, "terminationDate")?,
        };
        let since = date(EMPLOYEES, &employee, "employmentStatusEffectiveDate")?;
        let status = employee.text("employmentStatusName")?;
        let rows = by_employee.remove(id).unwrap_or_default();
        // today's status is a row of the table
        if let (Some(since), Some(status)) = (since, status)
            && !rows.iter().any(|row| row.date == since && row.name.as_deref() == Some(status))
        {
            without_row.push(id);
        }
        push(&mut employee_rows, employee_row(&employee, dates, since)?)?;
        for (index, spell) in spells(rows, &settings.terminated, dates).into_iter().enumerate() {
            push(
                &mut spell_rows,
                row(json!({
                    "employee_id": id, "spell": index + 1, "start_date": spell.start, "end_date": spell.end,
                    "employment_type": spell.kind,
                })),
            )?;
        }
    }
    reasons.extend(hidden_fields(&hidden, employees.len()));
    reasons.extend(members("have an employment status that the table does not show", &without_row));
    let strangers: Vec<&str> = by_employee.keys().copied().collect();
    reasons.extend(members("are in the employment status table and not in the list", &strangers));
    Ok(conclude(vec![employee_rows, status_rows, spell_rows], declared, reasons))
}

fn conclude(tables: Vec<Table>, declared: u64, reasons: Vec<Reason>) -> Observation {
    let counted = tables[0].rows().len() as u64;
    let basis = format!(
        "the list was followed until BambooHR named no next page and holds the {declared} employees it counts; \
         everybody's employment status is in the status table, and nobody else is"
    );
    let mut observation = Observation {
        tables,
        completeness: Completeness::from_reasons(basis, reasons),
        counts: vec![Count {
            table: "bamboohr_employee".to_owned(),
            counted,
            declared: Some(declared),
            declared_by: Some(format!("meta.total of {EMPLOYEES}")),
        }],
        // BambooHR does not say whose the key is
        caller: None,
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    observation
}

fn employee_row(employee: &Object<'_>, dates: Dates, since: Option<Date>) -> Result<model::Row, CollectError> {
    let names = [employee.text("firstName")?, employee.text("lastName")?];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Ok(row(json!({
        "employee_id": employee.needed("employeeId")?,
        "employee_number": id(employee, "employeeNumber")?,
        "name": Some(name).filter(|name| !name.is_empty()),
        "preferred_name": employee.text("preferredName")?,
        "work_email": employee.text("workEmail")?,
        "department": employee.text("departmentName")?,
        "manager_id": id(employee, "reportsToId")?,
        "job_title": employee.text("jobTitleName")?,
        "status": employee.text("status")?.map(str::to_lowercase),
        "employment_status": employee.text("employmentStatusName")?,
        "employment_status_date": since,
        "hire_date": dates.hired,
        "original_hire_date": date(EMPLOYEES, employee, "originalHireDate")?,
        "termination_date": dates.terminated,
        "contract_end_date": date(EMPLOYEES, employee, "contractEndDate")?,
    })))
}

/// An id, whether it is written as a text or as a number.
fn id(employee: &Object<'_>, name: &str) -> Result<Option<String>, CollectError> {
    match employee.member(name) {
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
        _ => Ok(employee.text(name)?.map(str::to_owned)),
    }
}

fn date(operation: &str, object: &Object<'_>, name: &str) -> Result<Option<Date>, CollectError> {
    let Some(text) = object.text(name)?.filter(|text| *text != NO_DATE) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| malformed(operation, &format!("`{name}` is `{text}`, which is no date")))
}

/// The fields of an employee that this key may not read, and those that are not in the answer at all.
fn unread(employee: &Value) -> BTreeSet<&'static str> {
    let restricted: BTreeSet<&str> =
        employee["_restrictedFields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    FIELDS
        .iter()
        .map(|(field, _)| *field)
        .filter(|field| restricted.contains(field) || employee.get(field).is_none())
        .collect()
}

fn hidden_fields(hidden: &BTreeMap<&str, usize>, employees: usize) -> Option<Reason> {
    if hidden.is_empty() {
        return None;
    }
    let named: Vec<String> = hidden.iter().map(|(field, count)| format!("{field} ({count})")).collect();
    let columns: BTreeSet<&str> =
        FIELDS.iter().filter(|(field, _)| hidden.contains_key(field)).map(|(_, column)| *column).collect();
    let columns: Vec<&str> = columns.into_iter().collect();
    let message = format!("this key may not read of {employees} employees: {}", named.join(", "));
    let permission = crate::provider::files::permission(&SPEC, EMPLOYEES);
    let reason = Reason::new(ReasonCode::Denied, message).table("bamboohr_employee").columns(&columns);
    Some(reason.permission(&permission))
}

fn members(what: &str, ids: &[&str]) -> Option<Reason> {
    if ids.is_empty() {
        return None;
    }
    let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let message = format!("{} employees {what}: {shown}", ids.len());
    Some(Reason::new(ReasonCode::CountsDisagree, message).table("bamboohr_spell"))
}
