//! The bytes of the headers (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3), built the same way for writing and for comparing.

use model::Digest;

pub(super) const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
pub(super) const CENTRAL: u32 = 0x0201_4b50;
pub(super) const END: u32 = 0x0605_4b50;
pub(super) const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

/// Lengths of the fixed parts.
pub(super) const CENTRAL_LEN: usize = 46;
pub(super) const END_LEN: u64 = 22;
pub(super) const END64_LEN: u64 = 56;
pub(super) const LOCATOR64_LEN: u64 = 20;

/// Sizes from which a member is written with 64-bit sizes; below it the compressed size stays under 2^32 as well.
pub(super) const LARGE: u64 = 0xf000_0000;

const MAX32: u64 = 0xffff_ffff;
const MAX16: u64 = 0xffff;
const COMMENT: &str = "sha256 of every byte before the end records: ";

/// Length of the archive comment: a sentence and 64 digits.
pub(super) const COMMENT_LEN: u64 = COMMENT.len() as u64 + 64;

/// The comment of an archive whose bytes before the end records have `digest`.
fn comment(digest: &Digest) -> String {
    format!("{COMMENT}{digest}")
}

/// One file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path with `/`, plain ASCII.
    pub(crate) name: String,
    /// Length of its bytes.
    pub(crate) size: u64,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) offset: u64,
}

impl Member {
    fn large(&self) -> bool {
        self.size >= LARGE
    }

    /// What stands before the member's bytes.
    pub(super) fn local_header(&self) -> Vec<u8> {
        let large = self.large();
        let mut out = Vec::with_capacity(50 + self.name.len());
        put32(&mut out, LOCAL);
        common(&mut out, large);
        put32(&mut out, 0);
        let unknown = if large { u32::MAX } else { 0 };
        put32(&mut out, unknown);
        put32(&mut out, unknown);
        put16(&mut out, u16_of(self.name.len()));
        put16(&mut out, if large { 20 } else { 0 });
        out.extend(self.name.as_bytes());
        if large {
            put16(&mut out, 1);
            put16(&mut out, 16);
            out.extend([0; 16]);
        }
        out
    }

    /// What stands after the member's bytes.
    pub(super) fn descriptor(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        put32(&mut out, DESCRIPTOR);
        put32(&mut out, self.crc);
        if self.large() {
            put64(&mut out, self.compressed);
            put64(&mut out, self.size);
        } else {
            put32(&mut out, u32_of(self.compressed));
            put32(&mut out, u32_of(self.size));
        }
        out
    }

    /// The member's entry in the central directory.
    pub(super) fn central_header(&self) -> Vec<u8> {
        let wide = self.large() || self.offset >= MAX32;
        let mut out = Vec::with_capacity(CENTRAL_LEN + self.name.len() + 28);
        put32(&mut out, CENTRAL);
        put16(&mut out, 0x032d);
        common(&mut out, wide);
        put32(&mut out, self.crc);
        put32(&mut out, if wide { u32::MAX } else { u32_of(self.compressed) });
        put32(&mut out, if wide { u32::MAX } else { u32_of(self.size) });
        put16(&mut out, u16_of(self.name.len()));
        put16(&mut out, if wide { 28 } else { 0 });
        put16(&mut out, 0);
        put16(&mut out, 0);
        put16(&mut out, 0);
        // a plain file, rw-r--r--
        put32(&mut out, 0o100_644 << 16);
        put32(&mut out, if wide { u32::MAX } else { u32_of(self.offset) });
        out.extend(self.name.as_bytes());
        if wide {
            put16(&mut out, 1);
            put16(&mut out, 24);
            put64(&mut out, self.size);
            put64(&mut out, self.compressed);
            put64(&mut out, self.offset);
        }
        out
    }

    /// The first byte after this member; none when the sizes are absurd.
    pub(super) fn end(&self) -> Option<u64> {
        let around = u64::try_from(self.local_header().len() + self.descriptor().len()).ok()?;
        self.offset.checked_add(around)?.checked_add(self.compressed)
    }
}

/// Version needed, flags (a descriptor follows), method deflate, midnight on 1 January 1980.
fn common(out: &mut Vec<u8>, wide: bool) {
    put16(out, if wide { 45 } else { 20 });
    put16(out, 0x0008);
    put16(out, 8);
    put16(out, 0);
    put16(out, 0x0021);
}

/// The records after the central directory.
pub(super) fn end_records(count: u64, offset: u64, size: u64, digest: &Digest) -> Vec<u8> {
    let mut out = Vec::new();
    let wide = needs_wide(count, offset, size);
    if wide {
        put32(&mut out, END64);
        put64(&mut out, END64_LEN - 12);
        put16(&mut out, 0x032d);
        put16(&mut out, 45);
        put32(&mut out, 0);
        put32(&mut out, 0);
        put64(&mut out, count);
        put64(&mut out, count);
        put64(&mut out, size);
        put64(&mut out, offset);
        put32(&mut out, LOCATOR64);
        put32(&mut out, 0);
        put64(&mut out, offset.saturating_add(size));
        put32(&mut out, 1);
    }
    put32(&mut out, END);
    put16(&mut out, 0);
    put16(&mut out, 0);
    let count16 = if wide { u16::MAX } else { u16_of(usize::try_from(count).unwrap_or(usize::MAX)) };
    put16(&mut out, count16);
    put16(&mut out, count16);
    put32(&mut out, if wide { u32::MAX } else { u32_of(size) });
    put32(&mut out, if wide { u32::MAX } else { u32_of(offset) });
    let comment = comment(digest);
    put16(&mut out, u16_of(comment.len()));
    out.extend(comment.as_bytes());
    out
}

/// Whether the end records need their 64-bit form.
pub(super) const fn needs_wide(count: u64, offset: u64, size: u64) -> bool {
    count >= MAX16 || offset >= MAX32 || size >= MAX32
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

// A value out of range cannot equal what was read, so a hostile header fails its comparison rather than this conversion.
fn u16_of(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn u32_of(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
