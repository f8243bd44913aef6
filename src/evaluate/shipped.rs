//! The checks and catalogues compiled into the program; the list is written by `build.rs` from the `checks` folder.

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
