//! Files: only those named, recorded like any answer.

use super::live;
use super::recorded;
use crate::{Egress, Policy};
use model::CollectError;
use std::path::Path;

const READ: &str = "read";

fn reader(folder: &Path) -> Egress {
    live(Policy { operations: vec![READ.to_owned()], files: vec![folder.to_owned()], ..Policy::default() })
}

#[tokio::test]
async fn a_file_is_an_exchange_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people 1.csv");
    std::fs::write(&path, b"id\r\n1\r\n").unwrap();
    let missing = folder.path().join("missing.csv");
    let egress = reader(folder.path());
    let read = egress.read_file(READ, &path).await.unwrap();
    assert_eq!(read.as_ref(), b"id\r\n1\r\n");
    let absent = egress.read_file(READ, &missing).await.unwrap_err();
    assert!(
        matches!(&absent, CollectError::Misconfigured { message, .. } if message.contains("missing.csv")),
        "{absent}"
    );

    let recorded = recorded(&egress);
    assert_eq!(recorded[0].record.method, "READ");
    assert!(recorded[0].record.url.starts_with("file:///") && recorded[0].record.url.ends_with("/people%201.csv"));
    assert_eq!(recorded[0].record.status, Some(200));
    assert!(recorded[0].record.headers["last-modified"].ends_with("GMT"));
    assert_eq!((recorded[1].record.status, recorded[1].record.bytes), (Some(404), 0));

    let replay = Egress::replay(recorded);
    assert_eq!(replay.read_file(READ, &path).await.unwrap(), read);
    assert_eq!(replay.read_file(READ, &missing).await.unwrap_err(), absent);
    assert!(replay.read_file(READ, &path).await.unwrap_err().to_string().contains("not in the recording"));
}

#[tokio::test]
async fn a_file_that_may_not_be_read_names_the_permission() {
    // an unreadable file cannot be made where the tests run as root, so the recording says what the kernel would
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shadow");
    std::fs::write(&path, b"x").unwrap();
    let egress = reader(folder.path());
    egress.read_file(READ, &path).await.unwrap();
    let mut exchange = recorded(&egress).remove(0);
    exchange.record.status = Some(403);
    let error = Egress::replay(vec![exchange]).read_file(READ, &path).await.unwrap_err();
    let CollectError::Denied { permission, .. } = error else { panic!("{error}") };
    assert_eq!(permission, format!("read {}", path.display()));
}

#[tokio::test]
async fn a_file_outside_the_named_ones_is_refused_however_it_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, b"CANARY").unwrap();
    std::os::unix::fs::symlink(&secret, folder.path().join("link")).unwrap();
    let egress = reader(folder.path());
    let ways = [
        secret.clone(),
        folder.path().join("link"),
        folder.path().join("..").join(outside.path().file_name().unwrap()).join("secret"),
        folder.path().to_owned(),
    ];
    for way in ways {
        let error = egress.read_file(READ, &way).await.unwrap_err();
        assert!(matches!(error, CollectError::Misconfigured { .. }), "{}: {error}", way.display());
    }
    let error = egress.read_file("read /etc", &folder.path().join("x")).await.unwrap_err();
    assert!(matches!(error, CollectError::Misconfigured { .. }), "{error}");
    assert!(recorded(&egress).iter().all(|exchange| exchange.body.is_empty()));
    egress.read_file(READ, Path::new("relative")).await.unwrap_err();
}

#[tokio::test]
async fn a_file_beyond_the_cap_and_a_device_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    std::fs::write(&path, vec![b'x'; 101]).unwrap();
    let policy = Policy {
        operations: vec![READ.to_owned()],
        files: vec![folder.path().to_owned(), "/dev/zero".into()],
        max_body_bytes: 100,
        ..Policy::default()
    };
    let egress = live(policy);
    let error = egress.read_file(READ, &path).await.unwrap_err();
    assert!(error.to_string().contains("larger than 100 bytes"), "{error}");
    let error = egress.read_file(READ, Path::new("/dev/zero")).await.unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}
