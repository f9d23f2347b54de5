//! Can the numbers be trusted: does everything arrive, in time, and is it kept?

use crate::dashboard::{Dashboard, Row, Tasks};
use crate::panel::{Panel, Unit};
use crate::query::{Query, Scope};
use crate::verdict;
use bellwether_monitor::Verdict;
use serde_json::json;

const PROCESS: Scope = Scope::Tasks;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        name: "pipeline",
        title: "pipeline",
        description: "The way from Kafka to a verdict: lag, batches, joins, dead letters, checkpoints, instances.",
        tasks: Tasks::None,
        rows: vec![
            Row {
                title: "Is it running?",
                panels: running(),
            },
            Row {
                title: "From the brokers",
                panels: input(),
            },
            Row {
                title: "What cannot be used",
                panels: refused(),
            },
            Row {
                title: "Waiting and joining",
                panels: joining(),
            },
            Row {
                title: "State",
                panels: state(),
            },
            Row {
                title: "Several instances, and the page",
                panels: instances(),
            },
            Row {
                title: "Incidents and alerts",
                panels: alerts(),
            },
            Row {
                title: "What it takes",
                panels: resources(),
            },
        ],
    }
}

fn now(name: &'static str) -> Query {
    PROCESS.gauge(name).value()
}

fn rate(name: &'static str) -> Query {
    PROCESS.counter(name).rate().sum()
}

fn running() -> Vec<Panel> {
    let alarm = verdict::colour(Verdict::Retrain);
    let age = |name| now(name).max_by("instance").ago();
    vec![
        Panel::stat(
            "Program",
            Unit::None,
            "The version that runs. Several versions at once are a rollout under way.",
        )
        .ask(&now("bellwether_build_info").max_by("version"), "{{version}}")
        .option(json!({"textMode": "name"})),
        Panel::stat(
            "Age of the status",
            Unit::Seconds,
            "Time since each instance last published what it knows. One that only scores publishes nothing.",
        )
        .size(5, 4)
        .threshold(120.0, alarm)
        .ask(&age("bellwether_status_timestamp_seconds"), "{{instance}}"),
        Panel::stat(
            "Last poll",
            Unit::Seconds,
            "Time since each instance last asked its input for records.",
        )
        .size(5, 4)
        .threshold(120.0, alarm)
        .ask(&age("bellwether_last_poll_timestamp_seconds"), "{{instance}}"),
        Panel::stat(
            "Behind the present",
            Unit::Seconds,
            "Age of the newest observation that was judged. A replay is as far behind as its data is old.",
        )
        .size(5, 4)
        .ask(
            &now("bellwether_event_timestamp_seconds").max().ago(),
            "event time",
        ),
        Panel::stat(
            "Progress",
            Unit::Share,
            "Share of a finite input that has been played. A stream has no end, so it has none.",
        )
        .size(5, 4)
        .ask(&now("bellwether_progress_ratio").max(), "played"),
    ]
}

fn input() -> Vec<Panel> {
    let batches = PROCESS.histogram("bellwether_batch_rows");
    vec![
        Panel::lines(
            "Consumer lag",
            Unit::Count,
            "Records between the consumer and the end of each partition, the twenty farthest behind. What lies here is not \
             judged yet.",
        )
        .with_zero()
        .ask(
            &now("bellwether_consumer_lag_records")
                .sum_by("topic, partition")
                .top("20"),
            "{{topic}} {{partition}}",
        ),
        Panel::lines(
            "Time to catch up",
            Unit::Seconds,
            "All lag over the present throughput. The alert BellwetherConsumerLag looks at the same.",
        )
        .with_zero()
        .ask(
            &now("bellwether_consumer_lag_records")
                .sum()
                .over(&rate("bellwether_decoded_records_total")),
            "at the present speed",
        ),
        Panel::lines(
            "Throughput",
            Unit::PerSecond,
            "Records decoded by kind of input, and observations judged.",
        )
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_decoded_records_total")
                .rate()
                .sum_by("kind"),
            "{{kind}} decoded",
        )
        .ask(&rate("bellwether_observations_total"), "observations judged")
        .ask(&rate("bellwether_labels_total"), "labels joined"),
        Panel::heatmap(
            "Batch sizes",
            Unit::Count,
            "How many rows the batches had that were taken from the input. Large batches are a backlog, single rows a trickle.",
        )
        .ask(&batches.buckets(), "{{le}}"),
        Panel::lines(
            "Batch size",
            Unit::Count,
            "Rows of a batch: the mean, the median and the 95th percentile.",
        )
        .with_zero()
        .ask(&batches.mean(), "mean")
        .ask(&batches.quantile(0.5), "median")
        .ask(&batches.quantile(0.95), "95th percentile"),
        Panel::lines(
            "Brokers and partitions",
            Unit::Count,
            "Brokers that an instance is connected to, and partitions that are not read on as they are ahead of others.",
        )
        .with_zero()
        .ask(&now("bellwether_brokers_up").max_by("instance"), "{{instance}} brokers")
        .ask(
            &now("bellwether_held_partitions").max_by("instance"),
            "{{instance}} held partitions",
        ),
        Panel::lines(
            "Rebalances and faults",
            Unit::Count,
            "How often partitions came or went, and faults that the client met, since the step before. Most faults it mends by \
             trying again.",
        )
        .size(24, 6)
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_consumer_rebalances_total")
                .increase()
                .sum_by("instance"),
            "{{instance}} rebalances",
        )
        .ask(
            &PROCESS
                .counter("bellwether_consumer_faults_total")
                .increase()
                .sum_by("instance"),
            "{{instance}} faults",
        ),
    ]
}

