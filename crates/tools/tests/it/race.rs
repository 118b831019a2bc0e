//! B50: somebody swaps folders and files for links while the tools work.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::World;

const ROUNDS: usize = 2_000;

/// Swaps until it is told to stop. Every step may fail, for the tools make and
/// remove things too.
fn swap(place: &Path, aside: &Path, target: &Path, stop: &AtomicBool) -> u64 {
    let link = aside.with_extension("link");
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        let _ = symlink(target, &link);
        if std::fs::rename(place, aside).is_err() {
            // A write made the folder anew: both are there.
            let _ = std::fs::remove_dir_all(aside);
            let _ = std::fs::rename(place, aside);
        }
        swaps += u64::from(std::fs::rename(&link, place).is_ok());
        let _ = std::fs::remove_file(place);
        let _ = std::fs::rename(aside, place);
    }
    swaps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b50_a_folder_swapped_for_a_link_leads_nowhere() {
    let world = World::new();
    world.write("d/start", "x").await;
    let (place, aside, outside) = (world.staging().join("d"), world.project().join("aside"), world.outside());
    let stop = AtomicBool::new(false);
    let (mut written, mut read) = (0, 0);
    let swaps = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| swap(&place, &aside, &outside, &stop));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for round in 0..ROUNDS {
                    written += usize::from(!world.write("d/secret", "mine").await.is_error);
                    let content = world.read("d/secret").await.content;
                    assert!(!content.contains("canary"), "round {round}");
                    read += usize::from(content == "mine");
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap()
    });
    assert!(swaps > 10 && written > 0 && read > 0, "{swaps} swaps, {written} written, {read} read");
    world.assert_outside_untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b50_a_file_swapped_for_a_link_is_not_read() {
    let world = World::new();
    world.write("f", "mine").await;
    let (place, aside) = (world.staging().join("f"), world.project().join("aside"));
    let outside = world.outside().join("secret");
    let stop = AtomicBool::new(false);
    let swaps = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| swap(&place, &aside, &outside, &stop));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for round in 0..ROUNDS {
                    assert!(!world.read("f").await.content.contains("canary"), "round {round}");
                    if round % 4 == 0 {
                        world.write("f", "mine").await;
                    }
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap()
    });
    assert!(swaps > 10, "{swaps} swaps");
    world.assert_outside_untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b51_a_file_swapped_for_a_pipe_hangs_nobody() {
    let world = World::new();
    world.write("f", "mine").await;
    let (place, aside) = (world.staging().join("f"), world.project().join("aside"));
    let pipe = world.project().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let stop = AtomicBool::new(false);
    let mut read = 0;
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in [(&place, &aside), (&pipe, &place), (&place, &pipe), (&aside, &place)] {
                    std::fs::rename(from, to).unwrap();
                }
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for round in 0..ROUNDS {
                    let outcome = world.read("f").await;
                    read += usize::from(outcome.content == "mine");
                    // Neither waited for a writer nor read from the pipe.
                    assert!(
                        outcome.is_error || outcome.content == "mine",
                        "round {round}: {}",
                        outcome.content
                    );
                    assert!(!outcome.content.starts_with("tool_timed_out"), "round {round}");
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
    });
    assert!(read > 0);
}
