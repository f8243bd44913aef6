//! The checks and catalogues compiled into the program; the list is written by `build.rs` from the `checks` folder.

/// A check compiled into the program.
pub(crate) struct Shipped {
    /// Its file in the repository.
    pub file: &'static str,
    /// The whole file.
    pub text: &'static str,
    /// The file of its cases.
    pub cases: Option<&'static str>,
    /// Its front matter as JSON.
    pub front: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
