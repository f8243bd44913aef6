//! What a person who signs in knows and holds: a password, a second factor, a session. Pure; nothing here reads a store.

mod password;
mod sealing;
mod secret;
mod totp;

pub(crate) use password::Password;
pub(crate) use secret::Secret;
pub(crate) use totp::Second;
