//! The page of promises: whole, without a script, closed to nobody, and of nobody.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use clerestory_api::Origins;
use clerestory_testkit::Installation;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

const PROMISES: &str = include_str!("../../../../policies/promises.toml");

async fn get(installation: &Installation, path: &str) -> Response<Body> {
    let origins = Origins {
        console: "https://console.example".to_owned(),
        content: "https://content.example".to_owned(),
        shop: None,
    };
    let request = Request::get(path).header(header::HOST, "console.example").body(Body::empty()).unwrap();
    installation.service_at(origins).oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The text of a page as its reader sees it.
fn read(html: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            other if !inside => plain.push(other),
            _ => {}
        }
    }
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(plain, |text, (written, meant)| text.replace(written, meant))
}

#[tokio::test]
async fn the_page_says_every_promise_with_its_state_and_its_tests() {
    let installation = Installation::new().await;
    let html = text(get(&installation, "/trust").await).await;
    let page = read(&html);
    let promises: toml::Table = toml::from_str(PROMISES).unwrap();
    let promises = promises["promise"].as_array().unwrap();
    for promise in promises {
        assert!(page.contains(promise["sentence"].as_str().unwrap()), "{promise:?}");
        if let Some(missing) = promise.get("missing") {
            assert!(page.contains(missing.as_str().unwrap()), "{promise:?}");
        }
        for test in promise.get("tests").and_then(toml::Value::as_array).into_iter().flatten() {
            assert!(page.contains(test.as_str().unwrap()), "{test:?}");
        }
    }
    for state in ["kept", "partly", "planned"] {
        let of_it = promises.iter().filter(|promise| promise["state"].as_str() == Some(state)).count();
        assert_eq!(html.matches(&format!("<li class=\"{state}\">")).count(), of_it, "{state}");
    }
    let json: Value = serde_json::from_str(&text(get(&installation, "/trust.json").await).await).unwrap();
    assert_eq!(json["promises"].as_array().unwrap().len(), promises.len());
    let counted: u64 = ["kept", "partly", "planned"].iter().map(|state| json[state].as_u64().unwrap()).sum();
    assert_eq!(counted, promises.len() as u64);
    assert!(json["limits"].as_array().unwrap().iter().all(|limit| page.contains(limit.as_str().unwrap())));
}

#[tokio::test]
async fn it_needs_no_session_and_runs_nothing() {
    let installation = Installation::new().await;
    for path in ["/trust", "/trust.json", "/trust.css"] {
        let response = get(&installation, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{path}: {policy}");
        assert!(!response.headers().contains_key(header::SET_COOKIE), "{path}");
    }
    let html = text(get(&installation, "/trust").await).await.to_lowercase();
    for runs in ["<script", "javascript:", "onclick", "onload", "style=\"", "http://", "https://"] {
        assert!(!html.contains(runs), "{runs}");
    }
    let nobody = installation.anonymous();
    assert_eq!(nobody.post("/trust", Value::Null).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let content = nobody.of_host("127.0.0.1:8700").get("/trust").await;
    assert_eq!(content.status, StatusCode::TEMPORARY_REDIRECT, "the content host has nothing of its own");
}

/// It is about the program: nothing of an installation's people, organisations or logs is read for it.
#[tokio::test]
async fn it_leaves_no_entry() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let head = admin.get("/api/v1/audit?limit=1").await.ok()["head"]["number"].as_u64().unwrap();
    text(get(&installation, "/trust").await).await;
    text(get(&installation, "/trust.json").await).await;
    let after = admin.get("/api/v1/audit?limit=1").await.ok()["head"]["number"].as_u64().unwrap();
    assert_eq!(after, head + 1, "the reading of the log itself");
}
