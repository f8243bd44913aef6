//! The archive opens everywhere, and every byte of it counts.

use super::format::{Member, end_records};
use super::*;
use model::Digest;
use proptest::prelude::*;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

fn files() -> Vec<(String, Vec<u8>)> {
    let noise: Vec<u8> =
        (0..2000_u32).flat_map(|n| model::Digest::of(&n.to_le_bytes()).as_bytes().to_owned()).collect();
    vec![
        ("a.txt".to_owned(), b"evidence ".repeat(3000)),
        ("empty".to_owned(), Vec::new()),
        ("folder/noise.bin".to_owned(), noise),
        ("folder/one".to_owned(), b"x".to_vec()),
    ]
}

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (name, bytes) in files {
        assert_eq!(writer.add(name, bytes.len() as u64, &mut &bytes[..]).unwrap(), Digest::of(bytes));
    }
    writer.finish().unwrap()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Everything in the archive, or what is wrong with it.
fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let archive = Archive::open(file_of(bytes)).map_err(|error| error.to_string())?;
    let mut files = Vec::new();
    for (index, member) in archive.members().iter().enumerate() {
        let mut content = Vec::new();
        archive.stream(index, &mut |piece| content.extend_from_slice(piece)).map_err(|error| error.to_string())?;
        files.push((member.name.clone(), content));
    }
    if archive.bytes_match().unwrap() { Ok(files) } else { Err("bytes differ".to_owned()) }
}

#[test]
fn what_was_written_is_read_and_writing_again_gives_the_same_bytes() {
    assert_eq!(read(&archive(&files())).unwrap(), files());
    assert_eq!(archive(&files()), archive(&files()));
    assert_eq!(read(&archive(&[])).unwrap(), []);
}

#[test]
fn another_implementation_reads_the_same_files() {
    let mut other = zip::ZipArchive::new(std::io::Cursor::new(archive(&files()))).unwrap();
    assert_eq!(other.len(), files().len());
    for (name, bytes) in files() {
        let mut content = Vec::new();
        other.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, bytes, "{name}");
    }
}

#[test]
fn unzip_finds_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    std::fs::write(&path, archive(&files())).unwrap();
    let Some(output) = run("unzip", &["-t", &path.to_string_lossy()], folder.path()) else { return };
    assert!(output.contains("No errors detected"), "{output}");
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    match std::process::Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn a_single_altered_bit_anywhere_is_found() {
    let small = vec![("a".to_owned(), b"abcabcabcabc".repeat(9)), ("b/c".to_owned(), Vec::new())];
    let good = archive(&small);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(read(&bad).is_err(), "bit {bit} of byte {at} of {}", good.len());
        }
    }
}

#[test]
fn an_archive_cut_off_or_added_to_is_refused() {
    let good = archive(&files());
    for length in (0..good.len()).step_by(97) {
        assert!(read(&good[..length]).is_err(), "{length} bytes");
    }
    assert!(read(&[&good[..], b"\0"].concat()).is_err());
    assert!(read(&[b"\0", &good[..]].concat()).is_err());
    assert!(read(&[&good[..], &good[..]].concat()).is_err());
}

#[test]
fn an_archive_of_another_program_is_refused() {
    let mut other = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    other.start_file("a.txt", zip::write::SimpleFileOptions::default()).unwrap();
    other.write_all(b"x").unwrap();
    assert!(read(&other.finish().unwrap().into_inner()).is_err());
}

#[test]
fn a_size_that_was_not_announced_is_an_error() {
    let mut writer = ArchiveWriter::new(Vec::new());
    assert!(writer.add("a", 3, &mut &b"four"[..]).is_err());
}

#[test]
fn more_files_than_the_old_format_counts_are_read() {
    let many: Vec<(String, Vec<u8>)> = (0..66_000).map(|n| (format!("{n}"), Vec::new())).collect();
    let bytes = archive(&many);
    let archive = Archive::open(file_of(&bytes)).unwrap();
    assert_eq!(archive.members().len(), many.len());
    assert!(archive.bytes_match().unwrap());
    assert_eq!(zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap().len(), many.len());
}

#[test]
fn sizes_and_offsets_beyond_32_bits_have_their_64_bit_form() {
    let large = Member { name: "l".into(), size: 5 << 32, crc: 1, compressed: 3 << 32, offset: 7 << 32 };
    let far = Member { name: "f".into(), size: 5, crc: 1, compressed: 3, offset: 7 << 32 };
    for member in [large, far] {
        let header = member.central_header();
        assert_eq!(super::read::read_entry(&header).unwrap(), member);
        assert_eq!(u16::from_le_bytes([header[6], header[7]]), 45);
    }
    let records = end_records(2, 1 << 40, 200, &Digest::of(b""));
    assert_eq!(&records[..4], b"PK\x06\x06");
}

proptest! {
    #[test]
    fn any_files_survive(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..5)) {
        let files: Vec<_> = contents.into_iter().enumerate().map(|(n, bytes)| (format!("f{n}"), bytes)).collect();
        prop_assert_eq!(read(&archive(&files)).unwrap(), files);
    }

    #[test]
    fn damaged_archives_are_refused_and_never_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<proptest::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let good = archive(&files()[2..]);
        let mut bad = good.clone();
        // half of the changes go to the directory, where the structure is
        for (number, (at, byte)) in changes.into_iter().enumerate() {
            let from = if number % 2 == 0 { 0 } else { bad.len() - 300 };
            let at = from + at.index(bad.len() - from);
            bad[at] = byte;
        }
        if truncate {
            bad.truncate(cut.index(bad.len()));
        }
        prop_assume!(bad != good);
        prop_assert!(read(&bad).is_err());
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
    }
}
