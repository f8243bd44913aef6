//! `personio`: every employee Personio lists, whatever their status. It asks for the attributes it keeps and no others:
//! salaries stay where they are.

use crate::provider::json::{Object, malformed};
use crate::provider::oauth::Grant;
use crate::provider::rest::{Rest, Scheme, authorization, below, page_size, policy};
use crate::provider::rows::{push, row, table};
use crate::provider::stepped::{Step, miscounted};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const TOKEN: &str = "POST /v2/auth/token";
const TOTAL: &str = "GET /v1/company/employees?limit=1";
const EMPLOYEES: &str = "GET /v1/company/employees";

/// The attributes that are asked for, and the columns they feed.
/// <https://developer.personio.de/v1.0/reference/get_company-employees>
const ATTRIBUTES: &[(&str, &str)] = &[
    ("first_name", "name"),
    ("last_name", "name"),
    ("email", "email"),
    ("status", "status"),
    ("employment_type", "employment_type"),
    ("department", "department"),
    ("supervisor", "supervisor_id"),
    ("hire_date", "hire_date"),
    ("termination_date", "termination_date"),
    ("last_working_day", "last_working_day"),
    ("contract_end_date", "contract_end_date"),
];

/// Most employees a page can hold, since 2025.
const LARGEST_PAGE: u64 = 100;

pub(crate) struct Personio;

#[derive(Deserialize)]
struct Settings {
    api_url: Url,
    client_id: String,
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
impl Collector for Personio {
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
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let grant = Grant {
            spec: &SPEC,
            operation: TOKEN,
            url: &below(&settings.api_url, &["v2", "auth", "token"])?,
            parameters: &[("grant_type", "client_credentials"), ("client_id", &settings.client_id)],
            secret: ("client_secret", ctx.secrets.get("client_secret")),
            help: "look at `client_id` and `client_secret`; the credential may have been revoked",
        };
        let token = grant.ask(ctx).await?;
        let credential = authorization(&ctx.egress, &Scheme::Word("Bearer"), Some(&token))?;
        let rest = Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential);

        let apart = total(TOTAL, &rest.object(TOTAL, &step(&rest, 0, 1)?).await?)?;
        let listed = rest.stepped(EMPLOYEES, |offset| step(&rest, offset, settings.page_size), read_step).await?;
        let mut totals = listed.totals;
        totals.insert(apart);
        let mut observation = observe(&listed.members, apart, &totals)?;
        observation.caller = Some(Caller {
            identity: settings.client_id,
            tenant: settings.api_url.host_str().unwrap_or_default().to_owned(),
        });
        observation.observed_at = ctx.egress.last_answer_date();
        observation.redactions = ctx.egress.redactions();
        Ok(observation)
    }
}

/// The address of `limit` employees from `offset` on.
fn step(rest: &Rest, offset: u64, limit: u64) -> Result<Url, CollectError> {
    let mut url = rest.url(&["v1", "company", "employees"])?;
    let mut query = url.query_pairs_mut();
    query.append_pair("limit", &limit.to_string()).append_pair("offset", &offset.to_string());
    for (attribute, _) in std::iter::once(&("id", "employee_id")).chain(ATTRIBUTES) {
        query.append_pair("attributes[]", attribute);
    }
    drop(query);
    Ok(url)
}

/// How many employees an answer says there are.
fn total(operation: &str, answer: &Value) -> Result<u64, CollectError> {
    let answer = Object::of(operation, answer)?;
    if answer.boolean("success")? != Some(true) {
        return Err(malformed(operation, "the answer does not say `success`"));
    }
    let total = answer.object("metadata")?.integer("total_elements")?;
    let total = total.and_then(|total| u64::try_from(total).ok());
    total.ok_or_else(|| malformed(operation, "the answer has no `metadata.total_elements`"))
}

fn read_step(value: &Value) -> Result<Step, CollectError> {
    let total = total(EMPLOYEES, value)?;
    let members = Object::of(EMPLOYEES, value)?.member("data").and_then(Value::as_array);
    let members = members.ok_or_else(|| malformed(EMPLOYEES, "the answer has no `data`"))?.clone();
    Ok(Step { total, members })
}

/// The attributes of one employee.
struct Attributes<'a>(&'a Value);

