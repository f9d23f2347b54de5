//! The page's files, embedded: it works without a network and without a file beside the binary.

use axum::http::header;
use axum::response::{IntoResponse, Response};

struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
}

macro_rules! asset {
    ($path:literal, $content_type:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            body: include_str!(concat!("../assets/", $path)),
        }
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

static PAGE: Asset = asset!("index.html", HTML);

static ASSETS: [Asset; 15] = [
    asset!("app.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("drift.js", SCRIPT),
    asset!("feed.js", SCRIPT),
    asset!("fleet.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
    asset!("lanes.js", SCRIPT),
    asset!("layout.css", CSS),
    asset!("parts.css", CSS),
    asset!("quality.js", SCRIPT),
    asset!("store.js", SCRIPT),
    asset!("task.js", SCRIPT),
    asset!("tokens.css", CSS),
];

impl IntoResponse for &'static Asset {
    fn into_response(self) -> Response {
        // Revalidated each time: after an upgrade the page and its scripts must be of one version.
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.body).into_response()
    }
}

/// The page itself.
pub(crate) fn page() -> Response {
    PAGE.into_response()
}

/// A file of the page, if there is one of that name.
pub(crate) fn asset(path: &str) -> Option<Response> {
    ASSETS
        .iter()
        .find(|asset| asset.path == path)
        .map(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use super::ASSETS;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the assets folder is part of the crate")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name != "index.html")
            .collect();
        files.sort();
        let embedded: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(embedded, files);
    }

    #[test]
    fn the_page_names_nothing_outside_itself() {
        let allowed = ["http://www.w3.org/2000/svg"];
        for asset in ASSETS.iter().chain([&super::PAGE]) {
            let mut text = asset.body.to_owned();
            for name in allowed {
                text = text.replace(name, "");
            }
            assert!(
                !text.contains("http://") && !text.contains("https://"),
                "{} refers to another origin",
                asset.path
            );
        }
    }
}
