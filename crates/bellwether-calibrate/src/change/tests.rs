use super::*;
use crate::test_data::pool;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

struct Scene {
    pool: Pool,
    task: TaskId,
    labelled: Vec<usize>,
    loss: f64,
}

impl Scene {
    fn new(task: u16) -> Self {
        let (pool, task) = (pool(1200), TaskId(task));
        let labelled = pool.tasks()[task.index()].rows.clone();
        let loss = labelled.iter().filter_map(|&r| pool.loss(r)).sum::<f64>() / labelled.len() as f64;
        Self {
            pool,
            task,
            labelled,
            loss,
        }
    }

    fn play(&self, change: Change, size: f64, look: impl FnOnce(&[Event<'_>])) {
        let shape = Shape::new(&self.pool, self.task);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let rows = |task: u16| &self.pool.tasks()[usize::from(task)].rows;
        let newcomers = Newcomers::new(&self.pool, rows(1 - self.task.0), rows(self.task.0), &mut rng);
        let subject = Subject {
            pool: &self.pool,
            task: self.task,
            shape: &shape,
            rows: &self.labelled,
            labelled: &self.labelled,
            loss: self.loss,
            newcomers: Some(&newcomers),
        };
        look(&scene(subject, change, size, 300, &mut rng));
    }

    /// Share of events with wrong answers.
    fn wrong(&self, events: &[Event<'_>]) -> f64 {
        let labels = &self.pool.schema().spec(self.task).labels;
        let wrong = events.iter().filter(|e| match (e.prediction, &e.label) {
            (Prediction::Class(c), Some((_, label))) => labels[c as usize] != **label,
            (_, label) => panic!("a class and a label: {label:?}"),
        });
        wrong.count() as f64 / events.len() as f64
    }

    fn is_own(&self, event: &Event<'_>) -> bool {
        let rows = &self.pool.tasks()[self.task.index()].rows;
        rows.iter()
            .any(|&row| self.pool.embedding(row) == &*event.embedding)
    }
}

#[test]
fn a_shift_moves_every_message_by_its_size_after_the_warm_up_only() {
    let scene = Scene::new(0);
    let shape = Shape::new(&scene.pool, scene.task);
    scene.play(Change::Shift, 0.5, |events| {
        assert_eq!(events.len(), WARM_UP + 300);
        assert!(events[..WARM_UP].iter().all(|e| scene.is_own(e)));
        assert!(events[WARM_UP..].iter().all(|e| !scene.is_own(e)));
    });
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let step = shape.step(0.5, &mut rng);
    let length = step.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
    assert!((length - 0.5 * shape.spread).abs() < 1e-6, "{length}");
    assert_ne!(step, shape.step(0.5, &mut rng), "another direction each time");
}

#[test]
fn damage_and_novelty_replace_their_share_and_novelty_has_no_labels() {
    let scene = Scene::new(0);
    // Four standard errors of 300 coins at .3 are .106.
    for change in [Change::Damage, Change::Novelty] {
        scene.play(change, 0.3, |events| {
            let foreign = events[WARM_UP..].iter().filter(|e| !scene.is_own(e)).count();
            assert!(
                (0.19..0.41).contains(&(foreign as f64 / 300.0)),
                "{change:?}: {foreign}"
            );
        });
    }
    scene.play(Change::Novelty, 1.0, |events| {
        assert!(
            events[WARM_UP..]
                .iter()
                .all(|e| e.label.is_none() && !scene.is_own(e))
        );
        assert!(events[WARM_UP..].iter().all(|e| e.task == scene.task));
    });
}

#[test]
fn quality_falls_by_its_size_and_inputs_stay() {
    let scene = Scene::new(0);
    scene.play(Change::QualityFall, 0.2, |events| {
        assert!(events.iter().all(|e| scene.is_own(e)));
        let fall = scene.wrong(&events[WARM_UP..]) - scene.loss;
        assert!((0.1..0.3).contains(&fall), "{fall}: four standard errors are .1");
        assert!((scene.wrong(&events[..WARM_UP]) - scene.loss).abs() < 0.1);
    });
}

#[test]
fn gaussian_weights_have_mean_nought_and_variance_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let drawn: Vec<f64> = (0..20_000).map(|_| gaussian(&mut rng)).collect();
    let mean = drawn.iter().sum::<f64>() / 20_000.0;
    let variance = drawn.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
    assert!(
        mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04,
        "{mean} {variance}: four standard errors"
    );
}
