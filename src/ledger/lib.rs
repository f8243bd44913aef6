//! The evidence log: entries, Merkle tree, checkpoints, proofs and signatures in published formats.
//!
//! Pure: bytes in, bytes or errors out. It never reads a file, a socket, a clock or a source of randomness;
//! callers pass instants, seeds and nonces in. Every parser here takes untrusted bytes, is bounded, and never panics.
//!
//! Formats: RFC 6962 §2.1 (tree), RFC 9162 §2.1.3-2.1.4 (verification), RFC 8785 (entries), and C2SP signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-proof and tlog-tiles; RFC 3161 with RFC 5816 (timestamp tokens).

pub mod chain;
pub mod checkpoint;
pub mod consistency;
pub mod cosignature;
pub mod entry;
pub mod key;
pub mod note;
pub mod opening;
pub mod proof;
pub mod sealed;
pub mod tiles;
pub mod timestamp;
pub mod tree;
pub mod witness;

mod text;

#[cfg(test)]
mod golden;

pub use chain::{ChainError, KeyChain};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use consistency::{ConsistencyError, ConsistencyFile};
pub use cosignature::{CosignatureError, WitnessKey};
pub use entry::{Body, Entry, EntryError, EntryFields, HeldElsewhere, LinkDecision, SlotOutcome};
pub use key::{KeyError, KeyKind, SigningKey, VerifierKey};
pub use note::{Note, NoteError, NoteSignature};
pub use opening::{Opening, OpeningError};
pub use proof::{Proof, ProofError};
pub use sealed::{SealError, Sealed};
pub use tiles::{Tile, TileError, TileKind};
pub use tree::{Consistency, Frontier, Inclusion, MemoryNodes, Node, Nodes, TreeError};
