//! Dependencies as a graph: cycles and waves. Readiness lives in the counters of
//! `decide`, which this module's results start off.

/// The graph of a plan: `prerequisites[i]` are the indices task `i` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    prerequisites: Vec<Vec<usize>>,
}

/// Tasks that wait for each other, in order; the last needs the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<usize>);

impl Graph {
    /// A graph of these prerequisites. Indices out of range are left out:
    /// `plan::validate` has named them before.
    #[must_use]
    pub fn new(prerequisites: Vec<Vec<usize>>) -> Self {
        let count = prerequisites.len();
        let prerequisites = prerequisites
            .into_iter()
            .map(|mut list| {
                list.retain(|&index| index < count);
                list.sort_unstable();
                list.dedup();
                list
            })
            .collect();
        Self { prerequisites }
    }

    /// What a task needs.
    #[must_use]
    pub fn prerequisites(&self, task: usize) -> &[usize] {
        self.prerequisites.get(task).map_or(&[], Vec::as_slice)
    }

    /// For each task, which tasks need it.
    #[must_use]
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.prerequisites.len()];
        for (task, list) in self.prerequisites.iter().enumerate() {
            for &prerequisite in list {
                dependents[prerequisite].push(task);
            }
        }
        dependents
    }

    /// The wave of each task: 0 without prerequisites, else one more than the
    /// highest among them.
    ///
    /// # Errors
    /// A cycle, if there is one.
    pub fn waves(&self) -> Result<Vec<u32>, Cycle> {
        let dependents = self.dependents();
        let mut unmet: Vec<usize> = self.prerequisites.iter().map(Vec::len).collect();
        let mut waves = vec![0u32; unmet.len()];
        let mut ready: Vec<usize> = (0..unmet.len()).filter(|&task| unmet[task] == 0).collect();
        let mut placed = 0;
        while let Some(task) = ready.pop() {
            placed += 1;
            for &dependent in &dependents[task] {
                waves[dependent] = waves[dependent].max(waves[task] + 1);
                unmet[dependent] -= 1;
                if unmet[dependent] == 0 {
                    ready.push(dependent);
                }
            }
        }
        if placed == unmet.len() { Ok(waves) } else { Err(self.cycle_among(&unmet)) }
    }

    /// Walks backwards from a task that was never placed: each has an unplaced
    /// prerequisite, so the walk must meet itself.
    fn cycle_among(&self, unmet: &[usize]) -> Cycle {
        let mut seen_at = vec![usize::MAX; unmet.len()];
        let mut path = Vec::new();
        let mut current = unmet.iter().position(|&count| count > 0);
        while let Some(task) = current {
            if seen_at[task] != usize::MAX {
                let mut cycle = path.split_off(seen_at[task]);
                cycle.reverse();
                return Cycle(cycle);
            }
            seen_at[task] = path.len();
            path.push(task);
            current = self.prerequisites[task].iter().copied().find(|&needed| unmet[needed] > 0);
        }
        Cycle(path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waves_are_dependency_depth() {
        let graph = Graph::new(vec![vec![], vec![0], vec![0], vec![1, 2], vec![]]);
        assert_eq!(graph.waves(), Ok(vec![0, 1, 1, 2, 0]));
    }

    #[test]
    fn a_cycle_is_named_in_order() {
        let graph = Graph::new(vec![vec![2], vec![0], vec![1], vec![]]);
        let Err(Cycle(tasks)) = graph.waves() else { panic!("expected a cycle") };
        assert_eq!(tasks.len(), 3);
        for (position, &task) in tasks.iter().enumerate() {
            let after = tasks[(position + 1) % tasks.len()];
            assert!(graph.prerequisites(after).contains(&task));
        }
    }

    #[test]
    fn a_chain_of_any_length_needs_no_stack() {
        let length = 20_000;
        let graph = Graph::new((0..length).map(|i| if i == 0 { vec![] } else { vec![i - 1] }).collect());
        assert_eq!(graph.waves().map(|waves| waves[length - 1]), Ok(19_999));
    }

    proptest! {
        #[test]
        fn every_graph_has_waves_or_a_real_cycle(
            edges in prop::collection::vec((0usize..12, 0usize..12), 0..40)
        ) {
            let mut prerequisites = vec![Vec::new(); 12];
            for (task, needed) in edges {
                prerequisites[task].push(needed);
            }
            let graph = Graph::new(prerequisites);
            match graph.waves() {
                Ok(waves) => for task in 0..12 {
                    for &needed in graph.prerequisites(task) {
                        prop_assert!(waves[needed] < waves[task]);
                    }
                },
                Err(Cycle(tasks)) => {
                    prop_assert!(!tasks.is_empty());
                    for (position, &task) in tasks.iter().enumerate() {
                        let after = tasks[(position + 1) % tasks.len()];
                        prop_assert!(graph.prerequisites(after).contains(&task));
                    }
                }
            }
        }
    }
}
