//! The second factor: time-based one-time codes as every authenticator has them (RFC 6238: SHA-1, six digits, 30 seconds).

use super::password::Password;
use super::{sealing, secret};
use crate::failure::Failure;
use aws_lc_rs::{constant_time, hmac};
use model::Timestamp;

const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;
/// How many steps a phone's clock may be off, either way.
const DRIFT: u64 = 1;

/// What the server and the authenticator share.
#[derive(Clone)]
pub(crate) struct Second(Vec<u8>);

impl Second {
    /// A new one of 160 bits, as RFC 4226 recommends.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(secret::random::<20>()?.to_vec()))
    }

    /// As it is typed into an authenticator.
    pub(crate) fn base32(&self) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = |position: usize| self.0.get(position / 8).is_some_and(|byte| byte >> (7 - position % 8) & 1 == 1);
        let letters = (0..(self.0.len() * 8).div_ceil(5)).map(|letter| {
            let index = (0..5).fold(0, |index, bit| index << 1 | usize::from(bits(letter * 5 + bit)));
            char::from(ALPHABET[index])
        });
        letters.collect()
    }

    /// As an authenticator takes it by a link: `otpauth://…`.
    pub(crate) fn link(&self, issuer: &str, name: &str) -> String {
        let quoted =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let (issuer, name) = (quoted(issuer), quoted(name));
        format!("otpauth://totp/{issuer}:{name}?secret={}&issuer={issuer}", self.base32())
    }

    /// The step whose code `given` is at `now`, after the step `used`; none when it is no code, or was used.
    pub(crate) fn step_of(&self, given: &str, now: Timestamp, used: u64) -> Option<u64> {
        let given: String = given.chars().filter(|letter| !letter.is_whitespace()).collect();
        let current = step_at(now);
        (current.saturating_sub(DRIFT)..=current + DRIFT).find(|step| {
            let same = constant_time::verify_slices_are_equal(self.code(*step).as_bytes(), given.as_bytes()).is_ok();
            same && *step > used
        })
    }

    fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
        let number = (0..4).fold(0, |number: u32, at| number << 8 | u32::from(tag[offset + at])) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % 10_u32.pow(6))
    }

    /// As it is kept.
    pub(crate) fn seal(&self, password: &Password) -> Result<Vec<u8>, Failure> {
        sealing::seal(password, &self.0)
    }

    /// From what was kept; none under another password.
    pub(crate) fn open(sealed: &[u8], password: &Password) -> Result<Option<Self>, Failure> {
        Ok(sealing::open(password, sealed)?.map(Self))
    }
}

/// Which 30 seconds `instant` is in.
fn step_at(instant: Timestamp) -> u64 {
    u64::try_from(instant.as_second()).unwrap_or_default() / STEP_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        let second = Second(b"12345678901234567890".to_vec());
        // RFC 6238, appendix B, the last six of eight digits
        for (at, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (2_000_000_000, "279037")]
        {
            let now = Timestamp::from_second(at).unwrap();
            assert_eq!(second.step_of(code, now, 0), Some(step_at(now)), "{at}");
        }
        assert_eq!(second.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            second
                .link("Acme Ltd", "ada@acme.example")
                .starts_with("otpauth://totp/Acme%20Ltd:ada%40acme.example?secret=GEZ")
        );
    }

    #[test]
    fn a_code_is_good_for_a_minute_and_once() {
        let second = Second(b"12345678901234567890".to_vec());
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(second.step_of("287 082", at(59), 0), Some(1));
        assert_eq!(second.step_of("287082", at(59), 1), None, "used");
        assert_eq!(second.step_of("287082", at(89), 0), Some(1), "a clock that is late");
        assert_eq!(second.step_of("287082", at(120), 0), None);
        assert_eq!(second.step_of("", at(59), 0), None);
        assert_eq!(second.step_of("287083", at(59), 0), None);
    }

    #[test]
    fn what_is_kept_opens_under_its_password_only() {
        let (password, other) = (Password::new("one password".to_owned()), Password::new("another one".to_owned()));
        let second = Second::new().unwrap();
        let sealed = second.seal(&password).unwrap();
        assert!(!sealed.windows(second.0.len()).any(|part| part == second.0));
        assert_eq!(Second::open(&sealed, &password).unwrap().unwrap().0, second.0);
        assert!(Second::open(&sealed, &other).unwrap().is_none());
        assert!(Second::open(&sealed[..10], &password).unwrap().is_none());
        let mut damaged = sealed;
        *damaged.last_mut().unwrap() ^= 1;
        assert!(Second::open(&damaged, &password).unwrap().is_none());
    }
}
