//! Calls: one row per physical request to a provider.

use std::sync::Arc;

use domain::attempt::{Call, CallState};
use domain::id::{CallId, ProjectId, UserId};
use domain::model::Purpose;

use crate::attempts::{owner_kind, owner_of};
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const CALLS: Table = Table {
    name: "calls",
    key: &["id"],
    columns: &[
        "id",
        "project",
        "user_id",
        "owner",
        "owner_kind",
        "attempt",
        "seq",
        "try_no",
        "purpose",
        "provider",
        "model",
        "price_json",
        "hold",
        "accounts_json",
        "state",
        "has_usage",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "cost",
        "request_id",
        "error",
        "began_at",
        "ended_at",
    ],
};

/// Reads the word of a purpose.
pub(crate) fn purpose_of(word: &str) -> Option<Purpose> {
    [
        Purpose::Planning,
        Purpose::Execution,
        Purpose::Verification,
        Purpose::KnowledgeExtraction,
        Purpose::Compaction,
        Purpose::ExternalExecution,
    ]
    .into_iter()
    .find(|purpose| purpose.as_str() == word)
}

pub(crate) fn write(call: &Call, rows: &mut Rows) {
    rows.begin();
    rows.text(call.id.as_str());
    rows.text(call.project.as_str());
    rows.opt_text(call.user.as_ref().map(UserId::as_str));
    rows.text(call.owner.as_str());
    rows.text(owner_kind(&call.owner));
    rows.int(call.attempt.into());
    rows.int(call.seq.into());
    rows.int(call.try_no.into());
    rows.text(call.purpose.as_str());
    rows.text(&call.provider);
    rows.text(&call.model);
    rows.json(&*call.price);
    rows.money(call.hold);
    rows.json(&call.accounts);
    rows.text(call.state.as_str());
    rows.bool(call.usage.is_some());
    rows.usage(&call.usage.unwrap_or_default());
    rows.money(call.cost);
    rows.opt_text(call.request_id.as_deref());
    rows.opt_text(call.error.as_deref());
    rows.time(call.began_at);
    rows.opt_time(call.ended_at);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Call, Damaged> {
    let id = CallId::new(row.text()?);
    let project = ProjectId::new(row.text()?);
    let user = row.opt_text()?.map(UserId::new);
    let owner = row.text()?;
    let owner = row.word(|kind| owner_of(kind, owner))?;
    let (attempt, seq, try_no) = (row.num()?, row.num()?, row.num()?);
    let purpose = row.word(purpose_of)?;
    let (provider, model) = (row.text()?, row.text()?);
    let price = Arc::new(row.json()?);
    let hold = row.money()?;
    let accounts = row.json()?;
    let state = row.word(CallState::parse)?;
    let has_usage = row.bool()?;
    let usage = row.usage()?;
    Ok(Call {
        id,
        project,
        user,
        owner,
        attempt,
        seq,
        try_no,
        purpose,
        provider,
        model,
        price,
        hold,
        accounts,
        state,
        usage: has_usage.then_some(usage),
        cost: row.money()?,
        request_id: row.opt_text()?,
        error: row.opt_text()?,
        began_at: row.time()?,
        ended_at: row.opt_time()?,
    })
}
