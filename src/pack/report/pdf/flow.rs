//! Blocks one below the other, page after page.

use super::super::blocks::{Block, Figure, Line, Span, Table, Tone};
use super::super::calendar::{Calendar, Day, Month};
use super::drawing::{
    BAD, BAD_GROUND, GOOD, GOOD_GROUND, HEIGHT, INK, LINE, LINK, PANEL, Page, SOFT, UNSURE, UNSURE_GROUND, WIDTH,
};
use super::fonts::{Colour, Fonts, Glyph, Style, wrap};
use std::collections::BTreeMap;

const LEFT: f32 = 48.0;
const TOP: f32 = 54.0;
const BOTTOM: f32 = HEIGHT - 58.0;
const INNER: f32 = WIDTH - 2.0 * LEFT;
/// Height of a line, in sizes.
const LEADING: f32 = 1.42;
const BODY: f32 = 9.0;
const CELL: f32 = 7.6;
const PAD: f32 = 3.5;
/// Lines of a row that a page is sure to hold under a table's head.
const WHOLE_PAGE: usize = 61;

/// A chapter's place, for the list of chapters beside the pages.
pub(super) struct Chapter {
    pub(super) title: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// A document under construction.
pub(super) struct Flow {
    pub(super) fonts: Fonts,
    pages: Vec<Page>,
    chapters: Vec<Chapter>,
    y: f32,
    running: String,
}

/// A document laid out.
pub(super) struct Laid {
    pub(super) fonts: Fonts,
    pub(super) pages: Vec<Page>,
    pub(super) chapters: Vec<Chapter>,
}

const fn style(size: f32, colour: Colour) -> Style {
    Style { bold: false, size, colour }
}

const fn bold(size: f32, colour: Colour) -> Style {
    Style { bold: true, size, colour }
}

const fn colour(tone: Tone) -> Colour {
    match tone {
        Tone::Good => GOOD,
        Tone::Bad => BAD,
        Tone::Unsure => UNSURE,
        Tone::Plain => SOFT,
    }
}

impl Flow {
    /// An empty document; `running` stands at the foot of every page.
    pub(super) fn new(running: &str) -> Result<Self, String> {
        Ok(Self {
            fonts: Fonts::new()?,
            pages: vec![Page::new()],
            chapters: Vec::new(),
            y: TOP,
            running: running.to_owned(),
        })
    }

    fn page(&mut self) -> &mut Page {
        if self.pages.is_empty() {
            self.pages.push(Page::new());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn turn(&mut self) {
        self.pages.push(Page::new());
        self.y = TOP;
    }

    /// Turns the page unless `height` still fits.
    fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.turn();
        }
    }

    fn shape(&mut self, line: &Line, base: Style) -> Vec<Glyph> {
        let mut glyphs = Vec::new();
        for span in line {
            let (words, style) = match span {
                Span::Text(words) => (words, base),
                Span::Strong(words) => (words, Style { bold: true, ..base }),
                Span::Code(words) => (words, Style { size: base.size * 0.95, ..base }),
                Span::Mark(tone, words) => (words, Style { bold: true, colour: colour(*tone), ..base }),
                Span::Link(words, _) => (words, Style { colour: LINK, ..base }),
            };
            self.fonts.shape(words, style, &mut glyphs);
        }
        glyphs
    }

    fn lines(&mut self, words: &str, style: Style, width: f32) -> Vec<Vec<Glyph>> {
        let mut glyphs = Vec::new();
        self.fonts.shape(words, style, &mut glyphs);
        wrap(&glyphs, width)
    }

    /// Draws lines from the top of the free space, turning pages between them.
    fn draw(&mut self, lines: &[Vec<Glyph>], x: f32, size: f32) {
        for line in lines {
            self.room(size * LEADING);
            let y = self.y + size * 1.05;
            self.page().text(x, y, line);
            self.y += size * LEADING;
        }
    }

