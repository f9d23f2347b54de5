use super::*;
use bellwether_monitor::AffectedTask;

/// Ordinary rows around the first axis, and `novel` ones of two kinds around the second and third.
fn material(verdict: Verdict, novel: usize) -> WorkMaterial {
    let (dim, ordinary) = (8, 40);
    let n = ordinary + novel;
    let mut vectors = Vec::new();
    let mut rows = Vec::new();
    for row in 0..n {
        let axis = if row < ordinary { 0 } else { 1 + row % 2 };
        // Small angles that differ from row to row, so that none is another's near-duplicate.
        let mut vector = vec![0.0_f32; dim];
        vector[axis] = 1.5;
        vector[3 + row % 5] += if row.is_multiple_of(3) { 0.5 } else { -0.5 };
        vector[3 + (row / 5) % 5] += 0.3 + row as f32 / n as f32;
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vectors.extend(vector.iter().map(|x| x / norm));
        rows.push(WorkRow {
            event_id: format!("e{row}"),
            task: "banking".to_owned(),
            timestamp_ms: 1_000 * i64::try_from(row).expect("few"),
            predicted: Some("balance".to_owned()),
            confidence: if row < ordinary {
                0.5 + 0.01 * row as f64
            } else {
                0.7
            },
            p_similarity: if row < ordinary { 0.5 } else { 0.01 },
            p_novelty: if row < ordinary {
                0.3 + 0.01 * row as f64
            } else {
                0.001
            },
            known: Known::No,
            text: Some(format!("text of kind {}", if axis == 2 { "blue" } else { "red" })),
        });
    }
    WorkMaterial {
        reference: "ref".to_owned(),
        task: Some("banking".to_owned()),
        verdict,
        said_ms: 1_773_906_480_000,
        since_ms: 1_773_900_000_000,
        taken_ms: 1_773_906_480_000,
        revision: 2,
        shared_encoder: false,
        summary: "banking: something new.".to_owned(),
        tasks: vec![AffectedTask {
            task: "work".to_owned(),
            verdict: Verdict::Healthy,
            moved: false,
            drift_cosine: f64::NAN,
            novelty_cosine: f64::NAN,
            coupling: 0.5,
        }],
        class_cosine: 0.4,
        dim,
        rows,
        vectors,
    }
}

fn options(budget: usize, texts: TextForm) -> PlanOptions {
    PlanOptions { budget, texts }
}

fn is_novel(row: &SetRow) -> bool {
    row.observation.p_novelty < 0.01
}

#[test]
fn what_is_new_comes_first_and_falls_into_its_groups() {
    let set = plan(
        material(Verdict::ContinualUpdate, 20),
        options(10, TextForm::Plain),
    );
    assert_eq!(
        set.header.id,
        "20260319T074800000Z.task.banking.continual_update.r2"
    );
    assert_eq!(set.header.tasks[0].drift_cosine, None);
    let ranks: Vec<Option<u32>> = set.rows.iter().map(|row| row.rank).collect();
    assert_eq!(
        ranks,
        (1..=set.rows.len())
            .map(|rank| Some(number(rank)))
            .collect::<Vec<_>>()
    );
    assert_eq!(set.chosen().count(), 10);
    assert!(
        set.rows[..8]
            .iter()
            .all(|row| is_novel(row) && row.reason == Some(Reason::Novel))
    );
    let reasons: Vec<Reason> = set.chosen().skip(8).filter_map(|row| row.reason).collect();
    assert_eq!(reasons, [Reason::Uncertain, Reason::Representative]);
    assert_eq!(set.header.groups.len(), 2, "{:?}", set.header.groups);
    for group in &set.header.groups {
        let members = set.rows.iter().filter(|row| row.group == Some(group.group));
        let texts: Vec<&str> = members
            .filter_map(|row| row.observation.text.as_deref())
            .collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        assert_eq!(
            (group.texts.len(), group.texts[0].as_str()),
            (group.examples.len(), texts[0])
        );
    }
    // `blue` is of one group only; `red` of ordinary rows as well.
    let words: Vec<&str> = set
        .header
        .groups
        .iter()
        .flat_map(|g| &g.words)
        .map(|w| w.word.as_str())
        .collect();
    assert!(words.contains(&"blue") && !words.contains(&"text"), "{words:?}");
}