fn refused() -> Vec<Panel> {
    let rejected = PROCESS.counter("bellwether_rejected_records_total").rate();
    let decoded = PROCESS.counter("bellwether_decoded_records_total").rate();
    let total = rejected.clone().sum();
    vec![
        Panel::stack(
            "Rejected records by reason",
            Unit::PerSecond,
            "Records that cannot be used, by kind of input and reason; only reasons that there are, else the sum, which is zero.",
        )
        .ask(
            &rejected
                .clone()
                .sum_by("kind, reason")
                .above(0.0)
                .or(&total.clone()),
            "{{kind}} {{reason}}",
        ),
        Panel::lines(
            "Share of rejected records",
            Unit::Share,
            "Of all records that came. The line is the month's budget of one in a thousand, which the alerts burn down.",
        )
        .with_zero()
        .threshold(0.001, verdict::colour(Verdict::Retrain))
        .ask(&total.clone().over(&total.plus(&decoded.sum())), "rejected"),
        Panel::lines(
            "Dead letters",
            Unit::PerSecond,
            "Rejected records handed to the dead-letter topic. Those that failed exist in the input topic alone.",
        )
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_dead_letters_total")
                .rate()
                .sum_by("outcome"),
            "{{outcome}}",
        )
        .ask(
            &rate("bellwether_schema_fetches_failed_total"),
            "schema fetches failed",
        ),
    ]
}

fn joining() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Waiting to be joined",
            Unit::Count,
            "Observations that wait for their label, labels that wait for their observation, and halves of calls that wait for \
             the other half.",
        )
        .with_zero()
        .ask(
            &now("bellwether_pending_observations").sum(),
            "observations for a label",
        )
        .ask(
            &now("bellwether_pending_observations_on_disk").sum(),
            "of them on disk",
        )
        .ask(&now("bellwether_pending_labels").sum(), "labels for an observation")
        .ask(&now("bellwether_waiting_records").sum(), "halves of calls"),
        Panel::lines(
            "Held for the watermark",
            Unit::Bytes,
            "Memory of what waits for the slowest partition, and of halves of calls; at the right, how many events wait.",
        )
        .with_zero()
        .ask(&now("bellwether_buffered_bytes").sum(), "buffered")
        .ask(&now("bellwether_waiting_bytes").sum(), "halves of calls")
        .ask(&now("bellwether_buffered_bytes_limit").max(), "limit of buffered")
        .dashed("limit of buffered")
        .ask(&now("bellwether_buffered_events").sum(), "events")
        .right_axis("events", Unit::Count),
        Panel::lines(
            "Given up",
            Unit::PerSecond,
            "Observations and labels given up before the other came, by reason: their age, or as too many waited. Labels \
             without an observation point at ids that do not match.",
        )
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_join_evictions_total")
                .rate()
                .sum_by("what, reason"),
            "{{what}} by {{reason}}",
        )
        .ask(&rate("bellwether_orphan_labels_total"), "labels without observation"),
        Panel::lines(
            "Late and repeated",
            Unit::PerSecond,
            "Observations that came after the watermark, which detectors do not see, and records that came twice.",
        )
        .size(24, 6)
        .with_zero()
        .ask(&rate("bellwether_late_observations_total"), "late observations")
        .ask(
            &rate("bellwether_duplicate_observations_total"),
            "repeated observations",
        )
        .ask(&rate("bellwether_duplicate_labels_total"), "repeated labels"),
    ]
}

fn state() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Checkpoints",
            Unit::PerSecond,
            "Checkpoints of the state by outcome. Where none is configured there are none, and a restart begins anew.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_checkpoints_total")
                .rate()
                .sum_by("outcome"),
            "{{outcome}}",
        ),
        Panel::lines(
            "Age and time of a checkpoint",
            Unit::Seconds,
            "How old the last checkpoint is, so how much a restart reads again, and how long it took.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &now("bellwether_checkpoint_timestamp_seconds")
                .max_by("instance")
                .ago(),
            "{{instance}} age",
        )
        .ask(
            &now("bellwether_checkpoint_duration_seconds").max_by("instance"),
            "{{instance}} took",
        ),
        Panel::lines(
            "Size of a checkpoint",
            Unit::Bytes,
            "Size of the last checkpoint, and of the store on disk in which observations wait for labels.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &now("bellwether_checkpoint_bytes").max_by("instance"),
            "{{instance}}",
        )
        .ask(
            &now("bellwether_database_bytes").max_by("instance"),
            "{{instance}} store",
        ),
        Panel::lines(
            "Changelog",
            Unit::BytesPerSecond,
            "Bytes written to the changelog topic with the checkpoints; at the right, 1 where an instance was built again from it.",
        )
        .size(6, 8)
        .with_zero()
        .ask(&rate("bellwether_changelog_bytes_total"), "written")
        .ask(
            &now("bellwether_state_from_changelog").max_by("instance"),
            "{{instance}} built again",
        )
        .right_axis(".* built again", Unit::None),
    ]
}

