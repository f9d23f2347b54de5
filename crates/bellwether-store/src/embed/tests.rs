use super::*;
use std::fs;
use tempfile::TempDir;

const DIM: usize = 2;

fn options() -> EmbedOptions {
    EmbedOptions {
        text_column: "text".to_owned(),
        precision: Precision::Float16,
        base64: false,
        overwrite: false,
        restart: false,
    }
}

struct Site(TempDir);

impl Site {
    fn new(input: &str) -> Self {
        let site = Self(tempfile::tempdir().expect("a folder"));
        fs::write(site.path("in.jsonl"), input).expect("written");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, options: &EmbedOptions) -> Result<Embedding, EmbedError> {
        Embedding::open(
            &self.path("in.jsonl"),
            &self.path("out.jsonl"),
            options,
            "e1",
            DIM,
        )
    }

    fn run(&self, options: &EmbedOptions) -> Result<EmbedTally, EmbedError> {
        let mut work = self.open(options)?;
        while step(&mut work)? {}
        work.finish()
    }

    fn output(&self) -> String {
        fs::read_to_string(self.path("out.jsonl")).expect("it was written")
    }
}

/// An encoder whose vector is the length of the text, and one.
fn step(work: &mut Embedding) -> Result<bool, EmbedError> {
    let Some(texts) = work.next_texts()? else {
        return Ok(false);
    };
    let vectors: Vec<f32> = texts.iter().flat_map(|text| [text.len() as f32, 1.0]).collect();
    let long = texts.iter().filter(|text| text.len() > 5).count();
    work.add(&vectors, u32::try_from(long).expect("few"))?;
    Ok(true)
}

#[test]
fn fields_stay_as_they_were_written() {
    let site = Site::new(concat!(
        "\u{feff}{\"b\": 1.50, \"text\": \"abc\", \"a\\u0062\": {\"x\": [1, 2]}}\n\n",
        "{\"embedding\": null, \"text\": \"longer text\"}\n",
        "{\"text\": null}\n{\"embedding\": [0.25, 7], \"text\": \"kept\"}\n{\"embedding\": \"AAAAAA==\"}\n",
    ));
    let tally = site.run(&options()).expect("it works");
    let expected = EmbedTally {
        rows: 5,
        encoded: 2,
        kept: 2,
        without_text: 1,
        truncated: 1,
    };
    assert_eq!(tally, expected);
    assert_eq!(
        site.output(),
        concat!(
            "{\"b\":1.50,\"text\":\"abc\",\"ab\":{\"x\": [1, 2]},\"embedding\":[3,1]}\n",
            "{\"embedding\":[11,1],\"text\":\"longer text\"}\n",
            "{\"text\":null,\"embedding\":null}\n",
            "{\"embedding\":[0.25, 7],\"text\":\"kept\"}\n",
            "{\"embedding\":\"AAAAAA==\"}\n",
        )
    );
    assert!(!site.path("out.jsonl.partial").exists());

    let overwrite = EmbedOptions {
        overwrite: true,
        base64: true,
        ..options()
    };
    assert_eq!(site.run(&overwrite).expect("it works").kept, 0);
    let last_two: Vec<String> = site.output().lines().skip(3).map(str::to_owned).collect();
    assert_eq!(
        last_two,
        [
            "{\"embedding\":\"AEQAPA==\",\"text\":\"kept\"}",
            "{\"embedding\":null}"
        ]
    );
}

#[test]
fn texts_may_be_within_a_field() {
    let site = Site::new("{\"request\": {\"text\": \"abc\"}}\n{\"request\": 7}\n");
    let nested = EmbedOptions {
        text_column: "request.text".to_owned(),
        ..options()
    };
    let tally = site.run(&nested).expect("it works");
    assert_eq!((tally.encoded, tally.without_text), (1, 1));
    assert!(site.output().contains("{\"text\": \"abc\"},\"embedding\":[3,1]}"));
}

#[test]
fn an_array_becomes_lines() {
    let site = Site::new("[{\"text\": \"a\",\n \"x\": [1,\n2]},\n {\"text\": \"bc\"}]");
    site.run(&options()).expect("it works");
    assert_eq!(
        site.output(),
        "{\"text\":\"a\",\"x\":[1,2],\"embedding\":[1,1]}\n{\"text\":\"bc\",\"embedding\":[2,1]}\n"
    );
}

