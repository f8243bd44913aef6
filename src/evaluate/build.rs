//! Lists the checks and control catalogues that are shipped, so that a new one costs its files and no edit, and writes down what
//! each check says of itself, so that no command has to read the TOML of all of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let checks = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../checks");
    let checks = checks.canonicalize()?;
    let mut queries = Vec::new();
    let mut catalogues = Vec::new();
    walk(&checks, &mut queries, &mut catalogues)?;
    queries.sort();
    catalogues.sort();

    let mut code = String::from("pub(crate) const CHECKS: &[Shipped] = &[\n");
    for query in &queries {
        let cases = query.with_extension("cases.toml");
        let cases = if cases.exists() { format!("Some({})", included(&cases)) } else { "None".to_owned() };
        let shown = shown(query, &checks);
        let front = front(&fs::read_to_string(query)?)?;
        let text = included(query);
        writeln!(code, "    Shipped {{ file: {shown:?}, text: {text}, cases: {cases}, front: {front:?} }},")
            .map_err(io::Error::other)?;
    }
    code.push_str("];\npub(crate) const CATALOGUES: &[(&str, &str)] = &[\n");
    for catalogue in &catalogues {
        let shown = shown(catalogue, &checks);
        writeln!(code, "    ({shown:?}, {}),", included(catalogue)).map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("shipped.rs"), code)
}

/// The front matter of a check as JSON; empty where it cannot be read, which this crate's tests tell with its place.
fn front(text: &str) -> io::Result<String> {
    let front = text.strip_prefix("/*---\n").and_then(|rest| rest.split_once("\n---*/"));
    match front.map(|(front, _)| toml::from_str::<toml::Table>(front)) {
        Some(Ok(front)) => serde_json::to_string(&front).map_err(io::Error::other),
        _ => Ok(String::new()),
    }
}

fn included(file: &Path) -> String {
    format!("include_str!({:?})", file.display().to_string())
}

fn shown(file: &Path, checks: &Path) -> String {
    format!("checks/{}", file.strip_prefix(checks).unwrap_or(file).display())
}

fn walk(folder: &Path, queries: &mut Vec<PathBuf>, catalogues: &mut Vec<PathBuf>) -> io::Result<()> {
    // the folder itself, so that an added file is noticed
    write_line(&format!("cargo::rerun-if-changed={}", folder.display()))?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, queries, catalogues)?;
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            queries.push(path);
        } else if folder.ends_with("controls") && path.extension().is_some_and(|extension| extension == "toml") {
            catalogues.push(path);
        }
    }
    Ok(())
}

fn write_line(line: &str) -> io::Result<()> {
    use io::Write as _;
    writeln!(io::stdout(), "{line}")
}
