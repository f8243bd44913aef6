//! The two faces, what of them is used, and text as glyphs. A character that no face has is shown by its code point.

use super::super::html::is_override;
use std::collections::BTreeMap;
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

const REGULAR: &[u8] = include_bytes!("fonts/Sans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/Sans-Bold.ttf");

/// A colour, red, green and blue.
pub(super) type Colour = [f32; 3];

/// How a run of text is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

/// A glyph to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    /// In the face as it is embedded.
    pub(super) id: u16,
    pub(super) advance: f32,
    pub(super) style: Style,
    /// What it stands for; part of a code point's text where it stands for a character the face lacks.
    pub(super) c: char,
}

/// A face and the glyphs of it that are used.
pub(super) struct Used {
    pub(super) face: Face<'static>,
    pub(super) data: &'static [u8],
    pub(super) remapper: GlyphRemapper,
    /// The character of each embedded glyph, and its width in thousandths.
    pub(super) glyphs: BTreeMap<u16, (char, f32)>,
}

impl Used {
    fn new(data: &'static [u8]) -> Result<Self, String> {
        let face = Face::parse(data, 0).map_err(|error| format!("the report's font cannot be read: {error}"))?;
        Ok(Self { face, data, remapper: GlyphRemapper::new(), glyphs: BTreeMap::new() })
    }

    /// Widths are in thousandths of the size.
    pub(super) fn scale(&self) -> f32 {
        1000.0 / f32::from(self.face.units_per_em())
    }

    fn glyph(&mut self, c: char) -> Option<(u16, f32)> {
        let found: GlyphId = self.face.glyph_index(c).filter(|_| !is_override(c))?;
        let width = f32::from(self.face.glyph_hor_advance(found).unwrap_or(0)) * self.scale();
        let id = self.remapper.remap(found.0);
        self.glyphs.entry(id).or_insert((c, width));
        Some((id, width))
    }
}

/// Both faces.
pub(super) struct Fonts {
    pub(super) regular: Used,
    pub(super) bold: Used,
    /// Characters shown by their code points.
    pub(super) missing: u64,
}

impl Fonts {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { regular: Used::new(REGULAR)?, bold: Used::new(BOLD)?, missing: 0 })
    }

    /// Appends `text` as glyphs. A line break stays a glyph of its own, without width.
    pub(super) fn shape(&mut self, text: &str, style: Style, out: &mut Vec<Glyph>) {
        for c in text.chars() {
            let c = if c == '\t' { ' ' } else { c };
            if c == '\n' {
                out.push(Glyph { id: 0, advance: 0.0, style, c });
            } else if !self.push(c, style, out) {
                self.missing += 1;
                for part in format!("[U+{:04X}]", u32::from(c)).chars() {
                    self.push(part, style, out);
                }
            }
        }
    }

    fn push(&mut self, c: char, style: Style, out: &mut Vec<Glyph>) -> bool {
        let used = if style.bold { &mut self.bold } else { &mut self.regular };
        let Some((id, width)) = used.glyph(c) else { return false };
        out.push(Glyph { id, advance: width * style.size / 1000.0, style, c });
        true
    }
}

/// Breaks glyphs into lines of at most `width`: at spaces, else after a separator, else anywhere.
pub(super) fn wrap(glyphs: &[Glyph], width: f32) -> Vec<Vec<Glyph>> {
    let mut lines = Vec::new();
    for paragraph in glyphs.split(|glyph| glyph.c == '\n') {
        let (mut start, mut at, mut used) = (0, 0, 0.0);
        let mut good: Option<usize> = None;
        while at < paragraph.len() {
            let glyph = &paragraph[at];
            if used + glyph.advance > width && at > start && glyph.c != ' ' {
                let end = good.filter(|end| *end > start).unwrap_or(at);
                lines.push(trimmed(&paragraph[start..end]));
                start = end;
                while paragraph.get(start).is_some_and(|glyph| glyph.c == ' ') {
                    start += 1;
                }
                at = start;
                used = 0.0;
                good = None;
                continue;
            }
            used += glyph.advance;
            at += 1;
            let digit =
                |at: Option<usize>| at.and_then(|at| paragraph.get(at)).is_some_and(|glyph| glyph.c.is_ascii_digit());
            // a day and a time of day stay whole
            let joins = matches!(glyph.c, '-' | ':') && digit(at.checked_sub(2)) && digit(Some(at));
            if !joins && matches!(glyph.c, ' ' | '-' | '/' | '_' | ',' | ';' | ':' | '=' | '&' | '@' | '?') {
                good = Some(at);
            }
        }
        lines.push(trimmed(&paragraph[start..]));
    }
    lines
}

fn trimmed(line: &[Glyph]) -> Vec<Glyph> {
    let end = line.iter().rposition(|glyph| glyph.c != ' ').map_or(0, |last| last + 1);
    line[..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_breaks_between_day_and_time_only() {
        let mut fonts = Fonts::new().unwrap();
        let mut glyphs = Vec::new();
        let style = Style { bold: false, size: 10.0, colour: [0.0; 3] };
        fonts.shape("2026-11-29 10:10:41Z", style, &mut glyphs);
        let whole: f32 = glyphs.iter().map(|glyph| glyph.advance).sum();
        let lines = |width: f32| -> Vec<String> {
            wrap(&glyphs, width).iter().map(|line| line.iter().map(|glyph| glyph.c).collect()).collect()
        };
        assert_eq!(lines(whole + 1.0), ["2026-11-29 10:10:41Z"]);
        for part in [0.95, 0.8, 0.6] {
            assert_eq!(lines(whole * part), ["2026-11-29", "10:10:41Z"], "{part}");
        }
    }
}
