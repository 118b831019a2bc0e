//! What a running command uses, added up over all its processes. The limits that the
//! kernel sets are for one process each, and it does not count those of root at all.

use std::fs;
use std::path::Path;

/// Most files that are looked at.
const ENTRIES_MAX: usize = 50_000;
const PAGE_BYTES: u64 = 4_096;

/// Processes and memory beneath a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub processes: u64,
    pub memory_bytes: u64,
}

/// Of this process and all beneath it, no further than `processes_max` and one more.
pub fn usage(root: u32, processes_max: u64) -> Usage {
    let mut usage = Usage::default();
    let mut open = vec![root];
    while let Some(process) = open.pop() {
        usage.processes += 1;
        usage.memory_bytes = usage.memory_bytes.saturating_add(memory(process));
        if usage.processes > processes_max {
            break;
        }
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()));
        }
    }
    usage
}

fn memory(process: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    pages.saturating_mul(PAGE_BYTES)
}

/// Bytes of the files beneath a folder; too many files count as too many bytes.
pub fn disk(root: &Path) -> u64 {
    let (mut bytes, mut entries) = (0_u64, 0);
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(list) = fs::read_dir(&folder) else { continue };
        for entry in list.flatten() {
            entries += 1;
            if entries > ENTRIES_MAX {
                return u64::MAX;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                bytes = bytes.saturating_add(metadata.len());
            }
        }
    }
    bytes
}