    /// The head of the first page.
    pub(super) fn title(&mut self, title: &str, subtitle: &str) {
        self.y += 30.0;
        let lines = self.lines(title, bold(22.0, INK), INNER);
        self.draw(&lines, LEFT, 22.0);
        self.y += 4.0;
        let lines = self.lines(subtitle, style(11.0, SOFT), INNER);
        self.draw(&lines, LEFT, 11.0);
        self.y += 8.0;
        let y = self.y;
        self.page().line((LEFT, y), (LEFT + INNER, y), 1.2, INK);
        self.y += 16.0;
    }

    /// Draws blocks, a heading on the page of what follows it.
    pub(super) fn blocks(&mut self, blocks: &[Block]) {
        for (at, block) in blocks.iter().enumerate() {
            match (block, blocks.get(at + 1)) {
                (Block::Heading(level, words), Some(Block::Table(table))) => {
                    let opening = self.opening(table);
                    self.heading(*level, words, opening);
                }
                _ => self.block(block),
            }
        }
    }

    /// Draws a block.
    pub(super) fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(level, words) => self.heading(*level, words, 0.0),
            Block::Text(line) => {
                let glyphs = self.shape(line, style(BODY, INK));
                let lines = wrap(&glyphs, INNER);
                self.draw(&lines, LEFT, BODY);
                self.y += 5.0;
            }
            Block::Notice(line) => self.notice(line),
            Block::List(items) => self.list(items),
            Block::Pairs(pairs) => self.pairs(pairs),
            Block::Figures(figures) => self.figures(figures),
            Block::Table(table) => self.table(table),
            Block::Calendar(calendar) => self.calendar(calendar),
            Block::Code(lines) => self.code(lines),
        }
    }

    /// A heading with room for `after` beneath it.
    fn heading(&mut self, level: u8, words: &str, after: f32) {
        if level > 2 {
            let lines = self.lines(words, bold(10.5, INK), INNER);
            // a heading is never the last thing on a page
            self.room(11.0 + f32::from(u16::try_from(lines.len()).unwrap_or(9)) * 15.0 + after.max(42.0));
            self.y += 8.0;
            self.draw(&lines, LEFT, 10.5);
            self.y += 3.0;
            return;
        }
        // what is before the first chapter is the cover
        if self.chapters.is_empty() {
            self.turn();
        } else {
            self.room(165.0_f32.max(60.0 + after));
            if self.y > TOP {
                self.y += 16.0;
                let y = self.y;
                self.page().line((LEFT, y), (LEFT + INNER, y), 0.6, LINE);
                self.y += 10.0;
            }
        }
        self.chapters.push(Chapter { title: words.to_owned(), page: self.pages.len() - 1, y: self.y });
        let lines = self.lines(words, bold(14.5, INK), INNER);
        self.draw(&lines, LEFT, 14.5);
        self.y += 5.0;
    }

    /// A box that is not overlooked.
    pub(super) fn notice(&mut self, line: &Line) {
        let glyphs = self.shape(line, style(BODY, UNSURE));
        let lines = wrap(&glyphs, INNER - 24.0);
        let height = height_of(&lines, BODY) + 12.0;
        self.room(height);
        let y = self.y;
        let page = self.page();
        page.fill(LEFT, y, INNER, height, UNSURE_GROUND);
        page.fill(LEFT, y, 3.0, height, UNSURE);
        self.y += 6.0;
        self.draw(&lines, LEFT + 12.0, BODY);
        self.y += 12.0;
    }

    fn list(&mut self, items: &[Line]) {
        for item in items {
            let glyphs = self.shape(item, style(BODY, INK));
            let lines = wrap(&glyphs, INNER - 14.0);
            self.room(BODY * LEADING);
            let bullet = self.lines("•", style(BODY, SOFT), 20.0);
            let y = self.y + BODY * 1.05;
            if let Some(bullet) = bullet.first() {
                self.page().text(LEFT + 2.0, y, bullet);
            }
            self.draw(&lines, LEFT + 14.0, BODY);
            self.y += 2.0;
        }
        self.y += 4.0;
    }

    fn pairs(&mut self, pairs: &[(String, Line)]) {
        let left = 118.0;
        for (name, value) in pairs {
            let names = self.lines(name, bold(BODY - 0.5, SOFT), left - 10.0);
            let glyphs = self.shape(value, style(BODY, INK));
            let values = wrap(&glyphs, INNER - left);
            let height = height_of(&names, BODY).max(height_of(&values, BODY));
            self.room(height.min(BOTTOM - TOP));
            let top = self.y;
            let pages = self.pages.len();
            self.draw(&names, LEFT, BODY);
            if self.pages.len() == pages {
                self.y = top;
            }
            self.draw(&values, LEFT + left, BODY);
            if self.pages.len() == pages {
                self.y = top + height;
            }
            self.y += 2.5;
            let y = self.y;
            self.page().line((LEFT, y), (LEFT + INNER, y), 0.4, LINE);
            self.y += 2.5;
        }
        self.y += 5.0;
    }

    fn figures(&mut self, figures: &[Figure]) {
        let (gap, height) = (8.0, 44.0);
        let width = (INNER - 3.0 * gap) / 4.0;
        for row in figures.chunks(4) {
            self.room(height + gap);
            let mut x = LEFT;
            for figure in row {
                let y = self.y;
                self.page().fill(x, y, width, height, PANEL);
                let number = self.lines(&figure.number, bold(16.0, colour(figure.tone)), width);
                let label = self.lines(&figure.label, style(8.0, SOFT), width);
                let page = self.page();
                page.fill(x, y, 2.5, height, colour(figure.tone));
                if let Some(line) = number.first() {
                    page.text(x + 10.0, y + 21.0, line);
                }
                if let Some(line) = label.first() {
                    page.text(x + 10.0, y + 35.0, line);
                }
                x += width + gap;
            }
            self.y += height + gap;
        }
        self.y += 4.0;
    }

    fn table(&mut self, table: &Table) {
        let (widths, head) = self.columns(table);
        let opening = self.opening(table);
        self.room(opening);
        self.head(&head, &widths);
        for row in &table.rows {
            let cells = self.shaped(row, &widths);
            self.row(&cells, &widths, &head);
        }
        self.y += 8.0;
    }

    /// Height of a table's head and of what of its first row stays with it.
    fn opening(&mut self, table: &Table) -> f32 {
        let (widths, head) = self.columns(table);
        let first = table.rows.first().map(|row| self.shaped(row, &widths)).unwrap_or_default();
        let lines = first.iter().map(Vec::len).max().unwrap_or(0);
        let together = if lines > WHOLE_PAGE { 4 } else { lines };
        let row = f32::from(u16::try_from(together).unwrap_or(u16::MAX)) * CELL * LEADING + 2.0 * PAD;
        (head_height(&head) + row + 1.0).max(70.0)
    }

    fn shaped(&mut self, row: &[Line], widths: &[f32]) -> Vec<Vec<Vec<Glyph>>> {
        row.iter()
            .zip(widths)
            .map(|(cell, width)| {
                let glyphs = self.shape(cell, style(CELL, INK));
                wrap(&glyphs, width - 2.0 * PAD)
            })
            .collect()
    }

    /// Widths of a table's columns, and their titles.
    fn columns(&mut self, table: &Table) -> (Vec<f32>, Vec<Vec<Vec<Glyph>>>) {
        let whole: f32 = table.columns.iter().map(|column| f32::from(column.share)).sum();
        let widths: Vec<f32> =
            table.columns.iter().map(|column| INNER * f32::from(column.share) / whole.max(1.0)).collect();
        let head: Vec<Vec<Vec<Glyph>>> = table
            .columns
            .iter()
            .zip(&widths)
            .map(|(column, width)| self.lines(column.title, bold(CELL, SOFT), width - 2.0 * PAD))
            .collect();
        (widths, head)
    }

    fn head(&mut self, head: &[Vec<Vec<Glyph>>], widths: &[f32]) {
        let height = head_height(head);
        let y = self.y;
        self.page().fill(LEFT, y, INNER, height, PANEL);
        self.cells(head, widths, 0, usize::MAX);
        self.y += height;
    }

    /// A row stays together where a page holds it; else it goes on under the header on the next.
    fn row(&mut self, cells: &[Vec<Vec<Glyph>>], widths: &[f32], head: &[Vec<Vec<Glyph>>]) {
        let leading = CELL * LEADING;
        let count = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut from = 0;
        while from < count {
            let fits = lines_in(BOTTOM - self.y - 2.0 * PAD, leading);
            let rest = count - from;
            if fits < rest && (rest <= WHOLE_PAGE || fits < 4) && self.y > TOP + 40.0 {
                self.turn();
                self.head(head, widths);
                continue;
            }
            let now = rest.min(fits.max(1));
            self.cells(cells, widths, from, now);
            self.y += f32::from(u16::try_from(now).unwrap_or(u16::MAX)) * leading + 2.0 * PAD;
            let y = self.y;
            self.page().line((LEFT, y), (LEFT + INNER, y), 0.4, LINE);
            from += now;
        }
    }

    fn cells(&mut self, cells: &[Vec<Vec<Glyph>>], widths: &[f32], from: usize, count: usize) {
        let (mut x, top) = (LEFT, self.y + PAD);
        for (cell, width) in cells.iter().zip(widths) {
            let mut y = top;
            for line in cell.iter().skip(from).take(count) {
                self.page().text(x + PAD, y + CELL * 1.05, line);
                y += CELL * LEADING;
            }
            x += width;
        }
    }

    fn code(&mut self, words: &str) {
        let size = 7.6;
        let lines = self.lines(words, style(size, INK), INNER - 20.0);
        let height = height_of(&lines, size) + 12.0;
        self.room(height.min(200.0));
        if self.y + height <= BOTTOM {
            let y = self.y;
            self.page().fill(LEFT, y, INNER, height, PANEL);
        }
        self.y += 6.0;
        self.draw(&lines, LEFT + 10.0, size);
        self.y += 11.0;
    }

    fn calendar(&mut self, calendar: &Calendar) {
        self.room(40.0);
        let mut x = LEFT;
        for day in Day::ALL {
            let y = self.y;
            self.day(x, y, day);
            let words = self.lines(day.meaning(), style(7.6, INK), INNER);
            if let Some(line) = words.first() {
                self.page().text(x + 15.0, y + 8.6, line);
                x += 30.0 + line.iter().map(|glyph| glyph.advance).sum::<f32>();
            }
        }
        self.y += 18.0;
        for month in &calendar.months {
            let rows: Vec<usize> = (0..calendar.sources.len()).collect();
            // more sources than a page has rows for go on beneath
            for part in rows.chunks(48) {
                self.month(calendar, month, part);
            }
        }
        self.y += 4.0;
    }

    fn month(&mut self, calendar: &Calendar, month: &Month, rows: &[usize]) {
        let (label, step) = (122.0, 12.2);
        let height = 14.0 + f32::from(u16::try_from(rows.len()).unwrap_or(0)) * step + 8.0;
        self.room(height);
        let name = self.lines(&month.name, bold(7.6, SOFT), label);
        let y = self.y;
        if let Some(line) = name.first() {
            self.page().text(LEFT, y + 9.0, line);
        }
        for day in (1..=month.days).filter(|day| *day == 1 || day % 5 == 0) {
            let words = self.lines(&day.to_string(), style(6.5, SOFT), 30.0);
            if let Some(line) = words.first() {
                self.page().text(LEFT + label + (f32::from(day) - 1.0) * step, y + 9.0, line);
            }
        }
        self.y += 14.0;
        for row in rows {
            let (Some(source), Some(days)) = (calendar.sources.get(*row), month.rows.get(*row)) else { continue };
            let shown: String = source.chars().take(24).collect();
            let shown = if shown == *source { shown } else { format!("{shown}…") };
            let words = self.lines(&shown, style(7.6, INK), 1000.0);
            let y = self.y;
            if let Some(line) = words.first() {
                self.page().text(LEFT, y + 8.4, line);
            }
            let known: BTreeMap<u8, Day> = days.iter().map(|cell| (cell.day, cell.what)).collect();
            for day in 1..=month.days {
                let x = LEFT + label + (f32::from(day) - 1.0) * step;
                match known.get(&day) {
                    Some(what) => self.day(x, y, *what),
                    None => self.page().frame(x, y, 10.0, 10.0, LINE),
                }
            }
            self.y += step;
        }
        self.y += 8.0;
    }

    fn day(&mut self, x: f32, y: f32, day: Day) {
        let page = self.page();
        let size = 10.0;
        match day {
            Day::Whole => page.fill(x, y, size, size, GOOD),
            Day::Partly => {
                page.fill(x, y, size, size, UNSURE_GROUND);
                page.fill(x, y + size / 2.0, size, size / 2.0, UNSURE);
                page.frame(x, y, size, size, UNSURE);
            }
            Day::Gap => {
                page.fill(x, y, size, size, BAD_GROUND);
                page.frame(x, y, size, size, BAD);
                page.line((x + 2.8, y + 2.8), (x + 7.2, y + 7.2), 1.1, BAD);
                page.line((x + 7.2, y + 2.8), (x + 2.8, y + 7.2), 1.1, BAD);
            }
            Day::Unscheduled => {
                page.fill(x, y, size, size, GOOD_GROUND);
                page.frame(x, y, size, size, GOOD);
                page.fill(x + 3.2, y + 3.2, 3.6, 3.6, GOOD);
            }
        }
    }

    /// Numbers the pages.
    pub(super) fn finish(mut self) -> Laid {
        let count = self.pages.len();
        let running = self.running.clone();
        for number in 0..count {
            let words = self.lines(&running, style(7.0, SOFT), INNER - 80.0);
            let place = self.lines(&format!("{} of {count}", number + 1), style(7.0, SOFT), 80.0);
            let page = &mut self.pages[number];
            page.line((LEFT, HEIGHT - 42.0), (LEFT + INNER, HEIGHT - 42.0), 0.4, LINE);
            if let Some(line) = words.first() {
                page.text(LEFT, HEIGHT - 30.0, line);
            }
            if let Some(line) = place.first() {
                let width: f32 = line.iter().map(|glyph| glyph.advance).sum();
                page.text(LEFT + INNER - width, HEIGHT - 30.0, line);
            }
        }
        Laid { fonts: self.fonts, pages: self.pages, chapters: self.chapters }
    }
}

