//! The interface: the files that `npm run build` leaves in `ui/dist`, with their
//! compressed twins. Release builds contain them, debug builds read the folder.
//!
//! Without them a page says how they are made; the server compiles and runs without
//! Node. Nothing here knows what the files are about.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::RustEmbed;

/// Nothing runs or loads but what we serve.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Names under this folder change with their content.
const HASHED: &str = "assets/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, and asked about each time.
const ASK_AGAIN: &str = "no-cache";

const INDEX: &str = "index.html";
const HTML: &str = "text/html; charset=utf-8";

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Orchestration Engine</title></head><body><h1>Orchestration Engine</h1>\
    <p>The server runs; the API is under <code>/api</code>. The interface is not part of this build. \
    Make it with <code>cd ui &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the program \
    again.</p></body></html>\n";

#[derive(RustEmbed)]
#[folder = "../../ui/dist/"]
#[allow_missing = true]
struct Built;

/// A file and what tells its versions apart.
struct File {
    bytes: Bytes,
    tag: String,
}

/// A file of the interface by its name.
fn built(name: &str) -> Option<File> {
    let file = Built::get(name)?;
    let bytes = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    };
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Some(File { bytes, tag: format!("\"{tag}\"") })
}

/// The answer to GET or HEAD of a path outside the API.
pub(crate) fn answer(path: &str, headers: &HeaderMap) -> Response {
    answer_from(&built, path, headers)
}

fn answer_from(find: &dyn Fn(&str) -> Option<File>, path: &str, headers: &HeaderMap) -> Response {
    let name = path.trim_start_matches('/');
    let is_odd = name.contains(['\\', '\0']) || name.split('/').any(|part| part.starts_with('.'));
    if is_odd {
        return crate::layers::nothing_here();
    }
    if let Some(response) = file(find, name, headers) {
        return response;
    }
    // An old page that asks for files of its time must not be given a page instead.
    if name.starts_with(HASHED) {
        return crate::layers::nothing_here();
    }
    // Every other address is one of the interface's own.
    file(find, INDEX, headers).unwrap_or_else(placeholder)
}

fn placeholder() -> Response {
    let mut response = PLACEHOLDER.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn file(find: &dyn Fn(&str) -> Option<File>, name: &str, headers: &HeaderMap) -> Option<Response> {
    let kind = kind(name)?;
    let plain = find(name)?;
    let compressed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(headers, coding))
        .find_map(|(coding, ending)| Some((coding, find(&format!("{name}.{ending}"))?)));
    let (coding, file) = compressed.map_or((None, plain), |(coding, file)| (Some(coding), file));
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| {
            matches!(tag.trim().trim_start_matches("W/"), "*")
                || tag.trim().trim_start_matches("W/") == file.tag
        });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.bytes).into_response()
    };
    let out = response.headers_mut();
    if let (false, Some(coding)) = (is_known, coding) {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if !is_known {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let caching = if name.starts_with(HASHED) { FOR_EVER } else { ASK_AGAIN };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if kind == HTML {
        out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    Some(response)
}

/// What a file is, by the end of its name; `None` for what is not given out under
/// its own name, such as the compressed twins.
fn kind(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "html" => HTML,
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// Whether the client takes this coding. Naming it counts more than `*`.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let mut any = false;
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        let (name, rest) = entry.split_once(';').unwrap_or((entry, ""));
        let weight =
            rest.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok());
        let is_wanted = weight.is_some_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return is_wanted,
            "*" => any = is_wanted,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 8] = [
        "index.html",
        "index.html.br",
        "index.html.gz",
        "favicon.svg",
        "assets/app-1a2b.js",
        "assets/app-1a2b.js.br",
        "assets/app-1a2b.js.gz",
        ".vite/manifest.json",
    ];

    fn find(name: &str) -> Option<File> {
        let name = *FILES.iter().find(|file| **file == name)?;
        Some(File { bytes: name.into(), tag: format!("\"{name}\"") })
    }

    /// Status and the headers that matter.
    fn get(path: &str, asked: &[(header::HeaderName, &str)]) -> (u16, [String; 5]) {
        let headers = asked.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let response = answer_from(&find, path, &headers);
        let of = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let headers = [
            of(header::CONTENT_TYPE),
            of(header::CONTENT_ENCODING),
            of(header::CACHE_CONTROL),
            of(header::ETAG),
            of(header::VARY),
        ];
        (response.status().as_u16(), headers)
    }

    #[test]
    fn the_best_compressed_twin_is_sent_that_the_client_takes() {
        for (accept, coding) in [
            ("", ""),
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("*", "br"),
            ("*;q=1, br;q=0", "gzip"),
            ("identity", ""),
            ("br;q=x", ""),
        ] {
            let (status, [kind, found, cached, tag, vary]) =
                get("/assets/app-1a2b.js", &[(header::ACCEPT_ENCODING, accept)]);
            assert_eq!((status, found.as_str()), (200, coding), "{accept}");
            assert_eq!((kind.as_str(), cached.as_str()), ("text/javascript; charset=utf-8", FOR_EVER));
            assert_eq!(vary, "Accept-Encoding");
            assert_eq!(tag.contains(".br"), coding == "br");
        }
    }

    #[test]
    fn pages_are_asked_about_each_time_and_sent_when_they_changed() {
        for path in ["/", "/index.html", "/project/p1/run", "/health", "/a.b"] {
            let (status, [kind, _, cached, tag, _]) = get(path, &[]);
            assert_eq!((status, kind.as_str(), cached.as_str()), (200, HTML, ASK_AGAIN), "{path}");
            assert_eq!(get(path, &[(header::IF_NONE_MATCH, "\"old\"")]).0, 200);
            let (status, again) = get(path, &[(header::IF_NONE_MATCH, &format!("\"old\", W/{tag}"))]);
            assert_eq!((status, again[3].as_str(), again[0].as_str()), (304, tag.as_str(), ""));
        }
        assert_eq!(get("/favicon.svg", &[]).1[0], "image/svg+xml");
    }

    #[test]
    fn what_is_no_file_of_ours_and_no_address_is_not_found() {
        for path in ["/.vite/manifest.json", "/assets/app-old.js", "/a/../x", "/assets/%2e%2e/x", "/..\\x"] {
            assert_eq!(get(path, &[]).0, 404, "{path}");
        }
        let twin = get("/index.html.br", &[]);
        assert_eq!(twin.1[0], HTML, "a twin has no name of its own");
    }

    #[test]
    fn without_a_build_a_page_says_how_to_make_one() {
        let response = answer_from(&|_| None, "/project/p1", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert!(PLACEHOLDER.contains("npm run build"));
    }
}
