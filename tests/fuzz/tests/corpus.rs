//! Every input of the corpus through every target: what was once found stays found.

use bellwether_fuzz::TARGETS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A corpus is read by people, too, and is in every clone.
const MAX_BYTES: usize = 300 << 10;

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    paths.sort();
    paths
}

#[test]
fn no_input_breaks_a_promise_of_any_decoder() {
    let folders = listed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    let names: BTreeSet<&str> = folders
        .iter()
        .filter_map(|folder| folder.file_name()?.to_str())
        .collect();
    assert_eq!(
        names,
        TARGETS.iter().map(|target| target.name).collect(),
        "a folder for each target"
    );
    let inputs: Vec<(PathBuf, Vec<u8>)> = folders
        .iter()
        .flat_map(|folder| listed(folder))
        .map(|path| (path.clone(), std::fs::read(path).expect("an input")))
        .collect();
    let bytes: usize = inputs.iter().map(|(_, input)| input.len()).sum();
    assert!(bytes <= MAX_BYTES, "{bytes}");
    for target in TARGETS {
        for (path, input) in &inputs {
            // Shown only where it fails.
            println!("{} reads {}", target.name, path.display());
            (target.run)(input);
        }
    }
}
