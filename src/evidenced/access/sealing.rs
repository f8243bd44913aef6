//! Keeps a second factor's secret under the password it belongs to: who takes the database has neither.

use super::password::Password;
use super::secret::random;
use crate::failure::Failure;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

const SALT: usize = 16;

/// `salt ‖ nonce ‖ ciphertext ‖ tag`.
pub(super) fn seal(password: &Password, plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let (salt, nonce) = (random::<SALT>()?, random::<NONCE_LEN>()?);
    let mut sealed = plain.to_vec();
    key(password, &salt)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(|_| Failure::store("the second factor cannot be sealed"))?;
    Ok([&salt[..], &nonce[..], &sealed[..]].concat())
}

/// What was sealed under `password`; none where it was another one, or the bytes are not those.
pub(super) fn open(password: &Password, sealed: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let Some((salt, rest)) = sealed.split_first_chunk::<SALT>() else { return Ok(None) };
    let Some((nonce, rest)) = rest.split_first_chunk::<NONCE_LEN>() else { return Ok(None) };
    let mut bytes = rest.to_vec();
    let opened =
        key(password, salt)?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut bytes).ok();
    Ok(opened.map(|plain| plain.to_vec()))
}

fn key(password: &Password, salt: &[u8; SALT]) -> Result<LessSafeKey, Failure> {
    let key = UnboundKey::new(&AES_256_GCM, &password.key(salt)?);
    Ok(LessSafeKey::new(key.map_err(|_| Failure::store("no cipher for the second factor"))?))
}