fn instances() -> Vec<Panel> {
    let used = |title, held, limit, description| {
        Panel::lines(title, Unit::Count, description)
            .size(6, 8)
            .with_zero()
            .ask(&now(held).max_by("instance"), "{{instance}}")
            .ask(&now(limit).max(), "limit")
            .dashed("limit")
    };
    vec![
        Panel::states(
            "Who judges",
            "Which instance judges. In a group that is one at a time; an instance that is alone judges as well.",
            verdict::flag("scores only", "judges", verdict::colour(Verdict::Healthy)),
        )
        .size(6, 8)
        .ask(&now("bellwether_judge").max_by("instance"), "{{instance}}"),
        Panel::lines(
            "Scored for the judge",
            Unit::PerSecond,
            "Observations that each instance scored, and evidence that it wrote, in bytes at the right. Zero where one instance \
             does all.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_scored_observations_total")
                .rate()
                .sum_by("instance"),
            "{{instance}}",
        )
        .ask(
            &PROCESS
                .counter("bellwether_evidence_bytes_total")
                .rate()
                .sum_by("instance"),
            "{{instance}} evidence",
        )
        .right_axis(".* evidence", Unit::BytesPerSecond),
        used(
            "Timeline lines held",
            "bellwether_api_timeline_lines",
            "bellwether_api_timeline_lines_limit",
            "Lines of the timeline that the page and the API can show; older ones than fit are forgotten there.",
        ),
        used(
            "Event streams",
            "bellwether_api_event_streams",
            "bellwether_api_event_streams_limit",
            "Open pages and other clients of the event stream. Beyond the limit further ones are refused.",
        ),
    ]
}

fn alerts() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Incidents that stand",
            Unit::Count,
            "By what they ask for, with the silences that hold. One cause is one incident, whatever number of tasks it concerns.",
        )
        .size(6, 8)
        .with_zero()
        .ask(&PROCESS.gauge("bellwether_incidents").value().max_by("verdict"), "{{verdict}}")
        .ask(&now("bellwether_silences").max_by("instance"), "silences"),
        Panel::lines(
            "Notices to receivers",
            Unit::PerSecond,
            "By receiver and outcome. What failed is tried again; what is refused is not. Empty where there is no receiver.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_alert_deliveries_total")
                .rate()
                .sum_by("receiver, outcome"),
            "{{receiver}} {{outcome}}",
        ),
        Panel::lines(
            "Not told yet",
            Unit::Count,
            "Incidents whose state a receiver does not know yet, and receivers that want nothing any more. A group's interval may hold \
             some back for minutes. Empty where there is no receiver.",
        )
        .size(6, 8)
        .with_zero()
        .ask(&now("bellwether_alerts_pending").max_by("receiver"), "{{receiver}}")
        .ask(&now("bellwether_alert_receiver_gone").max_by("receiver"), "{{receiver}} is gone"),
        Panel::lines(
            "Waiting since",
            Unit::Seconds,
            "How long the oldest of them waits, and failures to write down what is to be delivered. Empty while nothing waits.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &PROCESS
                .gauge("bellwether_alerts_pending_timestamp_seconds")
                .value()
                .ago()
                .max_by("receiver"),
            "{{receiver}}",
        )
        .ask(
            &PROCESS
                .counter("bellwether_alert_ledger_failures_total")
                .rate()
                .sum_by("instance"),
            "{{instance}} failures",
        ),
    ]
}

fn resources() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Memory",
            Unit::Bytes,
            "Resident memory of each instance: what counts against a container's limit.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &now("process_resident_memory_bytes").max_by("instance"),
            "{{instance}}",
        ),
        Panel::lines("Processor", Unit::None, "Cores that each instance keeps busy.")
            .size(6, 8)
            .with_zero()
            .ask(
                &PROCESS
                    .counter("process_cpu_seconds_total")
                    .rate()
                    .sum_by("instance"),
                "{{instance}}",
            ),
        Panel::lines(
            "Files and threads",
            Unit::Count,
            "Open files and sockets, and threads. Files beyond the process' limit cannot be opened.",
        )
        .size(6, 8)
        .with_zero()
        .ask(&now("process_open_fds").max_by("instance"), "{{instance}} files")
        .ask(&now("process_threads").max_by("instance"), "{{instance}} threads"),
        Panel::lines(
            "Pushes to a collector",
            Unit::PerSecond,
            "Pushes of the metrics by OTLP, by outcome. Zero where none is configured.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &PROCESS
                .counter("bellwether_otlp_exports_total")
                .rate()
                .sum_by("outcome"),
            "{{outcome}}",
        ),
    ]
}
