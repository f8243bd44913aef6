//! What a body becomes in memory once it is read: a few bytes may become many. A body that would fill the memory is refused
//! before anything reads it.

/// The most a body may become, in bytes. A page of a thousand members becomes some MiB.
pub(crate) const MOST: u64 = 64 << 20;

/// A JSON object: a map with room for eleven members.
const OBJECT: u64 = 640;
/// One more value of a JSON list or object.
const VALUE: u64 = 56;
/// A tag of XML: half an element of a list that is read into a record.
const TAG: u64 = 256;

/// An estimate from above: characters inside texts count as well.
pub(crate) fn of(body: &[u8]) -> u64 {
    let body = body.trim_ascii_start();
    let weigh: fn(u8) -> u64 = match body.first() {
        Some(b'{' | b'[') => |byte| match byte {
            b'{' => OBJECT,
            b',' | b'[' | b':' => VALUE,
            _ => 0,
        },
        Some(b'<') => |byte| if byte == b'<' { TAG } else { 0 },
        _ => return 0,
    };
    body.iter().map(|byte| weigh(*byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sources_send_is_far_from_the_most_and_what_fills_the_memory_is_beyond() {
        let member =
            r#"{"id":"00u1","status":"ACTIVE","profile":{"login":"a@example.com","firstName":"A"},"credentials":{}}"#;
        let page = format!("[{}]", vec![member; 1000].join(","));
        assert!(of(page.as_bytes()) < MOST / 16, "{}", of(page.as_bytes()));
        let users = "<member><UserName>someone</UserName><UserId>AIDA</UserId><Path>/</Path></member>".repeat(1000);
        assert!(of(format!("<R>{users}</R>").as_bytes()) < MOST / 16);
        // 1 MiB that becomes some 70
        assert!(of(format!("[{}0]", "{\"a\":1},".repeat(131_072)).as_bytes()) > MOST);
        assert!(of(format!("<R>{}</R>", "<member/>".repeat(300_000)).as_bytes()) > MOST);
        assert_eq!(of(b"login,name\na,b\n"), 0, "a table is read line by line");
    }
}
