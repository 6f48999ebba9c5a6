//! Reads `[budget]`: what could never hold, or would let nobody work, is refused where it stands.

use std::collections::BTreeSet;

use toml_edit::{Item, TableLike};

use super::Reader;
use crate::core::budget::{Amounts, Budget, Limits, words};
use crate::core::id::Brand;
use crate::core::outcome::Cap;
use crate::core::text;
use crate::core::usage::MicroDollars;

/// The tables of amounts.
const TABLES: &[&str] = &["run", "ticket", "day", "total"];
/// The most of anything, so that sums stay sums.
const MAX: u64 = 1_000_000_000_000;

impl Reader<'_> {
    /// The budget of the workspace; without the table there is none.
    pub(super) fn budget(&mut self, root: &dyn TableLike, brands: &BTreeSet<Brand>) -> Budget {
        let mut budget = Budget::default();
        let Some(item) = root.get("budget") else { return budget };
        let Some(table) = item.as_table_like() else {
            self.fault(item.span(), "`budget` is not a table");
            return budget;
        };
        self.known_keys(table, "`[budget]`", &[TABLES, &["brands"]].concat());
        budget.all = self.limits(table, &Amounts::default());
        let Some(item) = table.get("brands") else { return budget };
        let Some(tables) = item.as_table_like() else {
            self.fault(item.span(), "`brands` is not a table");
            return budget;
        };
        for (name, item) in tables.iter() {
            let shown = text::escape(name);
            let brand = Brand::parse(name).ok().filter(|brand| brands.contains(brand));
            let (Some(brand), Some(own)) = (brand, item.as_table_like()) else {
                self.fault(item.span(), format!("`[budget.brands.{shown}]` is not the table of a brand of a repository"));
                continue;
            };
            self.known_keys(own, &format!("`[budget.brands.{shown}]`"), TABLES);
            let limits = self.limits(own, &budget.all.run);
            budget.brands.insert(brand, limits);
        }
        budget
    }

    /// The limits of one table; what a run may use anywhere counts for it too.
    fn limits(&mut self, table: &dyn TableLike, run: &Amounts) -> Limits {
        let [own, ticket, day, total] = [TABLES[0], TABLES[1], TABLES[2], TABLES[3]].map(|key| self.amounts(table, key));
        let may_use = own.least(run);
        for (key, amounts) in [("ticket", &ticket), ("day", &day), ("total", &total)] {
            for (cap, limit) in amounts.iter().filter(|(cap, _)| *cap != Cap::Runs) {
                let span = table.get(key).and_then(|item| item.get(cap.as_str())).and_then(Item::span);
                match may_use.get(cap) {
                    None => self.fault(
                        span,
                        format!(
                            "`{key}` counts {cap}, so `run` has to say how much of them one run may use: it is reserved before"
                        ),
                    ),
                    Some(run) if run > limit => self.fault(
                        span,
                        format!(
                            "`{key}` lets nobody work: a run may use {}, which is more than {}",
                            words(cap, run),
                            words(cap, limit)
                        ),
                    ),
                    Some(_) => {}
                }
            }
        }
        Limits { run: own, ticket, day, total }
    }

    fn amounts(&mut self, table: &dyn TableLike, key: &str) -> Amounts {
        let mut amounts = Amounts::default();
        let Some(item) = table.get(key) else { return amounts };
        let Some(caps) = item.as_table_like() else {
            self.fault(item.span(), format!("`{key}` is not a table such as {{ dollars = 2 }}"));
            return amounts;
        };
        let known = Cap::ALL.iter().filter(|cap| **cap != if key == "run" { Cap::Runs } else { Cap::Disk });
        let known: Vec<_> = known.map(|cap| cap.as_str()).collect();
        self.known_keys(caps, &format!("`{key}`"), &known);
        for (name, item) in caps.iter() {
            let Some(cap) = Cap::parse(name).filter(|cap| known.contains(&cap.as_str())) else { continue };
            let such = match cap {
                Cap::Dollars => "an amount such as 2.50",
                Cap::Disk => "a size such as \"500M\" or \"2G\"",
                Cap::Turns | Cap::Tokens | Cap::Minutes | Cap::Runs => "a number of at least 1",
            };
            if let Some(amount) = amount(cap, item).filter(|amount| (1..=MAX).contains(amount)) {
                amounts.set(cap, amount);
            } else {
                self.fault(item.span(), format!("`{cap}` of `{key}` is not {such}"));
            }
        }
        amounts
    }
}

