//! `git os fsm`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::core::event::State;
use crate::core::fsm::{By, From, RULES, Rule, To};
use crate::error::CliError;
use crate::ui::Tone;

/// Show the state machine of a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Print the state machine as JSON
    #[arg(long, conflicts_with = "dot")]
    json: bool,

    /// Print the state machine for Graphviz
    #[arg(long)]
    dot: bool,
}

#[derive(Serialize)]
struct Table {
    version: u32,
    rules: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    event: &'static str,
    from: Vec<&'static str>,
    to: Vec<&'static str>,
    by: Vec<String>,
    needs: &'static str,
}

fn from(rule: &Rule) -> Vec<State> {
    State::ALL.iter().copied().filter(|state| rule.allows(*state)).collect()
}

fn by(by: By) -> String {
    match by {
        By::Role(role) => role.to_string(),
        By::Holder => "holder".to_owned(),
        By::Author => "author".to_owned(),
        By::AnotherRun(role) => format!("{role} (another run)"),
        By::Anyone => "anyone".to_owned(),
    }
}

fn row(rule: &Rule) -> Row {
    let to = match rule.to {
        To::Is(state) => vec![state.as_str()],
        To::Same => vec!["same"],
        To::OneOf(states) => states.iter().map(|state| state.as_str()).collect(),
    };
    Row {
        event: rule.event.as_str(),
        from: from(rule).iter().map(|state| state.as_str()).collect(),
        to,
        by: rule.by.iter().copied().map(by).collect(),
        needs: rule.needs,
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let rows: Vec<Row> = RULES.iter().map(row).collect();
    if args.json {
        return ctx.ui.json(&Table { version: 1, rules: rows });
    }
    if args.dot {
        ctx.ui.line("digraph tickets {\n  rankdir=LR;\n  start [shape=point];\n  start -> draft [label=create];")?;
        for row in &rows {
            for from in &row.from {
                for to in row.to.iter().filter(|to| **to != "same") {
                    ctx.ui.line(format!("  \"{from}\" -> \"{to}\" [label=\"{}\"];", row.event))?;
                }
            }
        }
        return ctx.ui.line("}");
    }
    let cells = |row: &Row, rule: &Rule| {
        let from = match rule.from {
            From::Nothing => "-".to_owned(),
            From::Any => "any".to_owned(),
            From::Open => "any open".to_owned(),
            From::In(_) => row.from.join(" "),
        };
        [row.event.to_owned(), from, row.to.join(" or "), row.by.join(", "), row.needs.to_owned()]
            .map(|cell| (Tone::Quiet, cell))
            .to_vec()
    };
    let mut table = vec![["event", "from", "to", "by", "needs"].map(|head| (Tone::Strong, head.to_owned())).to_vec()];
    table.extend(rows.iter().zip(RULES).map(|(row, rule)| cells(row, rule)));
    ctx.ui.table(&table)
}
