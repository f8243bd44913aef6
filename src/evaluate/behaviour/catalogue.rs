//! The tables of `checks/README.md`: every shipped check, and what stands behind every control.

use crate::catalogue::{Catalogues, Control, Coverage, Framework};
use crate::testing::shipped;
use crate::{Check, CheckSet, ParameterKind};
use model::time::duration_text;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

const MARK: &str = "<!-- generated from here to the end";

/// The checks of a control, in the set's order.
fn checks_of<'a>(set: &'a CheckSet, framework: &Framework, control: &Control) -> Vec<&'a Check> {
    let reference = format!("{}/{}", framework.framework, control.id);
    set.checks().iter().filter(|check| check.controls.contains(&reference)).collect()
}

fn parameters(check: &Check) -> String {
    let one = |(name, parameter): (&String, &crate::Parameter)| {
        let value = match (parameter.kind, parameter.default.as_i64()) {
            (ParameterKind::Duration, Some(seconds)) => duration_text(jiff::SignedDuration::from_secs(seconds)),
            (ParameterKind::Text, _) => parameter.default.as_str().map(words).unwrap_or_default(),
            _ => parameter.default.to_string(),
        };
        format!("`{name}` {value}").trim_end().to_owned()
    };
    check.parameters.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A list of words by its length: the whole of it is in the check.
fn words(text: &str) -> String {
    match text.split(',').filter(|word| !word.is_empty()).count() {
        0 => "none".to_owned(),
        count => format!("({count} words)"),
    }
}

fn shipped_table(set: &CheckSet) -> String {
    let mut text = format!("\n## Shipped: {} checks\n\n", set.checks().len());
    text.push_str("| check | what a failure says | judges | parameters |\n|---|---|---|---|\n");
    let mut checks: Vec<&Check> = set.checks().iter().collect();
    checks.sort_by(|a, b| a.file.cmp(&b.file));
    for check in checks {
        let name = check.file.trim_start_matches("checks/").trim_end_matches(".sql");
        let _ = writeln!(text, "| `{name}` | {} | {} | {} |", check.title, check.population, parameters(check));
    }
    text
}

fn coverage_table(set: &CheckSet, framework: &Framework) -> String {
    let counted = |wanted: Coverage| framework.controls.iter().filter(|control| control.coverage == wanted).count();
    let mut text = format!(
        "\n### {}\n\n{} controls: {} that checks test in part, {} shown by a recorded review or audit, {} shown by manual evidence alone.\n\n",
        framework.title,
        framework.controls.len(),
        counted(Coverage::Check),
        counted(Coverage::Review),
        counted(Coverage::Manual),
    );
    text.push_str("| control | our title | checks | evidence collected |\n|---|---|---|---|\n");
    for control in &framework.controls {
        let checks = checks_of(set, framework, control);
        let names: Vec<String> = checks.iter().map(|check| format!("`{}`", check.name)).collect();
        let tables: BTreeSet<&str> = checks.iter().flat_map(|check| check.inputs.keys()).map(String::as_str).collect();
        let programme = checks.iter().any(|check| check.inputs.is_empty());
        let collected: Vec<&str> = tables.into_iter().chain(programme.then_some("the programme's own log")).collect();
        let beside = match control.coverage {
            Coverage::Check => "",
            Coverage::Review => "a recorded review or audit",
            Coverage::Manual => "none: what a person attaches",
        };
        let evidence: Vec<&str> = collected.into_iter().chain(Some(beside).filter(|word| !word.is_empty())).collect();
        let evidence = evidence.join(", ");
        let _ = writeln!(text, "| {} | {} | {} | {evidence} |", control.id, control.title, names.join(" "));
    }
    text
}

#[test]
fn the_catalogue_in_the_readme_is_fresh() {
    let set = shipped();
    let mut fresh = shipped_table(&set);
    fresh.push_str(
        "\n## Coverage\n\nNo check shows the whole of a control: that a policy is sound, that people were told, that a judgement was right,\n\
         somebody has to show. A control without a check is never shown as passed.\n",
    );
    for framework in Catalogues::builtin().unwrap().frameworks() {
        fresh.push_str(&coverage_table(&set, framework));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/README.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let mark = text.find(MARK).expect("the README has its mark");
    let end = text[mark..].find('\n').map_or(text.len(), |end| mark + end + 1);
    let expected = format!("{}{fresh}", &text[..end]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, expected).unwrap();
    } else {
        assert!(text == expected, "checks/README.md does not say what there is: UPDATE=1 rewrites it");
    }
}

#[test]
fn the_catalogues_say_of_every_control_what_is_true_of_it() {
    let set = shipped();
    for framework in Catalogues::builtin().unwrap().frameworks() {
        for control in &framework.controls {
            let checks = checks_of(&set, framework, control);
            let reference = format!("{}/{}", framework.framework, control.id);
            match control.coverage {
                Coverage::Check => assert!(!checks.is_empty(), "{reference} is covered by a check, and there is none"),
                Coverage::Manual => assert!(checks.is_empty(), "{reference} is manual, and checks test it"),
                Coverage::Review => {}
            }
        }
    }
}
