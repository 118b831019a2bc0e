//! Who gets the next free slots: first whoever has the fewest, over owners and
//! then over their projects, so that no project starves another. Stateless: what
//! is running now is all the memory there is, and it is in the database.

use std::collections::BTreeMap;

use crate::id::{ProjectId, UserId};
use crate::ports::Offer;

/// One project's ready tasks, in the order in which it wants them started.
#[derive(Clone, Debug)]
pub struct Share {
    /// The project.
    pub project: ProjectId,
    /// Its owner; projects without one form a group of their own.
    pub owner: Option<UserId>,
    /// Tasks of it that a worker has.
    pub active: u32,
    /// What may start, best first.
    pub offers: Vec<Offer>,
}

/// Deals out up to `limit` offers, one at a time: to the owner with the fewest
/// slots, within it to the project with the fewest; ties go to the smaller id.
#[must_use]
pub fn deal(shares: Vec<Share>, limit: usize) -> Vec<Offer> {
    let mut owners: BTreeMap<Option<UserId>, Vec<Project>> = BTreeMap::new();
    for share in shares {
        let project =
            Project { id: share.project, slots: share.active.into(), offers: share.offers.into_iter() };
        owners.entry(share.owner).or_default().push(project);
    }
    let mut owners: Vec<Owner> = owners
        .into_values()
        .map(|projects| Owner { slots: projects.iter().map(|project| project.slots).sum(), projects })
        .collect();
    let mut dealt = Vec::new();
    while dealt.len() < limit {
        for owner in &mut owners {
            owner.projects.retain(|project| project.offers.len() > 0);
        }
        owners.retain(|owner| !owner.projects.is_empty());
        // The first of several smallest: owners are in the order of their ids.
        let Some(owner) = owners.iter_mut().min_by_key(|owner| owner.slots) else { break };
        let next = owner.projects.iter_mut().min_by(|a, b| (a.slots, &a.id).cmp(&(b.slots, &b.id)));
        let Some(offer) = next.and_then(|project| {
            project.slots += 1;
            project.offers.next()
        }) else {
            break;
        };
        owner.slots += 1;
        dealt.push(offer);
    }
    dealt
}

struct Owner {
    slots: u64,
    projects: Vec<Project>,
}

struct Project {
    id: ProjectId,
    slots: u64,
    offers: std::vec::IntoIter<Offer>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use crate::ports::Work;

    fn share(owner: &str, project: &str, active: u32, count: usize) -> Share {
        let offer = |n: usize| Offer { work: Work::Task(TaskId::new(format!("{project}{n}"))), fence: 0 };
        Share {
            project: ProjectId::new(project),
            owner: Some(UserId::new(owner)),
            active,
            offers: (0..count).map(offer).collect(),
        }
    }

    fn names(offers: Vec<Offer>) -> String {
        let names: Vec<String> = offers
            .into_iter()
            .map(|offer| match offer.work {
                Work::Task(id) => id.to_string(),
                Work::Operation(id) => id.to_string(),
            })
            .collect();
        names.join(" ")
    }

    #[test]
    fn an_owner_of_two_projects_gets_no_more_than_an_owner_of_one() {
        let shares = vec![share("u1", "a", 0, 9), share("u1", "b", 0, 9), share("u2", "c", 0, 9)];
        assert_eq!(names(deal(shares, 6)), "a0 c0 b0 c1 a1 c2");
    }

    #[test]
    fn who_has_slots_already_waits_until_the_others_have_as_many() {
        let shares = vec![share("u1", "a", 2, 9), share("u2", "b", 0, 9)];
        assert_eq!(names(deal(shares, 4)), "b0 b1 a0 b2");
    }

    #[test]
    fn what_one_does_not_need_goes_to_the_others() {
        let shares = vec![share("u1", "a", 0, 1), share("u2", "b", 5, 9)];
        assert_eq!(names(deal(shares, 3)), "a0 b0 b1");
        assert!(deal(Vec::new(), 3).is_empty());
    }
}
