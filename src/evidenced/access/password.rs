//! Passwords: argon2id, in the form of the Password Hashing Competition, and what of a password keeps the second factor.

use super::secret::random;
use crate::failure::Failure;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};

/// Of OWASP's parameters those with the least memory at which two passes are enough: 19 MiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Fewer characters are guessed; NIST SP 800-63B asks for 15 where there is no second factor, and there is one here.
const SHORTEST: usize = 12;
/// Longer ones cost time and add nothing.
const LONGEST: usize = 1024;

/// A password as somebody typed it.
pub(crate) struct Password(SecretString);

/// Why a password will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooWeak {
    Short,
    Long,
    /// It is the name, or one thing over and over.
    Plain,
}

impl TooWeak {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Short => "the password has fewer than 12 characters: a sentence is easier to remember than signs",
            Self::Long => "the password has more than 1024 bytes",
            Self::Plain => "the password is the name, or one character over and over",
        }
    }
}

impl Password {
    /// Of what was typed, as it is: white space counts.
    pub(crate) fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Whether it will do for whoever signs in by `name`.
    pub(crate) fn refuse_weak(&self, name: &str) -> Result<(), TooWeak> {
        let text = self.0.expose_secret();
        let mut letters = text.chars();
        let first = letters.next();
        if text.chars().count() < SHORTEST {
            Err(TooWeak::Short)
        } else if text.len() > LONGEST {
            Err(TooWeak::Long)
        } else if text.to_lowercase().contains(&name.trim().to_lowercase()) || letters.all(|next| Some(next) == first) {
            Err(TooWeak::Plain)
        } else {
            Ok(())
        }
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> Result<String, Failure> {
        let hash = argon2()?.hash_password_with_salt(self.0.expose_secret().as_bytes(), &random::<16>()?);
        Ok(hash.map_err(|error| Failure::store(format!("the password cannot be hashed: {error}")))?.to_string())
    }

    /// Whether it is the one that was hashed. Where nothing was, it takes as long to say no.
    pub(crate) fn is(&self, hash: Option<&str>) -> Result<bool, Failure> {
        let text = self.0.expose_secret().as_bytes();
        // a stranger must not learn by waiting who there is
        let Some(hash) = hash else {
            self.key(&[0; 16])?;
            return Ok(false);
        };
        if text.len() > LONGEST {
            return Ok(false);
        }
        let hash = PasswordHash::new(hash)
            .map_err(|error| Failure::store(format!("the stored hash of a password cannot be read: {error}")))?;
        Ok(argon2()?.verify_password(text, &hash).is_ok())
    }

    /// A key that follows from it and from `salt`.
    pub(super) fn key(&self, salt: &[u8; 16]) -> Result<[u8; 32], Failure> {
        let mut key = [0; 32];
        argon2()?
            .hash_password_into(self.0.expose_secret().as_bytes(), salt, &mut key)
            .map_err(|error| Failure::store(format!("no key follows from the password: {error}")))?;
        Ok(key)
    }
}

fn argon2() -> Result<Argon2<'static>, Failure> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(Failure::store)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_kept_as_argon2id() {
        let password = Password::new("correct horse battery".to_owned());
        let hash = password.hash().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(password.is(Some(&hash)).unwrap());
        assert_ne!(hash, password.hash().unwrap(), "salted");
        assert!(!Password::new("correct horse batterz".to_owned()).is(Some(&hash)).unwrap());
        assert!(!password.is(None).unwrap());
    }

    #[test]
    fn what_is_guessed_at_once_is_refused() {
        let refused = |text: &str| Password::new(text.to_owned()).refuse_weak("ada@acme.example");
        assert_eq!(refused("elevenchars"), Err(TooWeak::Short));
        assert_eq!(refused("aaaaaaaaaaaaaa"), Err(TooWeak::Plain));
        assert_eq!(refused("Ada@ACME.example1"), Err(TooWeak::Plain));
        assert_eq!(refused(&"ab".repeat(600)), Err(TooWeak::Long));
        assert_eq!(refused("a sentence of mine"), Ok(()));
    }
}
