//! The store as its users see it: one kind of claim to a file.

mod crash;
mod fsck;
mod refusals;
mod sealing;
mod support;
