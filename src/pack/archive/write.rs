//! Writes the archive front to back, one member at a time, in constant memory but for the directory.

use super::format::{Member, end_records};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{MZFlush, MZStatus};
use model::{Digest, Hasher};
use std::io::{self, Read, Write};

const LEVEL: i32 = 6;
const CHUNK: usize = 64 * 1024;

/// An archive under construction.
pub(crate) struct ArchiveWriter<W: Write> {
    out: W,
    hasher: Hasher,
    position: u64,
    members: Vec<Member>,
    compressor: Box<CompressorOxide>,
}

impl<W: Write> ArchiveWriter<W> {
    /// An empty archive that will be written to `out`.
    pub(crate) fn new(out: W) -> Self {
        let flags = create_comp_flags_from_zip_params(LEVEL, -15, 0);
        Self {
            out,
            hasher: Hasher::new(),
            position: 0,
            members: Vec::new(),
            compressor: Box::new(CompressorOxide::new(flags)),
        }
    }

    /// Adds `name` with exactly `size` bytes from `content`, and returns their digest.
    pub(crate) fn add(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<Digest> {
        let mut member = Member { name: name.to_owned(), size, crc: 0, compressed: 0, offset: self.position };
        self.put(&member.local_header())?;
        self.compressor.reset();
        let (mut crc, mut hasher, mut length) = (crc32fast::Hasher::new(), Hasher::new(), 0_u64);
        let mut input = vec![0; CHUNK];
        loop {
            let read = match content.read(&mut input) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = &input[..read];
            crc.update(piece);
            hasher.update(piece);
            length += read as u64;
            member.compressed += self.compress(piece, read == 0)?;
            if read == 0 {
                break;
            }
        }
        if length != size {
            return Err(io::Error::other(format!("`{name}` has {length} bytes where {size} were announced")));
        }
        member.crc = crc.finalize();
        self.put(&member.descriptor())?;
        self.members.push(member);
        Ok(hasher.finish())
    }

    /// Writes the directory and the end records, and gives the writer back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let offset = self.position;
        for member in std::mem::take(&mut self.members) {
            let header = member.central_header();
            self.put(&header)?;
            self.members.push(member);
        }
        let size = self.position - offset;
        let digest = self.hasher.clone().finish();
        let records = end_records(self.members.len() as u64, offset, size, &digest);
        self.out.write_all(&records)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn compress(&mut self, piece: &[u8], last: bool) -> io::Result<u64> {
        let flush = if last { MZFlush::Finish } else { MZFlush::None };
        let mut output = [0; 16 * 1024];
        let (mut rest, mut written) = (piece, 0);
        loop {
            if rest.is_empty() && !last {
                return Ok(written);
            }
            let result = deflate(&mut self.compressor, rest, &mut output, flush);
            rest = &rest[result.bytes_consumed..];
            self.put(&output[..result.bytes_written])?;
            written += result.bytes_written as u64;
            match result.status {
                Ok(MZStatus::StreamEnd) => return Ok(written),
                Ok(_) => {}
                Err(error) => return Err(io::Error::other(format!("compression failed: {error:?}"))),
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }
}