fn head_height(head: &[Vec<Vec<Glyph>>]) -> f32 {
    head.iter().map(|cell| height_of(cell, CELL)).fold(0.0, f32::max) + 2.0 * PAD
}

fn height_of(lines: &[Vec<Glyph>], size: f32) -> f32 {
    f32::from(u16::try_from(lines.len()).unwrap_or(u16::MAX)) * size * LEADING
}

/// Whole lines in `height`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a page has few lines, and never fewer than none"
)]
fn lines_in(height: f32, leading: f32) -> usize {
    (height / leading).floor().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::super::super::blocks::{heading, plain, table};
    use super::*;

    /// Where a heading and a table of one row end that begin at `y`, and on how many pages.
    fn end(level: u8, y: f32, row: &str) -> (usize, f32) {
        let mut flow = Flow::new("t").unwrap();
        // what is before the first chapter is the cover
        flow.block(&heading(2, "before"));
        flow.y = y;
        let before = flow.pages.len();
        flow.blocks(&[heading(level, "Findings"), table(&[("why", 100)], vec![vec![plain(row)]])]);
        (flow.pages.len() - before, flow.y)
    }

    #[test]
    fn a_heading_and_the_head_of_a_table_are_on_the_page_of_its_first_row() {
        let lines = |count: usize| vec!["line"; count].join("\n");
        for (level, row) in [(3, lines(1)), (3, lines(9)), (2, lines(1)), (2, lines(30)), (3, lines(50))] {
            let (_, fresh) = end(level, TOP, &row);
            let mut turned = 0;
            let mut y = TOP + 40.0;
            while y < BOTTOM {
                let (pages, ends) = end(level, y, &row);
                if pages > 0 {
                    turned += 1;
                    assert_eq!((pages, ends), (1, fresh), "begun at {y}: the heading went along");
                }
                y += 3.0;
            }
            assert!(turned > 3);
        }
    }

    #[test]
    fn a_page_holds_the_lines_that_are_kept_together() {
        assert!(WHOLE_PAGE <= lines_in(BOTTOM - TOP - 60.0, CELL * LEADING));
    }
}
