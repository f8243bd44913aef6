//! The last checkpoint each witness cosigned: a file each in `log/cosigned`, named by the witness's key identifier.
//!
//! What a newer one proves includes what the older one did, so one a witness is enough. It asks nobody.

use crate::durable;
use crate::elsewhere::read_checkpoint;
use crate::error::StoreError;
use crate::paths::StorePaths;
use ledger::{CosignatureError, KeyChain, NoteSignature, SignedCheckpoint, VerifierKey, cosignature};
use std::fs;
use std::path::PathBuf;

/// The folder's name, below `log`.
pub(crate) const FOLDER: &str = "cosigned";

/// A witness's word for a checkpoint, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name.
    pub(crate) name: String,
    /// Its key's identifier.
    pub(crate) id: [u8; 4],
    /// The checkpoint with the log's signatures and this witness's lines.
    pub(crate) checkpoint: SignedCheckpoint,
}

impl Cosigned {
    /// Adds the witness's `lines` to `checkpoint` and verifies them; lines of other keys are left out.
    pub fn new(
        checkpoint: &SignedCheckpoint,
        witness: &VerifierKey,
        lines: &[NoteSignature],
    ) -> Result<Self, CosignatureError> {
        let mut cosigned = checkpoint.without_cosignatures();
        for line in lines.iter().filter(|line| line.names(witness)) {
            cosigned.add(line.clone()).map_err(|_| CosignatureError::NotCosigned(witness.name().to_owned()))?;
        }
        cosignature::verify(&cosigned, witness)?;
        Ok(Self { name: witness.name().to_owned(), id: witness.id(), checkpoint: cosigned })
    }

    /// The checkpoint with the witness's lines.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Whether `witness` made it. The name and the identifier are a pointer: `ledger::cosignature::verify` is the proof.
    pub fn names(&self, witness: &VerifierKey) -> bool {
        self.name == witness.name() && self.id == witness.id()
    }

    /// The witness's lines.
    fn lines(&self) -> impl Iterator<Item = &NoteSignature> {
        self.checkpoint.signatures().iter().filter(|line| line.name == self.name && line.id == self.id)
    }
}

/// The file of the witness with that key identifier.
pub(crate) fn path(paths: &StorePaths, id: [u8; 4]) -> PathBuf {
    paths.log().join(FOLDER).join(format!("{:08x}", u32::from_be_bytes(id)))
}

pub(crate) fn write(paths: &StorePaths, cosigned: &Cosigned) -> Result<(), StoreError> {
    durable::write_file(&paths.log(), &path(paths, cosigned.id), cosigned.checkpoint.text().as_bytes())
}

/// Every file there is. Their cosignatures are not verified: only whoever knows the witness's key can.
pub(crate) fn read_all(paths: &StorePaths, chain: &KeyChain) -> Result<Vec<Cosigned>, StoreError> {
    let folder = paths.log().join(FOLDER);
    let listing = match fs::read_dir(&folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list", &folder, error)),
    };
    let mut all = Vec::new();
    for item in listing {
        let path = item.map_err(|error| StoreError::io("list", &folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(id) = u32::from_str_radix(&name, 16).ok().filter(|_| name.len() == 8).map(u32::to_be_bytes) else {
            continue;
        };
        let Some(checkpoint) = read_checkpoint(&path, chain)? else { continue };
        let Some(name) = checkpoint.signatures().iter().find(|line| line.id == id).map(|line| line.name.clone()) else {
            return Err(StoreError::damaged(&path, "the witness it is named after has not cosigned it"));
        };
        all.push(Cosigned { name, id, checkpoint });
    }
    all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Ok(all)
}

/// `signed` with every cosignature there is of exactly that checkpoint.
pub(crate) fn with_cosignatures(
    signed: &SignedCheckpoint,
    paths: &StorePaths,
    chain: &KeyChain,
) -> Result<SignedCheckpoint, StoreError> {
    let mut shown = signed.clone();
    for cosigned in read_all(paths, chain)?.iter().filter(|cosigned| cosigned.checkpoint.body() == signed.body()) {
        for line in cosigned.lines() {
            shown
                .add(line.clone())
                .map_err(|error| StoreError::damaged(&path(paths, cosigned.id), error.to_string()))?;
        }
    }
    Ok(shown)
}
