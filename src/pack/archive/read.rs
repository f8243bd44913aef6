//! Reads an archive that may be hostile: never more memory than the directory and a buffer, never a path.

use super::format::{
    CENTRAL, CENTRAL_LEN, COMMENT_LEN, END, END_LEN, END64, END64_LEN, LOCAL, LOCATOR64_LEN, Member, end_records,
    needs_wide,
};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use model::{Digest, Hasher};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Directories beyond this are refused: 400,000 files fit, with names of the usual length.
const MAX_DIRECTORY: u64 = 48 * 1024 * 1024;
/// Longest member name.
const MAX_NAME: usize = 1024;
const CHUNK: usize = 64 * 1024;

/// What is wrong with an archive, or with one of its members.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It could not be read at all.
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// It is not as the writer writes it.
    #[error("{0}")]
    Damaged(String),
}

fn damaged(problem: impl Into<String>) -> ArchiveError {
    ArchiveError::Damaged(problem.into())
}

/// Whether the first or the last bytes say that this is meant to be an archive.
pub(crate) fn looks_like_archive(file: &mut File) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut magic = [0; 4];
    for offset in [0, length.saturating_sub(END_LEN + COMMENT_LEN)] {
        if length < offset + 4 {
            continue;
        }
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut magic)?;
        if [LOCAL, END].contains(&u32::from_le_bytes(magic)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An archive whose directory has been read and is as the writer writes it.
pub(crate) struct Archive {
    file: RefCell<File>,
    members: Vec<Member>,
    hashed_length: u64,
    digest: Digest,
}

impl Archive {
    /// Reads the directory. Any deviation from what the writer writes is an error.
    pub(crate) fn open(mut file: File) -> Result<Self, ArchiveError> {
        let length = file.seek(SeekFrom::End(0))?;
        let end_at = length
            .checked_sub(END_LEN + COMMENT_LEN)
            .ok_or_else(|| damaged("it is shorter than the end records: the file is cut off, or not an archive"))?;
        let end = read_at(&mut file, end_at, END_LEN + COMMENT_LEN)?;
        if u32_at(&end, 0) != Some(END) {
            return Err(damaged(
                "its end records are not where they belong: the file is cut off, was added to, or was packed again by another program",
            ));
        }
        let (mut count, mut size, mut offset) = (
            u64::from(u16_at(&end, 10).unwrap_or(0)),
            u64::from(u32_at(&end, 12).unwrap_or(0)),
            u64::from(u32_at(&end, 16).unwrap_or(0)),
        );
        let mut tail_at = end_at;
        if needs_wide(count, offset, size) {
            tail_at = end_at
                .checked_sub(END64_LEN + LOCATOR64_LEN)
                .ok_or_else(|| damaged("its 64-bit end records are missing"))?;
            let wide = read_at(&mut file, tail_at, END64_LEN)?;
            if u32_at(&wide, 0) != Some(END64) {
                return Err(damaged("its 64-bit end records are missing"));
            }
            count = u64_at(&wide, 32).unwrap_or(0);
            size = u64_at(&wide, 40).unwrap_or(0);
            offset = u64_at(&wide, 48).unwrap_or(0);
        }
        if offset.checked_add(size) != Some(tail_at) || size > MAX_DIRECTORY || count > size / CENTRAL_LEN as u64 {
            return Err(damaged("its end records do not describe its directory"));
        }
        let digest = stated_digest(&end).ok_or_else(|| damaged("its comment is not the digest of its bytes"))?;
        if read_at(&mut file, tail_at, length - tail_at)? != end_records(count, offset, size, &digest) {
            return Err(damaged("its end records are not as they were written"));
        }
        let directory = read_at(&mut file, offset, size)?;
        let members = read_directory(&directory, count, offset)?;
        Ok(Self { file: RefCell::new(file), members, hashed_length: tail_at, digest })
    }

    /// Every member, in the order of its bytes.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Hands out the bytes of the member at `index` piece by piece, and then says whether they are as they were written.
    pub(crate) fn stream(&self, index: usize, each: &mut dyn FnMut(&[u8])) -> Result<(), ArchiveError> {
        let member = self.members.get(index).ok_or_else(|| damaged("no such member"))?;
        let mut file = self.file.borrow_mut();
        let header = member.local_header();
        if read_at(&mut file, member.offset, header.len() as u64)? != header {
            return Err(damaged("its header in the archive is not as it was written"));
        }
        let mut state = InflateState::new_boxed(DataFormat::Raw);
        let (mut input, mut output) = (vec![0; CHUNK], vec![0; CHUNK]);
        let (mut left, mut size, mut crc, mut ended) = (member.compressed, 0_u64, crc32fast::Hasher::new(), false);
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            file.read_exact(&mut input[..want])?;
            left -= want as u64;
            let mut rest = &input[..want];
            // the inflater may hold output back: ask until it neither takes nor gives
            loop {
                let result = inflate(&mut state, rest, &mut output, MZFlush::None);
                rest = &rest[result.bytes_consumed..];
                size += result.bytes_written as u64;
                if size > member.size {
                    return Err(damaged("it unpacks to more bytes than the archive says"));
                }
                crc.update(&output[..result.bytes_written]);
                each(&output[..result.bytes_written]);
                match result.status {
                    Ok(MZStatus::StreamEnd) => {
                        ended = true;
                        break;
                    }
                    Ok(_) if result.bytes_consumed == 0 && result.bytes_written == 0 => break,
                    Ok(_) => {}
                    Err(miniz_oxide::MZError::Buf) if rest.is_empty() => break,
                    Err(_) => return Err(damaged("its compressed bytes cannot be unpacked")),
                }
            }
            if !rest.is_empty() || (ended && left > 0) {
                return Err(damaged("its compressed bytes end early"));
            }
        }
        if !ended || size != member.size || crc.finalize() != member.crc {
            return Err(damaged("its bytes do not have the length and checksum the archive gives"));
        }
        let descriptor = member.descriptor();
        let mut found = vec![0; descriptor.len()];
        file.read_exact(&mut found)?;
        if found != descriptor {
            return Err(damaged("the record after its bytes is not as it was written"));
        }
        Ok(())
    }

    /// Whether every byte before the end records is as it was written.
    pub(crate) fn bytes_match(&self) -> Result<bool, ArchiveError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(0))?;
        let (mut left, mut hasher, mut buffer) = (self.hashed_length, Hasher::new(), vec![0; CHUNK]);
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            file.read_exact(&mut buffer[..want])?;
            hasher.update(&buffer[..want]);
            left -= want as u64;
        }
        Ok(hasher.finish() == self.digest)
    }
}

