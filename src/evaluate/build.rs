//! Lists the checks and control catalogues that are shipped, so that a new one costs its files and no edit.

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

    let mut code = String::from("pub(crate) const CHECKS: &[(&str, &str, Option<&str>)] = &[\n");
    for query in &queries {
        let cases = query.with_extension("cases.toml");
        let cases = if cases.exists() { format!("Some({})", included(&cases)) } else { "None".to_owned() };
        let shown = shown(query, &checks);
        writeln!(code, "    ({shown:?}, {}, {cases}),", included(query)).map_err(io::Error::other)?;
    }
    code.push_str("];\npub(crate) const CATALOGUES: &[(&str, &str)] = &[\n");
    for catalogue in &catalogues {
        let shown = shown(catalogue, &checks);
        writeln!(code, "    ({shown:?}, {}),", included(catalogue)).map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("shipped.rs"), code)
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