/// An amount as the registry has it, in the unit in which it is counted.
fn amount(cap: Cap, item: &Item) -> Option<u64> {
    let whole = || item.as_integer().and_then(|number| u64::try_from(number).ok());
    match cap {
        Cap::Dollars => {
            let number = whole().map(|number| number.to_string()).or_else(|| item.as_float().map(|number| number.to_string()));
            number.as_deref().and_then(MicroDollars::parse).map(|MicroDollars(micros)| micros)
        }
        Cap::Minutes => whole()?.checked_mul(60).filter(|seconds| *seconds <= 31 * 24 * 3600),
        Cap::Disk => {
            let text = item.as_str()?;
            let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
            let factor = match unit {
                "M" => 1 << 20,
                "G" => 1 << 30,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(factor)
        }
        Cap::Turns | Cap::Tokens | Cap::Runs => whole(),
    }
}

#[cfg(test)]
mod tests {
    use crate::core::outcome::Cap;
    use crate::core::registry::Registry;

    const HEAD: &str = "version = 1\n[os]\nhub = \"a\"\n[[repo]]\nname = \"a\"\npath = \".\"\nbrand = \"a\"\n";

    #[test]
    fn amounts_are_read_in_their_units() {
        let text = "[budget]\nrun = { dollars = 2.5, minutes = 30, disk = \"2G\" }\nday = { dollars = 20, runs = 40 }\n\
                    [budget.brands.a]\nrun = { dollars = 1 }\nday = { dollars = 5, minutes = 60 }\n";
        let budget = Registry::parse(&format!("{HEAD}{text}")).expect("good").budget;
        let brand = crate::core::id::Brand::parse("a").expect("a brand");
        let run = budget.run(&brand);
        let all = (run.get(Cap::Dollars), run.get(Cap::Minutes), run.get(Cap::Disk), budget.all.day.get(Cap::Runs));
        assert_eq!(all, (Some(1_000_000), Some(1800), Some(2 << 30), Some(40)));
        assert!(budget.is_counted());
    }

    #[test]
    fn what_cannot_hold_or_lets_nobody_work_is_refused_where_it_stands() {
        let text = "[budget]\nrun = { runs = 1, dollars = 0, turns = 9, minutes = \"5\" }\nday = { dollars = 3, turns = 4, disk = \"1G\" }\n\
                    week = {}\n[budget.brands.b]\nday = { runs = 1 }\n";
        let faults = Registry::parse(&format!("{HEAD}{text}")).expect_err("bad");
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        snapbox::assert_data_eq!(
            shown.join("\n"),
            snapbox::str![[r#"
line 9: unknown key `runs` in `run`; expected one of: turns, dollars, tokens, minutes, disk
line 9: `dollars` of `run` is not an amount such as 2.50
line 9: `minutes` of `run` is not a number of at least 1
line 10: unknown key `disk` in `day`; expected one of: turns, dollars, tokens, minutes, runs
line 10: `day` lets nobody work: a run may use 9 turns, which is more than 4 turns
line 10: `day` counts dollars, so `run` has to say how much of them one run may use: it is reserved before
line 11: unknown key `week` in `[budget]`; expected one of: run, ticket, day, total, brands
line 12: `[budget.brands.b]` is not the table of a brand of a repository
"#]]
        );
    }
}