fn many() -> String {
    let rows: Vec<String> = (0..3000).map(|n| format!("{{\"text\":\"{n}\"}}\n")).collect();
    rows.concat()
}

#[test]
fn a_run_goes_on_behind_the_last_whole_chunk() {
    let whole = Site::new(&many());
    whole.run(&options()).expect("it works");
    let site = Site::new(&many());
    let mut work = site.open(&options()).expect("it opens");
    step(&mut work).expect("a chunk");
    step(&mut work).expect("a chunk");
    assert!(
        matches!(site.open(&options()), Err(EmbedError::Busy { .. })),
        "one run at a time"
    );
    drop(work);
    // The second chunk was cut off.
    let vectors = site.path("out.jsonl.partial/vectors");
    let bytes = fs::read(&vectors).expect("they are there");
    fs::write(&vectors, &bytes[..bytes.len() - 1]).expect("written");
    let work = site.open(&options()).expect("it opens");
    assert_eq!((work.resumed_rows(), work.tally().rows), (1024, 1024));
    drop(work);
    // The first is damaged.
    let mut damaged = bytes.clone();
    damaged[100] ^= 1;
    fs::write(&vectors, damaged).expect("written");
    assert_eq!(site.open(&options()).expect("it opens").resumed_rows(), 0);
    fs::write(&vectors, &bytes).expect("written");
    assert_eq!(site.open(&options()).expect("it opens").resumed_rows(), 2048);
    let tally = site.run(&options()).expect("it works");
    assert_eq!((tally.rows, tally.encoded), (3000, 3000));
    assert_eq!(site.output(), whole.output());
}

#[test]
fn a_run_of_something_else_is_not_gone_on_with() {
    let site = Site::new(&many());
    let mut work = site.open(&options()).expect("it opens");
    step(&mut work).expect("a chunk");
    drop(work);
    let differs = |result: Result<Embedding, EmbedError>| match result {
        Err(error @ EmbedError::OtherRun { .. }) => {
            assert!(error.fix().expect("a fix").contains("--restart"));
            error.to_string()
        }
        other => panic!("{other:?}"),
    };
    let single = EmbedOptions {
        precision: Precision::Float32,
        ..options()
    };
    assert!(differs(site.open(&single)).ends_with("other options"));
    let encoder = Embedding::open(
        &site.path("in.jsonl"),
        &site.path("out.jsonl"),
        &options(),
        "e2",
        DIM,
    );
    assert!(differs(encoder).ends_with("another encoder"));
    fs::write(site.path("in.jsonl"), many().replace("17", "18")).expect("written");
    assert!(differs(site.open(&options())).ends_with("another input"));
    let restart = EmbedOptions {
        restart: true,
        ..options()
    };
    assert_eq!(site.open(&restart).expect("it opens").resumed_rows(), 0);
}

#[test]
fn what_cannot_be_used_is_named() {
    let error = |input: &str, options: &EmbedOptions| {
        let error = Site::new(input).run(options).expect_err("it cannot work");
        (error.to_string(), error.fix().expect("a fix"))
    };
    let (text, fix) = error("{\"text\":\"a\"}\n{\"text\":7}\n", &options());
    assert!(text.starts_with("`text` in row 2 of "), "{text}");
    assert!(fix.contains("--text-column"));
    let (text, _) = error("{\"text\":\"a\"}\n[1]\n", &options());
    assert!(text.starts_with("row 2 of "), "{text}");
    let (text, fix) = error("{\"text\":\"a\",\"embedding\":[1,2,3]}\n", &options());
    assert!(text.contains("has 3 numbers, the encoder's have 2"), "{text}");
    assert!(fix.contains("--overwrite"));
    let (text, fix) = error("{\"utterance\":\"a\"}\n", &options());
    assert!(text.ends_with("has a field `text`"), "{text}");
    assert!(fix.contains("--text-column"));
    let (text, fix) = error(&format!("{{\"text\":\"{}\"}}\n", "a".repeat(70_000)), &options());
    assert!(text.starts_with("the embedding of row 1 of"), "{text}");
    assert!(fix.contains("--float32"));

    let site = Site::new("{}\n");
    let input = site.path("in.jsonl");
    let same = Embedding::open(&input, &input, &options(), "e", DIM);
    assert!(matches!(same, Err(EmbedError::SameFile { .. })));
    let other = Embedding::open(&input, &site.path("out.parquet"), &options(), "e", DIM);
    assert!(matches!(other, Err(EmbedError::OtherFormat { .. })));
}
