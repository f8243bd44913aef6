//! Packs and logs made to hurt whoever looks at them. The small verifier ends on each with 0, 1 or 2, within 256 MiB of
//! address space, opens nothing for writing and no connection, as the operating system sees it.

use super::fixture::{ORIGIN, key, pack};
use super::tamper::{HR, files, forge};
use crate::archive::ArchiveWriter;
use crate::{Form, PackManifest};
use ledger::Checkpoint;
use model::Digest;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The address space a verification may take, in KiB.
const MEMORY: u64 = 256 * 1024;

/// The program, built alone.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "--package=pack", "--bin=evidenced-verify"])
            .args(["--no-default-features", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let made = |line: &str| {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            message["executable"].as_str().map(PathBuf::from)
        };
        let made = String::from_utf8(output.stdout).unwrap().lines().find_map(made);
        made.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    })
}

/// Runs the program over `path` and returns its exit code and what it said, after making sure of the rest.
fn examined(name: &str, path: &Path) -> (i32, String) {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let script = format!("ulimit -v {MEMORY}; exec \"$@\"");
    let output = Command::new("strace")
        .args([
            "--seccomp-bpf",
            "-f",
            "-qq",
            "-s",
            "200",
            "-e",
            "trace=!read,lseek,getdents64,statx,fstat,close,brk,mmap,munmap",
            "-o",
        ])
        .arg(trace.path())
        .args(["bash", "-c", &script, "bash"])
        .arg(program())
        .arg(path)
        .output()
        .expect("run tests/peers/install");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    assert!((0..=2).contains(&code), "{name}: exit code {code}: {text:.600}");
    assert!(text.starts_with("VERIFIED") == (code == 0), "{name}: {text:.600}");
    let trace = fs::read_to_string(trace.path()).unwrap();
    // what bash does before it becomes the program is not the program's
    let (_, trace) = trace.rsplit_once("evidenced-verify\"").unwrap();
    for line in trace.lines() {
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag))
            && call.starts_with("open");
        let changes = [
            "creat(",
            "socket",
            "connect(",
            "bind(",
            "sendto(",
            "unlink",
            "rename",
            "mkdir",
            "rmdir",
            "symlink",
            "link",
            "chmod",
            "fchmod",
            "chown",
            "truncate",
            "ftruncate",
            "execve",
            "fork",
            "vfork",
            "clone",
            "kill(",
            "ptrace",
        ]
        .iter()
        .any(|name| call.starts_with(name));
        let elsewhere = call.starts_with("write") && !["write(1,", "write(2,"].iter().any(|own| call.starts_with(own));
        assert!(!writes && !changes && !elsewhere, "{name}: {call}");
    }
    assert!(trace.contains("exit_group"), "{name}: the trace goes to the end");
    (code, text)
}

/// A folder as an archive of our own writer.
fn archive(folder: &Path) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for name in files(folder) {
        let bytes = fs::read(folder.join(&name)).unwrap();
        writer.add(&name, bytes.len() as u64, &mut &bytes[..]).unwrap();
    }
    writer.finish().unwrap()
}

/// A signed pack whose file `name` is `bytes`, and whoever names a digest names the right one.
fn forged(change: impl FnOnce(&Path, &mut PackManifest)) -> Vec<u8> {
    let (_folder, path) = forge(change);
    archive(&path)
}

