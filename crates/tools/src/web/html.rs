//! A page of HTML as text that can be read. Not a browser: tags are dropped, what
//! separates blocks becomes a line, entities become characters. Pure, and linear in
//! the length of the page.

/// Elements whose content nobody reads.
const SKIPPED: [&str; 7] = ["script", "style", "noscript", "svg", "template", "iframe", "object"];
/// Elements that stand on lines of their own.
const BLOCKS: [&str; 30] = [
    "p",
    "div",
    "br",
    "hr",
    "li",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "tr",
    "table",
    "thead",
    "tbody",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "header",
    "footer",
    "nav",
    "main",
    "pre",
    "blockquote",
    "title",
    "form",
];
/// Longest entity.
const ENTITY_BYTES_MAX: usize = 12;

/// The readable text of a page.
#[must_use]
pub fn to_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 4);
    let lower = html.to_ascii_lowercase();
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|found| at + found) {
        out.push_str(&decode(&html[at..open]));
        let rest = &lower[open..];
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(html.len(), |end| open + end + 3);
            continue;
        }
        let name = rest[1..].trim_start_matches('/');
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
        if name.is_empty() && !rest.starts_with("<!") && !rest.starts_with("<?") {
            // Not a tag: a text with a less-than sign.
            out.push('<');
            at = open + 1;
            continue;
        }
        let end = rest.find('>').map_or(html.len(), |end| open + end + 1);
        at = end;
        if SKIPPED.contains(&name) && !rest.starts_with("</") {
            let close = format!("</{name}");
            let skipped = lower[end..].find(&close).map_or(html.len(), |found| end + found);
            at = lower[skipped..].find('>').map_or(html.len(), |found| skipped + found + 1);
        } else if BLOCKS.contains(&name) {
            out.push('\n');
            if name == "li" && !rest.starts_with("</") {
                out.push_str("- ");
            }
        } else if matches!(name, "td" | "th") {
            out.push(' ');
        }
    }
    out.push_str(&decode(&html[at..]));
    tidy(&out)
}

/// Runs of blanks become one, runs of empty lines too.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_gap = true;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || words == ["-"] {
            if !is_gap {
                out.push('\n');
            }
            is_gap = true;
            continue;
        }
        out.push_str(&words.join(" "));
        out.push('\n');
        is_gap = false;
    }
    out.trim_end().to_owned()
}

fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let window = &rest[..rest.floor_char_boundary(ENTITY_BYTES_MAX)];
        match window.find(';').and_then(|end| Some((end, entity(&window[1..end])?))) {
            Some((end, character)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || *c == '\n');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "laquo" => '«',
        "raquo" => '»',
        "copy" => '©',
        "bull" | "middot" => '·',
        "rarr" => '→',
        "larr" => '←',
        "times" => '×',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_reads_like_text() {
        let page = "<!DOCTYPE html><html><head><title>A &amp; B</title><style>x{}</style><script>if(a<b){}</script>\
                    <!-- <p>no</p> --></head><body><h1>Head</h1><p>One\n  two &lt;3 &#8364; &#x41;&unknown; &</p>\
                    <ul><li>a<li>b</ul><table><tr><td>x</td><td>y</td></tr></table>1 < 2</body>";
        assert_eq!(to_text(page), "A & B\n\nHead\n\nOne\ntwo <3 € A&unknown; &\n\n- a\n- b\n\nx y\n\n1 < 2");
        assert_eq!(to_text("<script>never closed"), "");
        assert_eq!(to_text("é<"), "é<");
        assert_eq!(to_text("<b"), "");
        assert_eq!(to_text("&éééééééééééé;"), "&éééééééééééé;");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn no_page_breaks_it(page in "(<|>|/|!|-|script|p|&|;|#|x|İ|é|\\PC|\n){0,60}") {
            let _ = to_text(&page);
        }
    }
}
