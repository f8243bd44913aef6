//! Pages, fonts and the list of chapters as the objects of a PDF file.

use super::drawing::{HEIGHT, WIDTH};
use super::flow::Laid;
use super::fonts::Used;
use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Hands out object numbers.
struct Numbers(i32);

impl Numbers {
    const fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// The file.
pub(super) fn assemble(laid: Laid, title: &str, author: &str) -> Result<Vec<u8>, String> {
    let mut pdf = Pdf::new();
    let mut numbers = Numbers(0);
    let (catalog, tree, information, outline) = (numbers.next(), numbers.next(), numbers.next(), numbers.next());
    let regular = font(&mut pdf, &mut numbers, &laid.fonts.regular, "AAAAAA+DejaVuSans")?;
    let bold = font(&mut pdf, &mut numbers, &laid.fonts.bold, "AAAAAB+DejaVuSans-Bold")?;

    let pages: Vec<Ref> = laid.pages.iter().map(|_| numbers.next()).collect();
    for (page, id) in laid.pages.into_iter().zip(&pages) {
        let content = numbers.next();
        let mut out = pdf.page(*id);
        out.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content);
        out.resources().fonts().pair(Name(b"R"), regular).pair(Name(b"B"), bold);
        out.finish();
        let drawn = compress_to_vec_zlib(&page.content.finish(), 6);
        pdf.stream(content, &drawn).filter(Filter::FlateDecode);
    }
    let count = i32::try_from(pages.len()).map_err(|_| "the report has too many pages".to_owned())?;
    pdf.pages(tree).kids(pages.iter().copied()).count(count);

    let items: Vec<Ref> = laid.chapters.iter().map(|_| numbers.next()).collect();
    for (at, (chapter, id)) in laid.chapters.iter().zip(&items).enumerate() {
        let mut item = pdf.outline_item(*id);
        item.title(TextStr(&chapter.title)).parent(outline);
        if let Some(before) = at.checked_sub(1).and_then(|before| items.get(before)) {
            item.prev(*before);
        }
        if let Some(after) = items.get(at + 1) {
            item.next(*after);
        }
        if let Some(page) = pages.get(chapter.page) {
            item.dest().page(*page).xyz(0.0, HEIGHT - chapter.y + 12.0, None);
        }
    }
    if let (Some(first), Some(last)) = (items.first(), items.last()) {
        pdf.outline(outline).first(*first).last(*last).count(i32::try_from(items.len()).unwrap_or(0));
    }

    pdf.document_info(information).title(TextStr(title)).author(TextStr(author));
    let mut root = pdf.catalog(catalog);
    root.pages(tree).lang(TextStr("en-GB"));
    if !items.is_empty() {
        root.outlines(outline);
    }
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    Ok(pdf.finish())
}

/// The glyphs that are used, and how to read them back as text.
fn font(pdf: &mut Pdf, numbers: &mut Numbers, used: &Used, name: &str) -> Result<Ref, String> {
    let (id, descendant, descriptor, unicode, data) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next(), numbers.next());
    let name = Name(name.as_bytes());
    pdf.type0_font(id)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(descendant)
        .to_unicode(unicode);

    let mut cid = pdf.cid_font(descendant);
    cid.subtype(CidFontType::Type2).base_font(name).system_info(SYSTEM).font_descriptor(descriptor);
    cid.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid.widths();
    for (glyph, (_, width)) in &used.glyphs {
        widths.consecutive(*glyph, [*width]);
    }
    widths.finish();
    cid.finish();

    let (face, scale) = (&used.face, used.scale());
    let bounds = face.global_bounding_box();
    let scaled = |value: i16| f32::from(value) * scale;
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(scaled(bounds.x_min), scaled(bounds.y_min), scaled(bounds.x_max), scaled(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(scaled(face.ascender()))
        .descent(scaled(face.descender()))
        .cap_height(face.capital_height().map_or(700.0, scaled))
        .stem_v(80.0)
        .font_file2(data);

    let mut map = UnicodeCmap::new(Name(b"Unicode"), SYSTEM);
    for (glyph, (c, _)) in &used.glyphs {
        map.pair(*glyph, *c);
    }
    pdf.cmap(unicode, &map.finish());

    let subset = subsetter::subset(used.data, 0, &used.remapper)
        .map_err(|error| format!("the report's font cannot be embedded: {error}"))?;
    let compressed = compress_to_vec_zlib(&subset, 6);
    let length = i32::try_from(subset.len()).map_err(|_| "the report's font is too large".to_owned())?;
    let mut stream = pdf.stream(data, &compressed);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), length);
    stream.finish();
    Ok(id)
}
