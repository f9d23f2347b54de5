//! Writes the corpus from which fuzzing starts: `cargo run -p bellwether-fuzz --example write_corpus`.
//!
//! Inputs that fuzzing found lie beside them, in files whose names start with `found`, and are left alone.

#[path = "../../../../crates/bellwether-payloads/tests/corpus/mod.rs"]
mod formats;

mod files;
mod records;

use std::io;
use std::path::Path;

/// Target, name and bytes of an input.
type Input = (&'static str, String, Vec<u8>);

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, name, bytes) in records::inputs()
        .into_iter()
        .chain(files::inputs())
        .chain(texts())
    {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn input(target: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Input {
    (target, name.to_owned(), bytes.into())
}

/// What people write, and headers.
fn texts() -> Vec<Input> {
    let dead_letter = "content-type: application/json\nbellwether-reason: malformed\nbellwether-detail: cut off\n\
                       bellwether-topic: predictions\nbellwether-partition: 2\nbellwether-offset: 30\n\
                       bellwether-timestamp: 1773500400000\nbellwether-resubmitted: 1\n\
                       bellwether-resubmitted-from: dead/0/3\n:key: 17\n:timestamp: 5\n\n{\"event_id\": \"cut";
    let payloads = "[payloads.observations]\nformat = \"kserve\"\ntimestamp_unit = \"us\"\nprediction_form = \"index\"\n\
                    [payloads.observations.fields]\ntask = \"constant:banking\"\n\
                    text = \"request.inputs[name=text].data[0]\"\nevent_id = \"meta.id | kafka:key\"\n\
                    [payloads.observations.attributes]\nlanguage = \"header:language\"\n[payloads.labels]\n\
                    format = \"confluent\"\n[payloads.registry]\nurl = \"http://registry:8081\"\nusername = \"b\"\n\
                    password = \"env:UNSET\"\ntimeout = \"5s\"\n[payloads.kserve]\nmax_age = \"30m\"\nmax_bytes = 65536\n";
    let kafka = "reference = 'model.ref'\n[kafka]\nbrokers = \"a:9092,b:9092\"\nlabels_topic = \"labels\"\n\
                 idle_timeout = \"30s\"\n[kafka.properties]\n\"security.protocol\" = \"ssl\"\n\"sasl.password\" = \"file:/nowhere\"\n\
                 [listen]\naddress = \"[::1]:8177\"\n[costs.task_weights]\nbanking = 2.5\n[monitor]\nutc_offset = \"+05:30\"\n\
                 slice_attributes = [\"language\"]\nhold = \"12h\"\nseasons = \"off\"\naverage_run_length = 1e6\n";
    vec![
        input("dead_letter", "whole", dead_letter),
        input("dead_letter", "foreign", "bellwether-topic: predictions\n\n{}"),
        input(
            "headers",
            "few",
            "content-type: application/json\nce_id: 1\nempty: \n\n",
        ),
        input(
            "headers",
            "long",
            format!("long: {}\nshort: x\n\n", "x".repeat(1700)),
        ),
        input("tasks", "kinds", formats_schema()),
        input(
            "tasks",
            "twice",
            r#"{"a": {"kind": "classification", "labels": ["x", "x"]}}"#,
        ),
        input(
            "config",
            "default.toml",
            include_str!("../../../../crates/bellwether/default.toml"),
        ),
        input("config", "payloads.toml", payloads),
        input("config", "kafka.toml", kafka),
        input("config", "broken.toml", "reference = \"a\"\n[kafka\n"),
    ]
}

fn formats_schema() -> &'static str {
    r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]},
 "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x"]}, "score": {"kind": "regression"}}"#
}
