//! A hostile process that is confined as a worker is: code that got out of SQLite, tried with what the standard library and
//! the kernel offer.

use super::worker::script;
use crate::confine::{confine, forbid_files, forbid_system_calls, limit, system_calls};
use rustix::process::{Pid, getpid, test_kill_process};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Something, and whether it could be done.
type Attempt = (&'static str, fn() -> bool);

/// What code in a worker must not be able to do. Each is possible for the process before it is confined.
const ATTEMPTS: &[Attempt] = &[
    ("read a file", || File::open("/etc/passwd").is_ok()),
    ("read its own memory as a file", || File::open("/proc/self/mem").is_ok()),
    ("list a folder", || fs::read_dir("/").is_ok()),
    ("see whether a file exists", || Path::new("/etc/passwd").exists()),
    ("follow a link", || fs::read_link("/proc/self/exe").is_ok()),
    ("write a file", || tempfile::tempfile().is_ok()),
    ("make a folder", || tempfile::tempdir().is_ok()),
    ("remove a file", || tempfile::NamedTempFile::new().and_then(tempfile::NamedTempFile::close).is_ok()),
    ("open a database file", || {
        rusqlite::Connection::open("/tmp/evidenced-confined.db")
            .and_then(|c| c.execute_batch("PRAGMA user_version = 1"))
            .is_ok()
    }),
    ("connect", || TcpStream::connect("127.0.0.1:9").is_ok_or(io::ErrorKind::ConnectionRefused)),
    ("connect over IPv6", || TcpStream::connect("[::1]:9").is_ok_or(io::ErrorKind::ConnectionRefused)),
    ("resolve a name", || std::net::ToSocketAddrs::to_socket_addrs("localhost:9").is_ok()),
    ("listen", || TcpListener::bind("127.0.0.1:0").is_ok()),
    ("send", || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:9")).is_ok()),
    ("connect to a local service", || UnixStream::connect("/nowhere").is_ok_or(io::ErrorKind::NotFound)),
    ("listen for local clients", || {
        UnixListener::bind(format!("/tmp/evidenced-confined-{}", std::process::id())).is_ok()
    }),
    ("make a pair of sockets", || UnixStream::pair().is_ok()),
    ("make a pipe", || io::pipe().is_ok()),
    ("run a program", || Command::new("/bin/true").status().is_ok_and(|status| status.success())),
    ("become a program", || Command::new("/bin/true").stdout(Stdio::null()).spawn().is_ok()),
    ("start a thread", || std::thread::Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok())),
    ("change its folder", || std::env::set_current_dir("/").is_ok()),
    ("signal its parent", || PARENT.get().is_some_and(|parent| test_kill_process(*parent).is_ok())),
    ("signal itself", || test_kill_process(getpid()).is_ok()),
    ("change its limits", || {
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(rustix::process::Resource::Core, none).is_ok()
    }),
    ("let itself be traced", || {
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).is_ok()
    }),
    ("ask for its priority", || rustix::process::getpriority_process(None).is_ok()),
    ("watch a process", || rustix::process::pidfd_open(getpid(), rustix::process::PidfdFlags::empty()).is_ok()),
    ("make a file in memory", || rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).is_ok()),
];

trait OrElse {
    /// Whether it worked, or the other side said no: the call itself was made.
    fn is_ok_or(&self, kind: io::ErrorKind) -> bool;
}

impl<T> OrElse for io::Result<T> {
    fn is_ok_or(&self, kind: io::ErrorKind) -> bool {
        self.as_ref().map_or_else(|error| error.kind() == kind, |_| true)
    }
}

/// The process that started this one, asked for while that can be.
static PARENT: OnceLock<Pid> = OnceLock::new();

/// Confines itself by the layers that the environment names, tries everything before and after, reports on descriptor 3.
#[test]
#[ignore = "the tests of this file start it as a process of its own"]
fn entry() {
    let (Ok(mut report), Ok(layer)) = (File::options().write(true).open("/proc/self/fd/3"), std::env::var("LAYER"))
    else {
        return;
    };
    let possible =
        || -> Vec<&str> { ATTEMPTS.iter().filter(|(_, attempt)| attempt()).map(|(what, _)| *what).collect() };
    PARENT.set(rustix::process::getppid().unwrap()).unwrap();
    let before = possible();
    let impossible: Vec<&str> = ATTEMPTS.iter().map(|(what, _)| *what).filter(|what| !before.contains(what)).collect();
    match layer.as_str() {
        "landlock" => forbid_files().unwrap(),
        "limits" => limit(1 << 30, 60).unwrap(),
        "seccomp" => forbid_system_calls().unwrap(),
        _ => assert!(confine(1 << 30, 60).unwrap().lacks.is_empty()),
    }
    let after = possible();
    writeln!(report, "{}|{}", impossible.join(", "), after.join(", ")).unwrap();
}

/// What can be done before and after a process is confined by `layer`: what is impossible anyway, and what stays possible.
fn tried(layer: &str) -> (String, String) {
    let test = std::env::current_exe().unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &script("confined::entry")])
        .arg(test)
        .env("LAYER", layer)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let (before, after) = told
        .trim_end()
        .split_once('|')
        .unwrap_or_else(|| panic!("{layer}: {}", String::from_utf8_lossy(&output.stderr)));
    (before.to_owned(), after.to_owned())
}

