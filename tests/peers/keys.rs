//! RSA keys as providers hand them out, made by `openssl`, which also judges what is signed with them.

use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// One key for all tests that only need some key: making one takes a while.
pub(crate) static PRIVATE_KEY: LazyLock<String> = LazyLock::new(private_key);

/// A key as Google gives it: PKCS#8 in PEM.
pub(crate) fn private_key() -> String {
    text(Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]))
}

/// A key as GitHub gives it: PKCS#1 in PEM.
pub(crate) fn traditional_key() -> String {
    text(Command::new("openssl").args(["genrsa", "-traditional", "2048"]))
}

/// The key file of a Google service account.
pub(crate) fn service_account(email: &str, private_key: &str) -> String {
    json!({
        "type": "service_account", "project_id": "evidence", "private_key_id": "0", "client_id": "0",
        "client_email": email, "private_key": private_key, "token_uri": "https://elsewhere.invalid/token",
    })
    .to_string()
}

/// Whether `signature` over `signed` was made with the key (RSASSA-PKCS1-v1_5 with SHA-256).
pub(crate) fn is_signed(private_key: &str, signed: &[u8], signature: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (key, signature, signed) =
        (file("key", private_key.as_bytes()), file("signature", signature), file("signed", signed));
    let public = text(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(key));
    let public = file("public", public.as_bytes());
    let verify = |place: &Path| {
        let mut command = Command::new("openssl");
        command.args(["dgst", "-sha256", "-verify"]).arg(place).arg("-signature").arg(&signature).arg(&signed);
        command.output().unwrap().status.success()
    };
    verify(&public)
}

fn text(command: &mut Command) -> String {
    let made = command.output().unwrap();
    assert!(made.status.success(), "{command:?}: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
}