/// Members by name and content, and a change of the bytes afterwards.
fn members(members: &[(&str, &[u8])], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (name, bytes) in members {
        writer.add(name, bytes.len() as u64, &mut &bytes[..]).unwrap();
    }
    let mut bytes = writer.finish().unwrap();
    change(&mut bytes);
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

#[test]
fn archives_that_lie_about_themselves_are_refused() {
    let two: &[(&str, &[u8])] = &[("log/checkpoint", b"x"), ("SHA256SUMS", b"y")];
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a name that leads out", members(&[("../../etc/passwd", b"x"), ("SHA256SUMS", b"y")], |_| ())),
        ("an absolute name", members(&[("/etc/passwd", b"x"), ("SHA256SUMS", b"y")], |_| ())),
        ("a drive", members(&[("C:\\x", b"x"), ("SHA256SUMS", b"y")], |_| ())),
        ("twins", members(&[("SHA256SUMS", b"x"), ("SHA256SUMS", b"y")], |_| ())),
        ("twins in case", members(&[("log/checkpoint", b"x"), ("log/Checkpoint", b"y")], |_| ())),
        ("twins in Unicode", members(&[("caf\u{e9}", b"x"), ("cafe\u{301}", b"y"), ("SHA256SUMS", b"")], |_| ())),
        ("a name with a direction", members(&[("\u{202e}txt.exe", b"x"), ("SHA256SUMS", b"y")], |_| ())),
        (
            "a link",
            members(two, |bytes| {
                let at = find(bytes, CENTRAL);
                put(bytes, at + 38, &(0o120_777_u32 << 16).to_le_bytes());
            }),
        ),
        ("another name in the local header", members(two, |bytes| put(bytes, 30, b"LOG"))),
        (
            "another size in the directory",
            members(two, |bytes| {
                let at = find(bytes, CENTRAL);
                put(bytes, at + 24, &u32::MAX.to_le_bytes());
            }),
        ),
        (
            "another method",
            members(two, |bytes| {
                let at = find(bytes, CENTRAL);
                put(bytes, at + 10, &[0, 0]);
            }),
        ),
        (
            "members that overlap",
            members(two, |bytes| {
                let first = find(bytes, CENTRAL);
                let second = first + 4 + find(&bytes[first + 4..], CENTRAL);
                put(bytes, second + 42, &[0; 4]);
            }),
        ),
        (
            "more members than there are",
            members(two, |bytes| {
                let at = find(bytes, END);
                put(bytes, at + 8, &[0xfe, 0xff, 0xfe, 0xff]);
            }),
        ),
        (
            "64-bit records that are not there",
            members(two, |bytes| {
                let at = find(bytes, END);
                put(bytes, at + 8, &[0xff; 12]);
            }),
        ),
        (
            "64-bit records that lie",
            members(two, |bytes| {
                let at = find(bytes, END);
                let mut wide = b"PK\x06\x06".to_vec();
                wide.extend(44_u64.to_le_bytes());
                wide.extend([0; 12]);
                for value in [u64::MAX, u64::MAX, 1 << 62, 1 << 63] {
                    wide.extend(value.to_le_bytes());
                }
                wide.extend(b"PK\x06\x07");
                wide.extend([0; 16]);
                put(bytes, at + 8, &[0xff; 12]);
                bytes.splice(at..at, wide);
            }),
        ),
        (
            "a directory before the archive",
            members(two, |bytes| {
                let at = find(bytes, END);
                put(bytes, at + 16, &[0; 4]);
            }),
        ),
        ("an archive inside", {
            let inner = members(two, |_| ());
            members(&[("log/checkpoint", &inner), ("SHA256SUMS", &inner)], |_| ())
        }),
        ("nothing but the end", members(&[], |_| ())),
        ("an archive of another program", {
            let mut other = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            other.start_file("MANIFEST.json", zip::write::SimpleFileOptions::default()).unwrap();
            other.write_all(b"{}").unwrap();
            other.finish().unwrap().into_inner()
        }),
        ("no archive", b"PK\x03\x04 and then nothing of the kind".to_vec()),
    ];
    run(&cases, &[1, 2]);
}

fn run(cases: &[(&str, Vec<u8>)], codes: &[i32]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q1.zip");
    for (name, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        let (code, text) = examined(name, &path);
        assert!(codes.contains(&code), "{name}: {code}: {text:.600}");
    }
    assert_eq!(super::names(folder.path()), ["q1.zip"], "nothing was unpacked");
    println!("{} hostile packs: no write, no connection, within {MEMORY} KiB of address space", cases.len());
}

