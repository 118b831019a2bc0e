//! `run_command`: what a command may do, what it must not reach, and what becomes of
//! what it leaves behind. Skipped, and said so, where there is no bubblewrap.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Toolbox;
use domain::tool::ToolOutcome;
use serde_json::json;
use tools::command::{CommandConfig, RunCommandTool};
use tools::{FileLimits, Registry, Tool};

use super::{World, assert_code, names, task};

/// The tool over the files of this world.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn registry(world: &World, config: CommandConfig) -> Option<Registry> {
    match RunCommandTool::new(world.files.clone(), config) {
        Ok(tool) => Some(Registry::new(vec![Arc::new(tool) as Arc<dyn Tool>]).0),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

async fn run(registry: &Registry, script: &str) -> ToolOutcome {
    registry.call(&task("tsk_1", 1), "run_command", &json!({ "command": script })).await
}

#[tokio::test]
async fn changed_files_become_writes_of_the_task() {
    let world = World::new();
    let Some(registry) = registry(&world, CommandConfig::default()) else { return };
    world.write("src/a.txt", "one\n").await;
    world.write("keep.txt", "keep\n").await;
    let ran = run(
        &registry,
        "cat src/a.txt; echo two >> src/a.txt; echo new > b.txt; rm keep.txt; echo oh >&2; exit 3",
    )
    .await;
    assert!(!ran.is_error, "{}", ran.content);
    assert_eq!(
        ran.content,
        "[exit code 3]\none\noh\n[files written: b.txt, src/a.txt]\n[removed by the command, but they stay: keep.txt]"
    );
    assert_eq!(
        ran.writes.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(),
        ["b.txt", "src/a.txt"]
    );
    assert_eq!(world.read("src/a.txt").await.content, "one\ntwo\n");
    assert_eq!(world.read("keep.txt").await.content, "keep\n");
    assert_eq!(run(&registry, "true").await.content, "[exit code 0]");
    world.assert_outside_untouched();
}

#[tokio::test]
async fn what_is_no_file_of_a_project_is_left_behind() {
    let world =
        World::with(FileLimits { file_bytes_max: 1_000, project_files_max: 4, ..FileLimits::default() });
    let Some(registry) = registry(&world, CommandConfig::default()) else { return };
    let ran = run(
        &registry,
        "ln -s /etc/passwd link; mkfifo pipe; echo x > h1; ln h1 h2; head -c 2000 /dev/zero > large; echo x > CON; \
         echo x > 'a:b'; echo ok > good; ln -s / dir; mkdir -p d; echo y > d/e",
    )
    .await;
    assert!(!ran.is_error, "{}", ran.content);
    assert_eq!(names(&world.staging()), ["d/e", "good"]);
    for name in ["link", "pipe", "h1", "h2", "large", "CON", "a:b", "dir"] {
        assert!(ran.content.contains(&format!("{name:?} (")), "{name}: {}", ran.content);
    }
    let ran = run(&registry, "for i in 1 2 3 4 5; do echo $i > f$i; done").await;
    assert_eq!(ran.writes.len(), 2, "{}", ran.content);
    assert!(ran.content.contains("would hold more than 4 files"), "{}", ran.content);
    world.assert_outside_untouched();
}

#[tokio::test]
async fn nothing_of_the_machine_is_reached() {
    let world = World::new();
    let Some(registry) = registry(&world, CommandConfig::default()) else { return };
    let secret = world.outside().join("secret");
    let script = format!(
        "cat {secret} /etc/passwd /etc/shadow /proc/1/environ; env; cat ../etc/hostname; \
         (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null && echo CONNECTED; ls /home /root /var; \
         kill -9 1; mount -t tmpfs x /usr; unshare -U true && echo NAMESPACE; echo x > /usr/x; id -u; \
         cat /proc/net/dev | grep -v lo: | wc -l",
        secret = secret.display()
    );
    let ran = run(&registry, &script).await;
    assert!(!ran.content.contains("canary") && !ran.content.contains("root:"), "{}", ran.content);
    assert!(!ran.content.contains("CONNECTED") && !ran.content.contains("NAMESPACE"), "{}", ran.content);
    assert!(!ran.content.contains("CARGO"), "{}", ran.content);
    assert!(ran.content.contains("\n65534\n2"), "{}", ran.content);
    world.assert_outside_untouched();
}

#[tokio::test]
async fn limits_stop_a_command_and_nothing_of_it_stays() {
    let config = CommandConfig {
        time_max: Duration::from_secs(3),
        processes_max: 20,
        memory_bytes_max: 200 << 20,
        disk_bytes_max: 8 << 20,
        output_bytes_max: 1_000,
        ..CommandConfig::default()
    };
    let world = World::new();
    let Some(registry) = registry(&world, config) else { return };
    let slow = run(&registry, "echo x > made; setsid sleep 1000 & sleep 1000").await;
    assert_code(&slow, "command_stopped", "time");
    assert!(slow.content.contains("after 3 s"), "{}", slow.content);
    // Far beyond the limit, but bounded: what a limit lets through for a moment must
    // not take the machine that tests it.
    let many = run(&registry, "for i in $(seq 60); do sleep 1000 & done; sleep 1000").await;
    assert!(many.is_error || many.content.contains("fork"), "{}", many.content);
    let many =
        run(&registry, "for i in 1 2 3 4 5 6 7 8 9; do head -c 4000000 /dev/zero > f$i; done; sleep 1000")
            .await;
    assert_code(&many, "command_stopped", "disk");
    let large = run(&registry, "head -c 20000000 /dev/zero > f; ls -l f | wc -l; rm f").await;
    assert!(!large.is_error, "{}", large.content);
    let loud = run(&registry, "echo first; yes | head -c 5000000; echo last").await;
    assert!(loud.content.len() < 1_500 && loud.content.contains("bytes left out"), "{}", loud.content);
    assert!(loud.content.contains("first\n") && loud.content.ends_with("last"), "{}", loud.content);
    assert_eq!(names(&world.staging()), Vec::<String>::new());
    for _ in 0..200 {
        if names(&world.project().join("tmp")).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", names(&world.project().join("tmp")));
}

#[tokio::test]
async fn a_fence_that_does_not_hold_is_no_tool() {
    let world = World::new();
    for (program, script) in
        [("missing", None), ("open", Some("#!/bin/sh\necho done\n")), ("fails", Some("#!/bin/sh\nexit 1\n"))]
    {
        let path = world.root.path().join("data").join(program);
        if let Some(script) = script {
            std::fs::write(&path, script).unwrap();
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let config = CommandConfig { bubblewrap: Some(path), ..CommandConfig::default() };
        assert!(RunCommandTool::new(world.files.clone(), config).is_err(), "{program}");
    }
}
