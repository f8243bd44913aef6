//! The store as its users see it: one kind of claim to a file.

mod access;
mod crash;
mod daily;
mod erasure;
mod forks;
mod fsck;
mod full_disk;
mod killed;
mod losses;
mod outbox;
mod refusals;
mod sealing;
mod storage;
mod support;
mod syncing;
