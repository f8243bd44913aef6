//! Runs a program with another clock, by libfaketime.

use model::Timestamp;
use std::path::PathBuf;
use std::process::Command;

/// The clock of `command` shows `instant` when it begins, and goes on from there. Times of files and waiting stay true.
pub(crate) fn begin_at(command: &mut Command, instant: Timestamp) {
    command
        .env("LD_PRELOAD", library())
        .env("FAKETIME", instant.strftime("@%Y-%m-%d %H:%M:%S").to_string())
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1")
        .env("TZ", "UTC");
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|library| library.exists());
    found.next().expect("libfaketime: ./tests/peers/install")
}
