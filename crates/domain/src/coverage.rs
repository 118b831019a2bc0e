//! Which requirements are served by which tasks, and which by none.
//!
//! Counts what tasks claim to serve; whether they do is for verification.

use serde::{Deserialize, Serialize};

use crate::requirement::{self, Requirement};

/// One requirement and who serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// `R1`, `R2`, …
    pub id: String,
    /// Its text.
    pub text: String,
    /// Positions of the tasks that serve it, ascending, each once.
    pub served_by: Vec<usize>,
}

impl Covered {
    /// Whether any task serves it.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        !self.served_by.is_empty()
    }
}

/// All requirements of a project and who serves them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// In the order of the requirements.
    pub requirements: Vec<Covered>,
}

impl Coverage {
    /// Coverage by tasks, each given as the ids it serves. Ids that name no
    /// requirement count for nothing.
    pub fn of<I, T>(requirements: &[Requirement], tasks: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: IntoIterator,
        T::Item: AsRef<str>,
    {
        let mut covered: Vec<Covered> = requirements
            .iter()
            .map(|r| Covered { id: r.id.clone(), text: r.text.clone(), served_by: Vec::new() })
            .collect();
        for (position, ids) in tasks.into_iter().enumerate() {
            for id in ids {
                let slot = requirement::number_of(id.as_ref()).and_then(|n| covered.get_mut(n - 1));
                if let Some(slot) = slot
                    && slot.served_by.last() != Some(&position)
                {
                    slot.served_by.push(position);
                }
            }
        }
        Self { requirements: covered }
    }

    /// Requirements that no task serves.
    pub fn gaps(&self) -> impl Iterator<Item = &Covered> {
        self.requirements.iter().filter(|requirement| !requirement.is_covered())
    }

    /// How many requirements some task serves.
    #[must_use]
    pub fn covered_count(&self) -> usize {
        self.requirements.iter().filter(|requirement| requirement.is_covered()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_no_task_names() {
        let requirements = requirement::split("a\n\nb\n\nc");
        let coverage =
            Coverage::of(&requirements, [vec!["R1", "R1", "R9", "junk"], vec![], vec!["R1", "R3"]]);
        assert_eq!(coverage.requirements[0].served_by, [0, 2]);
        assert_eq!(coverage.gaps().map(|gap| gap.id.as_str()).collect::<Vec<_>>(), ["R2"]);
        assert_eq!(coverage.covered_count(), 2);
    }

    #[test]
    fn without_requirements_there_is_no_gap() {
        assert_eq!(Coverage::of(&[], [["R1"]]), Coverage::default());
    }
}
