//! The interface. Whether it was built is as it is on this machine; what holds for
//! files that are there, `assets.rs` tests by itself.

use reqwest::{Method, Response};

use crate::app::{App, app};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn ask(app: &App, method: Method, path: &str) -> Response {
    app.request(method, path).send().await.unwrap()
}

#[tokio::test]
async fn every_address_outside_the_api_is_a_page_under_the_policy() {
    let app = app().await;
    for path in ["/", "/login", "/project/p1/run", "/health", "/apis"] {
        let page = ask(&app, Method::GET, path).await;
        assert_eq!(
            (page.status().as_u16(), header(&page, "content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert_eq!(header(&page, "content-security-policy"), POLICY, "{path}");
        assert_eq!(header(&page, "cache-control"), "no-cache", "{path}");
        assert!(page.text().await.unwrap().contains("Orchestration"), "{path}");
        let head = ask(&app, Method::HEAD, path).await;
        assert_eq!(
            (head.status().as_u16(), header(&head, "content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert_eq!(head.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn what_is_no_page_is_refused_as_the_api_does_it() {
    let app = app().await;
    for (method, path, status) in [
        (Method::GET, "/api", 404),
        (Method::GET, "/api/", 404),
        (Method::HEAD, "/api/nothing", 404),
        (Method::GET, "/.vite/manifest.json", 404),
        (Method::GET, "/assets/gone-1a2b.js", 404),
        (Method::GET, "/assets/..%2findex.html", 404),
        (Method::POST, "/", 405),
        (Method::PUT, "/assets/x.js", 405),
        (Method::DELETE, "/project/p1", 405),
        (Method::POST, "/api/nothing", 404),
    ] {
        let answer = ask(&app, method.clone(), path).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(header(&answer, "content-type"), "application/json", "{method} {path}");
        assert_eq!(header(&answer, "content-security-policy"), "", "{method} {path}");
        let allow = if status == 405 { "GET, HEAD" } else { "" };
        assert_eq!(header(&answer, "allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn the_built_interface_is_sent_compressed_and_kept() {
    let app = app().await;
    let page = app.request(Method::GET, "/").header("accept-encoding", "br").send().await.unwrap();
    let tag = header(&page, "etag").to_owned();
    if tag.is_empty() {
        assert!(page.text().await.unwrap().contains("npm run build"), "the placeholder says how");
        return;
    }
    assert_eq!((header(&page, "content-encoding"), header(&page, "vary")), ("br", "Accept-Encoding"));
    let again = app.request(Method::GET, "/").header("accept-encoding", "br").header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);

    let plain = ask(&app, Method::GET, "/").await.text().await.unwrap();
    let (_, rest) = plain.split_once("src=\"").unwrap();
    let script = rest.split('"').next().unwrap();
    let answer = app.request(Method::GET, script).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{script}");
    assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&answer, "content-encoding"), "gzip");
    assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(answer.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}