impl<'a> Attributes<'a> {
    fn of(employee: &'a Value) -> Result<Self, CollectError> {
        match &employee["attributes"] {
            attributes @ Value::Object(_) => Ok(Self(attributes)),
            _ => Err(malformed(EMPLOYEES, "an employee has no attributes")),
        }
    }

    fn is_there(&self, name: &str) -> bool {
        self.0[name].get("value").is_some()
    }

    fn value(&self, name: &str) -> &'a Value {
        &self.0[name]["value"]
    }

    fn unfit(name: &str, what: &str) -> CollectError {
        malformed(EMPLOYEES, &format!("`{name}` of an employee is not {what}"))
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, CollectError> {
        match self.value(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            _ => Err(Self::unfit(name, "a text")),
        }
    }

    /// The calendar day as the company's zone writes it: `2014-11-09T00:00:00+01:00` is the 9th.
    fn date(&self, name: &str) -> Result<Option<jiff::civil::Date>, CollectError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let day = text.get(..10).and_then(|day| day.parse().ok());
        let rest = text.get(10..).unwrap_or_default();
        day.filter(|_| rest.is_empty() || rest.starts_with('T')).map(Some).ok_or_else(|| Self::unfit(name, "a date"))
    }

    fn id(value: &Value) -> Option<String> {
        match value {
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }
}

fn observe(employees: &[Value], declared: u64, totals: &BTreeSet<u64>) -> Result<Observation, CollectError> {
    let mut rows = table(&SPEC, "personio_employee");
    let mut ids = BTreeSet::new();
    let mut hidden: BTreeMap<&str, usize> = BTreeMap::new();
    for employee in employees {
        let attributes = Attributes::of(employee)?;
        let id = Attributes::id(attributes.value("id")).ok_or_else(|| malformed(EMPLOYEES, "an employee has no id"))?;
        for (name, _) in ATTRIBUTES.iter().filter(|(name, _)| !attributes.is_there(name)) {
            *hidden.entry(*name).or_default() += 1;
        }
        push(&mut rows, employee_row(&id, &attributes)?)?;
        ids.insert(id);
    }

    let mut reasons = Vec::new();
    let counted = miscounted(("employees", "Personio"), employees.len(), ids.len(), totals);
    reasons.extend(counted.map(|reason| reason.table("personio_employee")));
    if !hidden.is_empty() {
        let named: Vec<String> = hidden.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        let columns: BTreeSet<&str> =
            ATTRIBUTES.iter().filter(|(name, _)| hidden.contains_key(name)).map(|(_, column)| *column).collect();
        let columns: Vec<&str> = columns.into_iter().collect();
        let message = format!("this credential may not read of {} employees: {}", employees.len(), named.join(", "));
        let permission = crate::provider::files::permission(&SPEC, EMPLOYEES);
        let reason = Reason::new(ReasonCode::Denied, message).table("personio_employee").columns(&columns);
        reasons.push(reason.permission(&permission));
    }

    let basis = format!(
        "the list was read until the {declared} employees that Personio counts had come, each once; the same count was given \
         apart from the listing"
    );
    let mut observation = Observation {
        tables: vec![rows],
        completeness: Completeness::from_reasons(basis, reasons),
        counts: vec![Count {
            table: "personio_employee".to_owned(),
            counted: ids.len() as u64,
            declared: Some(declared),
            declared_by: Some(format!("total_elements of {TOTAL}")),
        }],
        caller: None,
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}

fn employee_row(id: &str, attributes: &Attributes<'_>) -> Result<model::Row, CollectError> {
    let names = [attributes.text("first_name")?, attributes.text("last_name")?];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let supervisor = &attributes.value("supervisor")["attributes"]["id"]["value"];
    Ok(row(json!({
        "employee_id": id,
        "name": Some(name).filter(|name| !name.is_empty()),
        "email": attributes.text("email")?,
        "status": attributes.text("status")?,
        "employment_type": attributes.text("employment_type")?,
        "department": attributes.value("department")["attributes"]["name"].as_str(),
        "supervisor_id": Attributes::id(supervisor),
        "hire_date": attributes.date("hire_date")?,
        "termination_date": attributes.date("termination_date")?,
        "last_working_day": attributes.date("last_working_day")?,
        "contract_end_date": attributes.date("contract_end_date")?,
    })))
}
