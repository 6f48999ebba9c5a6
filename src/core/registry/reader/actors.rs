//! Reads the tables `[[actor]]`: whose signature it takes for which role.

use toml_edit::{Item, TableLike};

use super::Reader;
use crate::core::event::Role;
use crate::core::signer::{Actor, Key, is_asked};
use crate::core::text;

impl Reader<'_> {
    /// `None` where nothing is said of actors; `actor = []` says that there are none.
    pub(super) fn actors(&mut self, root: &dyn TableLike) -> Option<Vec<Actor>> {
        let mut actors: Vec<Actor> = Vec::new();
        let item = root.get("actor")?;
        let Some(tables) = item.as_array_of_tables() else {
            if !item.as_array().is_some_and(toml_edit::Array::is_empty) {
                self.fault(item.span(), "`actor` must be an array of tables, written `[[actor]]`");
            }
            return Some(actors);
        };
        for table in tables {
            let Some(actor) = self.actor(table) else { continue };
            for other in &actors {
                for (what, is_shared) in [
                    ("name", other.name == actor.name),
                    ("email", other.email == actor.email),
                    ("key", other.keys.iter().any(|key| actor.keys.contains(key))),
                ] {
                    if is_shared {
                        self.fault(
                            table.span(),
                            format!("the actors `{}` and `{}` have the same {what}", other.name, actor.name),
                        );
                    }
                }
            }
            actors.push(actor);
        }
        if self.faults.is_empty() && !is_asked(&actors, Role::Operator) {
            let span = tables.iter().next().and_then(toml_edit::Table::span);
            self.fault(span, "no actor has the role `operator`; without one, anyone could publish a new policy");
        }
        Some(actors)
    }

    fn actor(&mut self, table: &toml_edit::Table) -> Option<Actor> {
        self.known_keys(table, "`[[actor]]`", &["name", "email", "keys", "roles"]);
        let line = |what: &'static str| {
            move |line: &str| {
                let is_one = !line.is_empty() && text::is_line(line, 100) && !line.contains(['<', '>']);
                is_one.then(|| line.to_owned()).ok_or_else(|| format!("`{}` is not {what}", text::escape(line)))
            }
        };
        let name = self.parsed(table, "[[actor]]", "name", table.span(), line("a name"));
        let email = self.parsed(table, "[[actor]]", "email", table.span(), line("a plain email address"));
        // Without keys nobody acts for them, and what they alone may do nobody does.
        let keys = self.each(table, "keys", |line| Key::parse(line).map_err(|error| error.to_string()));
        let roles = self.each(table, "roles", |role| match role.parse::<Role>()? {
            Role::Sync => Err("`sync` cannot be given to an actor: git-os itself acts as `sync`".to_owned()),
            role => Ok(role),
        });
        Some(Actor { name: name?, email: email?, keys, roles })
    }

    /// A list of strings, which has to be there.
    fn each<T>(&mut self, table: &toml_edit::Table, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let span = table.get(key).and_then(Item::span).or_else(|| table.span());
        if !table.contains_key(key) {
            self.fault(span.clone(), format!("[[actor]] has no `{key}`"));
        }
        let texts = self.strings(table, key);
        let mut all = Vec::new();
        for text in texts {
            match parse(&text) {
                Ok(one) => all.push(one),
                Err(why) => self.fault(span.clone(), format!("`{key}`: {why}")),
            }
        }
        all
    }
}
