//! Marks on a page: text, lines, boxes. Heights are counted from the top, as one reads.

use super::fonts::{Colour, Glyph};
use pdf_writer::{Content, Name, Str};

/// A4 in points.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;

pub(super) const INK: Colour = [0.11, 0.14, 0.19];
pub(super) const SOFT: Colour = [0.34, 0.38, 0.45];
pub(super) const LINE: Colour = [0.80, 0.83, 0.87];
pub(super) const PANEL: Colour = [0.95, 0.96, 0.975];
pub(super) const GOOD: Colour = [0.10, 0.42, 0.24];
pub(super) const GOOD_GROUND: Colour = [0.87, 0.95, 0.90];
pub(super) const BAD: Colour = [0.63, 0.11, 0.17];
pub(super) const BAD_GROUND: Colour = [0.98, 0.89, 0.90];
pub(super) const UNSURE: Colour = [0.48, 0.31, 0.0];
pub(super) const UNSURE_GROUND: Colour = [0.99, 0.94, 0.83];
pub(super) const LINK: Colour = [0.12, 0.31, 0.60];

/// A page under construction.
pub(super) struct Page {
    pub(super) content: Content,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { content: Content::new() }
    }

    /// A line of glyphs with its baseline at `y`.
    pub(super) fn text(&mut self, x: f32, y: f32, line: &[Glyph]) {
        let mut x = x;
        for run in line.chunk_by(|a, b| a.style == b.style) {
            let Some(first) = run.first() else { continue };
            let bytes: Vec<u8> = run.iter().flat_map(|glyph| glyph.id.to_be_bytes()).collect();
            let [red, green, blue] = first.style.colour;
            let font = if first.style.bold { Name(b"B") } else { Name(b"R") };
            self.content
                .begin_text()
                .set_fill_rgb(red, green, blue)
                .set_font(font, first.style.size)
                .next_line(x, HEIGHT - y)
                .show(Str(&bytes))
                .end_text();
            x += run.iter().map(|glyph| glyph.advance).sum::<f32>();
        }
    }

    /// A filled box whose upper left corner is at `x`, `y`.
    pub(super) fn fill(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        let [red, green, blue] = colour;
        self.content.set_fill_rgb(red, green, blue).rect(x, HEIGHT - y - height, width, height).fill_nonzero();
    }

    /// The outline of a box.
    pub(super) fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        let [red, green, blue] = colour;
        self.content
            .set_stroke_rgb(red, green, blue)
            .set_line_width(0.6)
            .rect(x, HEIGHT - y - height, width, height)
            .stroke();
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: Colour) {
        let [red, green, blue] = colour;
        self.content
            .set_stroke_rgb(red, green, blue)
            .set_line_width(width)
            .move_to(from.0, HEIGHT - from.1)
            .line_to(to.0, HEIGHT - to.1)
            .stroke();
    }
}