/// What comes from whoever holds the log's key, so that every signature on the way holds.
#[test]
fn signed_packs_that_are_too_much_end_in_a_report() {
    let brackets = |count: usize| "[".repeat(count).into_bytes();
    let entries = |bytes: Vec<u8>| forged(move |path, _| fs::write(path.join("log/entries.jsonl"), bytes).unwrap());
    let numbers = |count: usize| format!("[{}0]", "0,".repeat(count)).into_bytes();
    let manifest = |text: Vec<u8>| {
        let (_folder, path) = pack(Form::Folder);
        let signature = crate::manifest::sign(&text, &key()).unwrap();
        fs::write(path.join("MANIFEST.json"), text).unwrap();
        fs::write(path.join("MANIFEST.json.sig"), signature).unwrap();
        archive(&path)
    };
    let table =
        |bytes: Vec<u8>| forged(move |path, _| fs::write(path.join(HR).join("tables/hr_person.jsonl"), bytes).unwrap());
    let item = "{\"log_index\":1,\"kind\":\"\",\"path\":\"\"},";
    let listed = |items: usize| {
        let (_folder, path) = pack(Form::Folder);
        let text = fs::read_to_string(path.join("MANIFEST.json")).unwrap();
        text.replacen("\"items\":[", &format!("\"items\":[{}", item.repeat(items)), 1).into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a manifest that is deep", manifest(brackets(1 << 20))),
        ("a manifest of millions of documents", manifest(listed(1_500_000))),
        ("a manifest that is no JSON", manifest(b"evidenced".to_vec())),
        (
            "a document that is deep",
            forged(|path, _| fs::write(path.join(HR).join("manifest.json"), "[".repeat(1 << 20)).unwrap()),
        ),
        ("entries that are deep", entries([brackets(60_000), b"\n".to_vec()].concat())),
        ("an entry without end", entries(vec![b' '; 80 << 20])),
        ("millions of empty entries", entries(b"\n".repeat(3 << 20))),
        ("as many series as fit", entries(series(40_000))),
        ("a row without end", table(vec![b' '; 80 << 20])),
        ("a row of millions of numbers", table([b"{\"a\":".to_vec(), numbers(1 << 21), b"}\n".to_vec()].concat())),
        (
            "an opening that is large",
            forged(|path, _| fs::write(path.join("log/openings/1.txt"), vec![b'x'; 8 << 20]).unwrap()),
        ),
        (
            "a proof of many lines",
            forged(|path, _| {
                let line = format!("{}=\n", "A".repeat(43));
                let text = format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n", line.repeat(30_000));
                fs::write(path.join("log/proofs/1.tlog-proof"), text).unwrap();
            }),
        ),
        (
            "a checkpoint of many signatures",
            forged(|path, _| {
                let checkpoint = fs::read_to_string(path.join("log/checkpoint")).unwrap();
                let line = checkpoint.lines().last().unwrap().to_owned() + "\n";
                fs::write(path.join("log/checkpoint"), checkpoint + &line.repeat(5_000)).unwrap();
            }),
        ),
        (
            "a token that is none",
            forged(|path, _| {
                fs::create_dir_all(path.join("log/anchors/9")).unwrap();
                fs::copy(path.join("log/checkpoint"), path.join("log/anchors/9/checkpoint")).unwrap();
                fs::write(path.join("log/anchors/9/a.tsr"), [0x30; 70_000]).unwrap();
            }),
        ),
    ];
    run(&cases, &[1, 2]);
}

/// Entries, each the first of its series.
fn series(count: usize) -> Vec<u8> {
    let entry = |number| {
        format!(
            "{{\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"identity_map\",\"prev\":null,\"seq\":1,\"series\":\"{number}\",\"tool\":\"x\",\"v\":1}}\n"
        )
    };
    (0..count).map(entry).collect::<String>().into_bytes()
}

#[test]
fn as_many_members_as_fit_and_what_unpacks_to_gigabytes_stay_within_memory() {
    let long = std::env::var_os("EVIDENCED_TEST_LONG").is_some();
    let count: usize = if long { 390_000 } else { 60_000 };
    let mut many = ArchiveWriter::new(Vec::new());
    for number in 0..count {
        many.add(&format!("evidence/{number:060}"), 0, &mut &b""[..]).unwrap();
    }
    many.add("SHA256SUMS", 0, &mut &b""[..]).unwrap();
    let mut bomb = ArchiveWriter::new(Vec::new());
    let size = if long { 1 << 30 } else { 64 << 20 };
    for (name, size) in [("SHA256SUMS", size / 2), ("log/entries.jsonl", size / 2), ("log/checkpoint", 1 << 20)] {
        bomb.add(name, size, &mut std::io::repeat(0).take(size)).unwrap();
    }
    run(&[("many members", many.finish().unwrap()), ("a bomb", bomb.finish().unwrap())], &[1, 2]);
}

