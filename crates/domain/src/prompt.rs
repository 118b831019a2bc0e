//! What models are told.

pub(crate) fn plan_repair(problems: &[String]) -> String {
    problems.join("\n")
}