fn read_directory(directory: &[u8], count: u64, directory_at: u64) -> Result<Vec<Member>, ArchiveError> {
    let mut members = Vec::new();
    let (mut at, mut position) = (0, 0);
    for number in 1..=count {
        let wrong = || damaged(format!("entry {number} of its directory is not as it was written"));
        let member = read_entry(&directory[at..]).ok_or_else(wrong)?;
        let header = member.central_header();
        if directory.get(at..at + header.len()) != Some(&header[..]) {
            return Err(wrong());
        }
        if member.offset != position {
            return Err(damaged(format!("`{}` does not begin where the member before it ends", member.name)));
        }
        position = member.end().filter(|end| *end <= directory_at).ok_or_else(wrong)?;
        at += header.len();
        members.push(member);
    }
    if at != directory.len() || position != directory_at {
        return Err(damaged("there are bytes that belong to no member"));
    }
    Ok(members)
}

/// Reads the fields that differ between members; the caller compares the rest with what they should be.
pub(super) fn read_entry(bytes: &[u8]) -> Option<Member> {
    if u32_at(bytes, 0)? != CENTRAL {
        return None;
    }
    let name_length = usize::from(u16_at(bytes, 28)?);
    let extra_length = u16_at(bytes, 30)?;
    if name_length > MAX_NAME {
        return None;
    }
    let name = std::str::from_utf8(bytes.get(CENTRAL_LEN..CENTRAL_LEN + name_length)?).ok()?.to_owned();
    let crc = u32_at(bytes, 16)?;
    if extra_length > 0 {
        let extra = bytes.get(CENTRAL_LEN + name_length..)?;
        let (size, compressed, offset) = (u64_at(extra, 4)?, u64_at(extra, 12)?, u64_at(extra, 20)?);
        return Some(Member { name, size, crc, compressed, offset });
    }
    Some(Member {
        name,
        size: u64::from(u32_at(bytes, 24)?),
        crc,
        compressed: u64::from(u32_at(bytes, 20)?),
        offset: u64::from(u32_at(bytes, 42)?),
    })
}

fn stated_digest(end: &[u8]) -> Option<Digest> {
    let digits = end.get(end.len().checked_sub(64)?..)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn read_at(file: &mut File, offset: u64, length: u64) -> Result<Vec<u8>, ArchiveError> {
    let length = usize::try_from(length).map_err(|_| damaged("a record is larger than memory"))?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(damaged("it ends too early")),
        Err(error) => Err(error.into()),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