/// What a host may lack for everybody, so that an attempt shows nothing there.
const LACKING: [&str; 2] = ["connect over IPv6", "watch a process"];

/// Fails where more is impossible before a process is confined than a host may lack: the attempts would show nothing.
fn assert_possible(before: &str) {
    let missing: Vec<&str> = before.split(", ").filter(|what| !what.is_empty() && !LACKING.contains(what)).collect();
    assert_eq!(missing, [""; 0], "impossible before it was confined");
}

#[test]
fn code_in_a_confined_worker_can_do_nothing_to_the_host() {
    let (before, after) = tried("all");
    assert_possible(&before);
    assert_eq!(after, "", "of {} attempts", ATTEMPTS.len());
    println!("confined worker: {} attempts, 0 succeeded; impossible for everybody here: [{before}]", ATTEMPTS.len());
}

#[test]
fn each_layer_alone_keeps_files_shut() {
    for layer in ["landlock", "limits", "seccomp"] {
        let (before, after) = tried(layer);
        assert_possible(&before);
        let files = ["read a file", "write a file", "open a database file", "list a folder"];
        let opened: Vec<&str> =
            files.into_iter().filter(|what| after.split(", ").any(|other| other == *what)).collect();
        assert_eq!(opened, [""; 0], "{layer}");
        // the control: without the other layers something is left
        assert_eq!(after.is_empty(), layer == "seccomp", "{layer}: {after}");
    }
}

/// Tries every system call by its number under the filter's own bytes, in a process that is no Rust program. Only the error
/// number is another, one that no kernel returns, so that a refusal is the filter's and nobody else's.
const RAW: &str = r#"
import ctypes, json, os, struct, sys
given = json.load(sys.stdin)
libc = ctypes.CDLL(None, use_errno=True)
call = libc.syscall
call.restype = ctypes.c_long
word = ctypes.c_long
REFUSED = 1234
program = b"".join(struct.pack("=HBBI", *(op[:3] + [0x50000 | REFUSED if op[3] == 0x50001 else op[3]])) for op in given["program"])
raw = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
filter = Program(len(program) // 8, ctypes.addressof(raw))
def refused(number, *arguments):
    ctypes.set_errno(0)
    result = call(word(number), *[word(argument) for argument in arguments])
    return result == -1 and ctypes.get_errno() == REFUSED
bad = (-1,) * 6
before = refused(given["getppid"], *bad)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert call(word(given["seccomp"]), word(1), word(0), ctypes.byref(filter)) == 0, ctypes.get_errno()
let_through, tried = [], 0
for base in (0, 0x40000000):
    for number in range(0, 1024):
        # 335 and 336 are a kernel's own returns from its probes: no filter sees them, and whoever else calls them dies of it
        if base == 0 and (number in given["allowed"] or number in (335, 336)):
            continue
        tried += 1
        if not refused(base + number, *bad):
            let_through.append(base + number)
conditions = [
    refused(given["mmap"], 0, 4096, 3, 0x22, -1, 0),      # memory
    refused(given["mmap"], 0, 4096, 7, 0x22, -1, 0),      # memory that can be executed
    refused(given["mmap"], 0, 4096, 5, 0x22, -1, 0),
    refused(given["mmap"], 0, 4096, 1, 0x02, 0, 0),       # a file
    refused(given["mprotect"], 0, 0, 3),
    refused(given["mprotect"], 0, 0, 5),                  # memory that can be executed
    refused(given["tgkill"], given["pid"], 999999999, 0), # the process the filter was made for
    refused(given["tgkill"], 1, 1, 0),                    # another
]
os.write(1, json.dumps({"before": before, "tried": tried, "let_through": let_through, "conditions": conditions}).encode())
os._exit(0)
"#;

#[test]
fn every_system_call_by_number_is_refused_unless_it_is_on_the_list() {
    let program: Vec<_> = system_calls().unwrap().iter().map(|op| (op.code, op.jt, op.jf, op.k)).collect();
    let conditional = [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_tgkill];
    let allowed: Vec<i64> = crate::confine::ALLOWED.iter().chain(&conditional).copied().collect();
    let given = serde_json::json!({
        "program": program, "allowed": allowed, "pid": std::process::id(), "getppid": libc::SYS_getppid,
        "seccomp": libc::SYS_seccomp, "mmap": libc::SYS_mmap, "mprotect": libc::SYS_mprotect, "tgkill": libc::SYS_tgkill,
    });
    let mut child = Command::new("python3")
        .args(["-I", "-c", RAW])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed (tests/run needs it)");
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{ended}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["let_through"], serde_json::json!([]), "{told}");
    assert_eq!(told["conditions"], serde_json::json!([false, true, true, true, false, true, false, true]));
    assert_eq!(told["before"], false, "nothing is refused before the filter holds");
    println!("system calls: {} numbers tried, {} allowed, of them 3 on conditions", told["tried"], allowed.len());
}
