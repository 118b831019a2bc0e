//! `orch usage`: what was spent, on what.

use clap::ValueEnum;
use domain::money::NanoUsd;
use domain::ports::Clock as _;
use serde_json::json;
use store::{UsageGroup, UsageLine};

use crate::exit::{Ended, Exit, Failure};
use crate::find;
use crate::output::{Column, money, print, say, table, width};
use crate::system::SystemClock;
use crate::wire_up::{Place, Setup};

/// Show what was spent, on what; simulated money is never mixed with real.
#[derive(Debug, clap::Args)]
#[command(
    name = "usage",
    after_help = "Examples:\n  orch usage\n  orch usage prj_01kb3x --by task\n  orch usage --by day --json"
)]
pub struct UsageCommand {
    /// Only of this project.
    id: Option<String>,
    /// What the sums are taken by.
    #[arg(long, value_enum, default_value = "model")]
    by: By,
    /// What simulated calls stood for, instead of real money.
    #[arg(long)]
    simulated: bool,
    /// One line each, for programs.
    #[arg(long)]
    json: bool,
}

/// What sums are taken by.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Model,
    Provider,
    Purpose,
    Day,
    Task,
    Project,
}

impl By {
    const fn group(self) -> UsageGroup {
        match self {
            Self::Model => UsageGroup::Model,
            Self::Provider => UsageGroup::Provider,
            Self::Purpose => UsageGroup::Purpose,
            Self::Day => UsageGroup::Day,
            Self::Task => UsageGroup::Task,
            Self::Project => UsageGroup::Project,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Purpose => "purpose",
            Self::Day => "day (UTC)",
            Self::Task => "task",
            Self::Project => "project",
        }
    }
}

impl UsageCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run(self, setup: &Setup) -> Ended {
        if !setup.has_data() {
            say("Nothing was spent yet.");
            return Ok(Exit::Completed);
        }
        let place = setup.open_existing().await?;
        let project = match &self.id {
            Some(text) => Some(find::project(&place.store, text).await?.project.id),
            None => None,
        };
        let lines =
            place.store.usage_summary(self.by.group(), project.as_ref(), None, self.simulated).await?;
        if self.json {
            for line in &lines {
                print(&format!("{}\n", as_json(line, self.simulated)))?;
            }
            return Ok(Exit::Completed);
        }
        if lines.is_empty() {
            let other = place.store.usage_summary(UsageGroup::All, project.as_ref(), None, !self.simulated);
            let hint = match (other.await?.is_empty(), self.simulated) {
                (true, _) | (_, true) => "",
                (false, false) => " Simulated calls are shown with --simulated.",
            };
            say(&format!("Nothing was spent.{hint}"));
        } else {
            let kind = if self.simulated { " (simulated: nothing of this was spent)" } else { "" };
            print(&draw(&lines, self.by))?;
            let total: NanoUsd = lines.iter().map(|line| line.cost).sum();
            print(&format!("\n  Total {}{kind}\n", money(total)))?;
        }
        if !self.simulated && project.is_none() {
            periods(setup, &place).await?;
        }
        Ok(Exit::Completed)
    }
}

/// What today and this month have left.
async fn periods(setup: &Setup, place: &Place) -> Result<(), Failure> {
    let now = SystemClock.now();
    let keys = [format!("real/day/{}", now.day()).into(), format!("real/month/{}", now.month()).into()];
    let accounts = place.store.accounts(&keys).await?;
    let budget = &setup.config.budget;
    let named = [("Today     ", budget.daily_limit), ("This month", budget.monthly_limit)];
    for (account, (name, limit)) in accounts.iter().zip(named) {
        let held = if account.held.is_zero() {
            String::new()
        } else {
            format!(", {} set aside for calls in flight", money(account.held))
        };
        print(&format!("  {name} {} of {}{held}\n", money(account.spent), money(limit)))?;
    }
    Ok(())
}

fn draw(lines: &[UsageLine], by: By) -> String {
    let columns = [
        Column::elastic(by.title()),
        Column::number("calls"),
        Column::number("input"),
        Column::number("output"),
        Column::number("cached"),
        Column::number("cost"),
    ];
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let usage = &line.usage;
            let estimated = if line.estimated.is_zero() { "" } else { " *" };
            vec![
                if line.name.is_empty() { "planning".to_owned() } else { line.name.to_string() },
                line.calls.to_string(),
                (usage.input + usage.cache_write_5m + usage.cache_write_1h).to_string(),
                usage.output.to_string(),
                usage.cache_read.to_string(),
                format!("{}{estimated}", money(line.cost)),
            ]
        })
        .collect();
    let mut out = table(&columns, &rows, width());
    if lines.iter().any(|line| !line.estimated.is_zero()) {
        out.push_str("\n  * partly an upper bound: nobody knows what some calls were billed\n");
    }
    out
}

fn as_json(line: &UsageLine, is_simulated: bool) -> serde_json::Value {
    let usage = &line.usage;
    json!({
        "name": line.name,
        "calls": line.calls,
        "cost_nano_usd": line.cost.0,
        "cost_usd": line.cost.to_dollars(),
        "estimated_usd": line.estimated.to_dollars(),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "cache_read_tokens": usage.cache_read,
        "is_simulated": is_simulated,
    })
}