#[test]
fn the_same_material_gives_the_same_set_and_a_larger_budget_begins_likewise() {
    let of = |budget| plan(material(Verdict::NewTask, 20), options(budget, TextForm::None));
    assert_eq!(of(10), of(10));
    let again = rank_again(of(10), 20);
    assert_eq!(again.header.budget, 20);
    let ids = |set: &WorkSet, n: usize| -> Vec<String> {
        set.rows[..n]
            .iter()
            .map(|row| row.observation.event_id.clone())
            .collect()
    };
    // Ranked again from what it holds, and so from another order of rows.
    assert_eq!(ids(&again, 20).len(), 20);
    assert!(again.rows[..16].iter().all(is_novel), "{:?}", ids(&again, 20));
    let all = |set: &WorkSet| ids(set, set.rows.len());
    let (mut before, mut after) = (all(&of(10)), all(&again));
    before.sort();
    after.sort();
    assert_eq!(before, after);
}

#[test]
fn texts_are_neither_shown_nor_counted_where_they_cannot_be_read() {
    for texts in [TextForm::None, TextForm::Hashed] {
        let set = plan(material(Verdict::ContinualUpdate, 20), options(10, texts));
        assert!(
            set.header
                .groups
                .iter()
                .all(|g| g.words.is_empty() && g.texts.is_empty())
        );
    }
}

#[test]
fn texts_that_are_too_old_go_and_what_was_made_of_them() {
    let mut set = plan(
        material(Verdict::ContinualUpdate, 20),
        options(10, TextForm::Plain),
    );
    assert_eq!(set.header.oldest_text_ms, Some(0));
    set.forget_texts_before(59_000);
    assert_eq!(set.header.oldest_text_ms, Some(59_000));
    let left = set
        .rows
        .iter()
        .filter(|row| row.observation.text.is_some())
        .count();
    assert_eq!(left, 1);
    assert!(
        set.header
            .groups
            .iter()
            .all(|g| g.words.is_empty() && g.texts.is_empty())
    );
    set.forget_texts_before(60_000);
    assert_eq!(set.header.oldest_text_ms, None);
}

#[test]
fn what_has_a_label_is_not_labelled_again_nor_what_is_like_it() {
    let mut material = material(Verdict::ContinualUpdate, 20);
    material.rows[45].known = Known::OutOfScope;
    material.rows[3].known = Known::InScope;
    // One message in two wordings: of the one that has a label, and of one that has none.
    let dim = material.dim;
    for (copy, of) in [(46, 45), (50, 49), (51, 49)] {
        let vector: Vec<f32> = material.vectors[of * dim..(of + 1) * dim].to_vec();
        material.vectors[copy * dim..(copy + 1) * dim].copy_from_slice(&vector);
    }
    let set = plan(material, options(200, TextForm::None));
    let at = |id: &str| set.rows.iter().find(|row| row.observation.event_id == id);
    let labelled = at("e45").expect("it is there");
    assert_eq!((labelled.rank, labelled.reason, labelled.copies), (None, None, 2));
    assert!(labelled.group.is_some());
    assert!(at("e46").is_none() && at("e3").is_some_and(|row| row.rank.is_none()));
    assert_eq!(at("e49").map(|row| row.copies), Some(3));
    assert_eq!(set.rows.iter().map(|row| row.copies).sum::<u32>(), 60);
    assert_eq!(set.vectors.len(), set.rows.len() * dim);
}

#[test]
fn re_training_wants_what_is_typical_and_what_is_doubtful() {
    let set = plan(material(Verdict::Retrain, 20), options(10, TextForm::None));
    let reasons: Vec<Reason> = set.chosen().filter_map(|row| row.reason).collect();
    let count = |wanted| reasons.iter().filter(|&&reason| reason == wanted).count();
    assert_eq!(
        (
            count(Reason::Representative),
            count(Reason::Uncertain),
            count(Reason::Novel)
        ),
        (6, 4, 0)
    );
    // Most of what moved is in it, and some of what did not.
    let moved = set.chosen().filter(|row| is_novel(row)).count();
    assert!((2..10).contains(&moved), "{moved}");
}

#[test]
fn little_material_makes_a_small_set() {
    for n in [0, 1, 3] {
        let mut material = material(Verdict::NewTask, 20);
        material.rows.truncate(n);
        material.vectors.truncate(n * material.dim);
        let set = plan(material, options(200, TextForm::Plain));
        assert_eq!(set.chosen().count(), n);
    }
}

#[test]
fn names_of_sets_are_names_of_files() {
    let mut material = material(Verdict::Retrain, 0);
    material.task = Some("../a b/ü".to_owned());
    assert_eq!(
        set_id(&material),
        "20260319T074800000Z.task.~2e~2e~2fa~20b~2f~c3~bc.retrain.r2"
    );
    material.task = None;
    assert_eq!(set_id(&material), "20260319T074800000Z.model.retrain.r2");
}
