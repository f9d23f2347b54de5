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
    ($folder:literal, $path:literal, $content_type:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            body: include_str!(concat!("../assets/", $folder, "/", $path)),
        }
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

static PAGE: Asset = asset!("index.html", HTML);

static ASSETS: [Asset; 34] = [
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("axis.js", SCRIPT),
    asset!("canaries.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("drift.js", SCRIPT),
    asset!("encoder.js", SCRIPT),
    asset!("evidence.js", SCRIPT),
    asset!("feed.js", SCRIPT),
    asset!("fleet.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
    asset!("incidents.js", SCRIPT),
    asset!("lanes.js", SCRIPT),
    asset!("layout.css", CSS),
    asset!("map.js", SCRIPT),
    asset!("novel.js", SCRIPT),
    asset!("parts.css", CSS),
    asset!("past.js", SCRIPT),
    asset!("pipeline.js", SCRIPT),
    asset!("quality.js", SCRIPT),
    asset!("route.js", SCRIPT),
    asset!("signals.js", SCRIPT),
    asset!("sparkline.js", SCRIPT),
    asset!("states.js", SCRIPT),
    asset!("store.js", SCRIPT),
    asset!("task.js", SCRIPT),
    asset!("tip.js", SCRIPT),
    asset!("tokens.css", CSS),
    asset!("views.css", CSS),
    asset!("vendor", "uPlot.LICENSE", TEXT),
    asset!("vendor", "uPlot.iife.min.js", SCRIPT),
    asset!("vendor", "uPlot.min.css", CSS),
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
    use sha2::{Digest, Sha256};
    use std::fmt::Write;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(folder).expect("the assets folder is part of the crate");
            entries
                .map(|entry| entry.expect("readable"))
                .filter(|entry| entry.path().is_file())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                // The page itself, and what is said about files of others.
                .filter(|name| name != "index.html" && name != "README.md")
                .collect()
        };
        let mut files = [names(folder), names(&format!("{folder}/vendor"))].concat();
        files.sort();
        let mut embedded: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        embedded.sort_unstable();
        assert_eq!(embedded, files);
    }

    #[test]
    fn the_page_names_nothing_outside_itself() {
        // Names, not addresses: of a format, and of where a file of others comes from.
        let allowed = ["http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"];
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

    #[test]
    fn files_of_others_are_as_they_were_published() {
        let told = include_str!("../assets/vendor/README.md");
        let vendored = ASSETS.iter().filter(|asset| asset.path.starts_with("uPlot"));
        for asset in vendored {
            let digest = Sha256::digest(asset.body.as_bytes());
            let hex = digest.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("memory takes it");
                hex
            });
            assert!(
                told.contains(&format!("| `{}` | `{hex}` |", asset.path)),
                "{} is {hex}, and assets/vendor/README.md says otherwise",
                asset.path
            );
        }
    }
}