#[test]
fn stores_and_published_logs_that_lie_end_in_a_report() {
    type Make = fn(&Path);
    let cases: [(&str, Make); 7] = [
        ("a log of 2^62 entries", |log| {
            let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 1 << 62, root: Digest::of(b"x") };
            fs::write(log.join("checkpoint"), checkpoint.sign(&key()).unwrap().text()).unwrap();
        }),
        ("no checkpoint", |_| ()),
        ("a bundle that lies about lengths", |log| {
            fs::write(
                log.join("checkpoint"),
                super::fixture::contents(&tempfile::tempdir().unwrap().keep()).0.checkpoint(&key()),
            )
            .unwrap();
            fs::create_dir_all(log.join("tile/entries/000.p")).unwrap();
            fs::write(log.join("tile/entries/000.p/9"), [0xff; 100]).unwrap();
        }),
        ("a bundle that is too large", |log| {
            fs::write(
                log.join("checkpoint"),
                super::fixture::contents(&tempfile::tempdir().unwrap().keep()).0.checkpoint(&key()),
            )
            .unwrap();
            fs::create_dir_all(log.join("tile/entries/000.p")).unwrap();
            fs::File::create(log.join("tile/entries/000.p/9")).unwrap().set_len(1 << 40).unwrap();
        }),
        ("links in circles", |log| {
            fs::write(
                log.join("checkpoint"),
                super::fixture::contents(&tempfile::tempdir().unwrap().keep()).0.checkpoint(&key()),
            )
            .unwrap();
            std::os::unix::fs::symlink("..", log.join("tile/0")).unwrap();
            std::os::unix::fs::symlink(".", log.join("tile/entries")).unwrap();
        }),
        ("folders without end", |log| {
            fs::write(
                log.join("checkpoint"),
                super::fixture::contents(&tempfile::tempdir().unwrap().keep()).0.checkpoint(&key()),
            )
            .unwrap();
            fs::create_dir_all(log.join(format!("tile{}", "/x001".repeat(300)))).unwrap();
        }),
        ("a checkpoint that is a device", |log| {
            std::os::unix::fs::symlink("/dev/zero", log.join("checkpoint")).unwrap();
        }),
    ];
    for (name, make) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tile")).unwrap();
        make(folder.path());
        let (code, text) = examined(name, folder.path());
        assert_eq!(code, 1, "{name}: {text:.600}");
    }
}

#[test]
fn the_small_verifier_is_linked_with_nothing_that_writes_files_or_reaches_out() {
    let output = Command::new("nm").args(["-D", "--undefined-only"]).arg(program()).output().unwrap();
    let symbols = String::from_utf8(output.stdout).unwrap();
    assert!(symbols.contains(" read"), "{symbols}");
    for symbol in symbols.lines().filter_map(|line| line.split_whitespace().last()) {
        let name = symbol.split('@').next().unwrap();
        let banned = [
            "socket",
            "connect",
            "bind",
            "listen",
            "accept",
            "sendto",
            "getaddrinfo",
            "fork",
            "vfork",
            "execve",
            "execvp",
            "posix_spawn",
            "posix_spawnp",
            "unlink",
            "unlinkat",
            "rename",
            "renameat",
            "mkdir",
            "rmdir",
            "ftruncate64",
            "symlink",
            "linkat",
            "fchmod",
            "chmod",
            "system",
            "popen",
            "dlopen",
        ];
        assert!(!banned.contains(&name), "it is linked with {name}");
    }
}

#[test]
fn a_good_pack_is_verified_under_the_same_watch() {
    let (_folder, path) = pack(Form::Archive);
    let (code, text) = examined("a good pack", &path);
    assert_eq!(code, 0, "{text}");
}
