//! Plan versions.

use std::sync::Arc;

use domain::id::{PlanId, ProjectId};
use domain::plan::{PlanState, PlanVersion, Rigor};
use domain::ports::StoreError;

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const PLANS: Table = Table {
    name: "plans",
    key: &["id"],
    columns: &[
        "id",
        "project",
        "version",
        "state",
        "summary",
        "plan_json",
        "rigor",
        "requirements_hash",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "cost",
        "created_at",
    ],
};

pub(crate) fn write(plan: &PlanVersion, rows: &mut Rows) {
    rows.begin();
    rows.text(plan.id.as_str());
    rows.text(plan.project.as_str());
    rows.int(plan.version.into());
    rows.text(plan.state.as_str());
    rows.text(&plan.plan.summary);
    rows.json(&*plan.plan);
    rows.text(plan.rigor.as_str());
    rows.text(&plan.requirements_hash);
    rows.text(&plan.model);
    rows.usage(&plan.usage);
    rows.money(plan.cost);
    rows.time(plan.created_at);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<PlanVersion, Damaged> {
    let id = PlanId::new(row.text()?);
    let project = ProjectId::new(row.text()?);
    let version = row.num()?;
    let state = row.word(PlanState::parse)?;
    // The summary is in the plan too; the column saves reading all of it.
    row.text()?;
    Ok(PlanVersion {
        id,
        project,
        version,
        state,
        plan: Arc::new(row.json()?),
        rigor: row.word(Rigor::parse)?,
        requirements_hash: row.text()?,
        model: row.text()?,
        usage: row.usage()?,
        cost: row.money()?,
        created_at: row.time()?,
    })
}

/// A plan version as lists show it.
pub type PlanListRow = PlanVersion;

impl Store {
    /// Plan versions of a project, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_plans(
        &self,
        project: &ProjectId,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<PlanListRow>, StoreError> {
        let sql = crate::dialect::cached("list_plans", || {
            format!(
                "SELECT {} FROM plans WHERE project = $1 ORDER BY version DESC LIMIT $2 OFFSET $3",
                PLANS.list("")
            )
        });
        let rows = sqlx::query(sql)
            .bind(project.as_str())
            .bind(limit)
            .bind(offset)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter().map(|row| read(&mut PLANS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// A plan version, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_plan(&self, id: &PlanId) -> Result<Option<PlanVersion>, StoreError> {
        let sql = crate::dialect::cached("find_plan", || {
            format!("SELECT {} FROM plans WHERE id = $1", PLANS.list(""))
        });
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.reader()).await.map_err(store_error)?;
        row.map(|row| read(&mut PLANS.cursor(&row, 0)).map_err(store_error)).transpose()
    }
}
