//! Not a test but a measurement, run by hand:
//! `cargo test -p store --release --test it -- --ignored --nocapture measured`.

use tokio::time::Instant;

use testkit::conformance::{Bench, open_policy};
use testkit::lab::{Lab, answer, chain, wide};

use crate::Sqlite;

/// Processor time of the process so far, in microseconds (Linux; else 0).
fn cpu_us() -> (u64, u64) {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return (0, 0) };
    let Some((_, rest)) = stat.rsplit_once(')') else { return (0, 0) };
    let fields: Vec<u64> = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    (fields[0] * 10_000, fields[1] * 10_000)
}

struct Line(Instant, (u64, u64));

impl Line {
    fn start() -> Self {
        Self(Instant::now(), cpu_us())
    }

    #[expect(clippy::print_stdout, reason = "a measurement is printed")]
    fn end(self, what: &str, commands: u64) {
        let wall = u64::try_from(self.0.elapsed().as_micros()).unwrap();
        let ((user, system), before) = (cpu_us(), self.1);
        let (user, system) = ((user - before.0) / commands, (system - before.1) / commands);
        println!("{what}: {} us wall, {user} + {system} us processor per command", wall / commands);
    }
}

async fn carry(lab: &Lab, task: &domain::id::TaskId) {
    let claim = lab.call(1_000);
    let call = claim.id.clone();
    lab.apply(lab.claim_command(task, 0, Some(claim))).await.unwrap();
    lab.settle(&call, 1, answer("done", 10)).await.unwrap();
    lab.finish(task, 1, Lab::done("the output")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measured() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, chain(1_000)).await;
    let line = Line::start();
    for task in &tasks {
        carry(&bench.lab, task).await;
    }
    line.end("one at a time", 3_000);
    let (_, tasks) = bench.lab.executing(None, wide(4_000)).await;
    for width in [32, 64, 256] {
        let line = Line::start();
        let lab = &bench.lab;
        let tasks = &tasks[match width {
            32 => 0..1_000,
            64 => 1_000..2_000,
            _ => 2_000..4_000,
        }];
        let lanes = (0..width).map(|lane| async move {
            for task in tasks.iter().skip(lane).step_by(width) {
                carry(lab, task).await;
            }
        });
        futures::future::join_all(lanes).await;
        line.end(&format!("{width} at a time"), 3 * tasks.len() as u64);
    }
    let line = Line::start();
    for _ in 0..200 {
        assert_eq!(bench.lab.ready(64).await.len(), 0);
    }
    line.end("ready with nothing ready", 200);
    bench.lab.executing(None, wide(4_000)).await;
    let line = Line::start();
    for _ in 0..200 {
        assert_eq!(bench.lab.ready(64).await.len(), 64);
    }
    line.end("ready 64 of 4,000", 200);
}
