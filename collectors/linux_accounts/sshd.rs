//! sshd_config(5), as far as needed to say that an account without a key in its home has none anywhere. Every line that
//! could let somebody in by another way counts, wherever it stands and whatever it applies to; what is not understood is
//! not known, and never nothing.

/// What an `Include` may name: the folder that is read.
const INCLUDED: &[&str] = &["/etc/ssh/sshd_config.d/*.conf", "sshd_config.d/*.conf"];

/// Where keys are looked for anyhow.
const KEY_FILES: &[&str] =
    &[".ssh/authorized_keys", ".ssh/authorized_keys2", "%h/.ssh/authorized_keys", "%h/.ssh/authorized_keys2", "none"];

/// Keywords that open another way in, with the only value that does not.
const CLOSED: &[(&str, &str)] = &[
    ("authorizedkeyscommand", "none"),
    ("trustedusercakeys", "none"),
    ("hostbasedauthentication", "no"),
    ("gssapiauthentication", "no"),
    ("kerberosauthentication", "no"),
];

/// Whether a file includes the folder; and the first line by which somebody may come in without a key in a home, if any.
pub(super) fn read(file: &str, content: &[u8]) -> (bool, Option<String>) {
    let text = String::from_utf8_lossy(content);
    let mut includes = false;
    let mut opening = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (keyword, rest) = line.split_once(|c: char| c.is_whitespace() || c == '=').unwrap_or((line, ""));
        let keyword = keyword.to_ascii_lowercase();
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
        // what is quoted or commented is not taken apart, and so is none of the harmless values
        let mut values = rest.split_whitespace();
        let is_harmless = match keyword.as_str() {
            "include" => {
                includes = true;
                !rest.is_empty() && values.all(|value| INCLUDED.contains(&value))
            }
            "authorizedkeysfile" => !rest.is_empty() && values.all(|value| KEY_FILES.contains(&value)),
            _ => match CLOSED.iter().find(|(name, _)| *name == keyword) {
                Some((_, closed)) => rest.eq_ignore_ascii_case(closed),
                None => !keyword.contains('"'),
            },
        };
        if !is_harmless && opening.is_none() {
            opening = Some(format!("{file} line {}: `{}`", index + 1, line.chars().take(200).collect::<String>()));
        }
    }
    (includes, opening)
}

#[cfg(test)]
mod tests {
    use super::read;

    fn opening(text: &str) -> Option<String> {
        read("f", text.as_bytes()).1
    }

    #[test]
    fn the_defaults_of_the_distributions_look_for_keys_in_homes_alone() {
        let debian = "# comment\nInclude /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n\
            X11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n";
        assert_eq!(read("f", debian.as_bytes()), (true, None));
        assert_eq!(read("f", b""), (false, None));
        let said = "authorizedkeysfile=.ssh/authorized_keys\nAuthorizedKeysFile %h/.ssh/authorized_keys none\n\
            GSSAPIAuthentication no\nTrustedUserCAKeys none\nAuthorizedKeysCommand = none\n";
        assert_eq!(read("f", said.as_bytes()), (false, None));
    }

    #[test]
    fn whatever_may_let_somebody_in_is_named_wherever_it_stands() {
        for line in [
            "AuthorizedKeysFile /etc/ssh/keys/%u",
            "AuthorizedKeysFile .ssh/authorized_keys /etc/keys",
            "AuthorizedKeysFile \".ssh/authorized_keys\"",
            "AuthorizedKeysFile none # not so",
            "AuthorizedKeysFile",
            "AUTHORIZEDKEYSCOMMAND /usr/bin/sss_ssh_authorizedkeys",
            "TrustedUserCAKeys /etc/ssh/ca.pub",
            "HostbasedAuthentication yes",
            "GSSAPIAuthentication=yes",
            "KerberosAuthentication yes",
            "Include /etc/ssh/other.conf",
            "Include",
            "\"AuthorizedKeysFile\" /etc/keys",
        ] {
            let named = Some(format!("f line 2: `{line}`"));
            assert_eq!(opening(&format!("UsePAM yes\n{line}\n")), named);
            let in_a_match = format!("Match User ada\n  {line}\n");
            assert_eq!(opening(&in_a_match), named, "{in_a_match}");
        }
    }
}
