//! From a tree to a plan, or to all that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Fault, Node, Place, Value};
use super::{Approval, BACKSTOP, Context, MAX_STEPS, MAX_TRIES, MAX_WORDS, Plan, Step, StepType, VERSION, fits};
use crate::core::criteria::MAX_ONE;
use crate::core::id::StepId;
use crate::core::text::{self, MAX_TITLE, comma, first_line, line};

/// What joins the conditions of a backstop.
const AND: &str = " AND ";
/// How a condition of a backstop ends that is a command.
const PASSES: &str = " passes";

/// Returns a plan if nothing is wrong that keeps it from being made, and all that is wrong.
pub(super) fn read(node: &Node) -> (Option<Plan>, Vec<Fault>) {
    let mut reader = Reader { faults: Vec::new() };
    let plan = reader.plan(node);
    (plan, reader.faults)
}

struct Reader {
    faults: Vec<Fault>,
}

/// The fields of one mapping, of which each is taken once.
struct Fields<'a> {
    place: Place,
    left: Vec<(&'a str, &'a Node)>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, names: &[&str]) -> Option<&'a Node> {
        let at = self.left.iter().position(|(key, _)| names.contains(key))?;
        let node = self.left.remove(at).1;
        (node.value != Value::Nothing).then_some(node)
    }
}

impl Reader {
    fn fault(&mut self, place: &Place, what: impl Into<String>) {
        self.faults.push(Fault { place: place.clone(), what: what.into() });
    }

    fn fields<'a>(&mut self, node: &'a Node, what: &str) -> Fields<'a> {
        let left = if let Value::Fields(all) = &node.value {
            all.iter().map(|(key, node)| (key.as_str(), node)).collect()
        } else {
            self.fault(&node.place, format!("{what} is a mapping of keys to values"));
            Vec::new()
        };
        Fields { place: node.place.clone(), left }
    }

    /// Names the keys that nobody took.
    fn unknown(&mut self, fields: &Fields<'_>, known: &str) {
        for (_, node) in &fields.left {
            self.fault(&node.place, format!("unknown key; expected one of: {known}"));
        }
    }

    /// A text of any lines; empty is as if it were not there.
    fn words(&mut self, node: Option<&Node>) -> Option<String> {
        let node = node?;
        let Value::Text(words) = &node.value else {
            self.fault(&node.place, "is to be a text");
            return None;
        };
        if let Ok(words) = text::whole(words, MAX_WORDS) {
            return Some(words.trim().to_owned()).filter(|words| !words.is_empty());
        }
        self.fault(&node.place, format!("longer than {MAX_WORDS} bytes"));
        None
    }

    /// A text of one line with a limit; line breaks become spaces.
    fn one_line(&mut self, node: Option<&Node>, limit: usize) -> Option<String> {
        let place = node?.place.clone();
        let words = self.words(node)?;
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Ok(words) = text::whole_line(&words, limit) {
            return Some(words);
        }
        self.fault(&place, format!("longer than {limit} bytes"));
        None
    }

    fn list<'a>(&mut self, node: Option<&'a Node>) -> &'a [Node] {
        match node.map(|node| (&node.value, &node.place)) {
            None => &[],
            Some((Value::List(all), _)) => all,
            Some((_, place)) => {
                self.fault(place, "is to be a list");
                &[]
            }
        }
    }

    fn lines(&mut self, node: Option<&Node>, limit: usize) -> Vec<String> {
        let all = self.list(node);
        all.iter().filter_map(|one| self.one_line(Some(one), limit)).collect()
    }

    fn truth(&mut self, node: Option<&Node>) -> bool {
        match node.map(|node| (&node.value, &node.place)) {
            None => false,
            Some((Value::Text(word), _)) if matches!(word.as_str(), "true" | "True" | "TRUE") => true,
            Some((Value::Text(word), _)) if matches!(word.as_str(), "false" | "False" | "FALSE") => false,
            Some((_, place)) => {
                self.fault(place, "is to be true or false");
                false
            }
        }
    }

    fn named<T: Copy + std::fmt::Display>(&mut self, node: Option<&Node>, all: &[T], parse: fn(&str) -> Option<T>) -> Option<T> {
        let place = &node?.place;
        let word = self.one_line(node, MAX_TITLE)?;
        let found = parse(&word);
        if found.is_none() {
            self.fault(place, format!("`{}` is none of: {}", text::escape(&word), comma(all)));
        }
        found
    }

    fn step_id(&mut self, node: &Node) -> Option<StepId> {
        let word = self.one_line(Some(node), MAX_TITLE)?;
        match StepId::parse(&word) {
            Ok(id) => Some(id),
            Err(error) => {
                self.fault(&node.place, error.to_string());
                None
            }
        }
    }

    fn plan(&mut self, node: &Node) -> Option<Plan> {
        let mut fields = self.fields(node, "a plan");
        if let Some(version) = fields.take(&["version"]) {
            match &version.value {
                Value::Text(number) if number.parse() == Ok(VERSION) => {}
                Value::Text(number) if number.parse::<u32>().is_ok_and(|number| number > VERSION) => {
                    self.fault(&version.place, format!("version {number} needs a newer git-os; this one knows {VERSION}"));
                }
                _ => self.fault(&version.place, format!("the version of a plan is {VERSION}")),
            }
        }
        let goal = match fields.take(&["goal", "name"]) {
            Some(node) => self.words(Some(node)),
            None => None,
        };
        if goal.is_none() && !self.faults.iter().any(|fault| fault.place.path == "goal" || fault.place.path == "name") {
            self.fault(&node.place, "`goal` (or `name`) is missing: what the whole is for");
        }
        let task_id = self.one_line(fields.take(&["task_id"]), MAX_TITLE);
        let project = self.one_line(fields.take(&["project"]), MAX_TITLE);
        let target_repo = self.one_line(fields.take(&["target_repo"]), MAX_ONE);
        let context = fields.take(&["context"]).map(|node| self.context(node)).unwrap_or_default();
        let mut success_criteria = self.lines(fields.take(&["success_criteria"]), MAX_ONE);
        let backstop = self.backstop(fields.take(&[BACKSTOP]), &mut success_criteria);
        let steps_node = fields.take(&["steps", "tasks"]);
        if steps_node.is_none() {
            self.fault(&node.place, "`steps` (or `tasks`) is missing: at least one step");
        }
        let steps = self.steps(steps_node);
        self.unknown(
            &fields,
            "version, goal, name, task_id, project, target_repo, context, steps, tasks, success_criteria, backstop",
        );
        let plan =
            Plan { version: VERSION, goal: goal?, task_id, project, target_repo, context, steps, success_criteria, backstop };
        if let Err(error) = fits(&plan.criteria()) {
            self.fault(&node.place, format!("as acceptance criteria, one for each `acceptance` and `success_criteria`: {error}"));
        }
        Some(plan)
    }

    fn context(&mut self, node: &Node) -> Context {
        let mut fields = self.fields(node, "`context`");
        let context = Context {
            index: self.one_line(fields.take(&["index"]), MAX_ONE),
            decisions: self.lines(fields.take(&["decisions"]), MAX_ONE),
            files: self.lines(fields.take(&["files", "files_to_read"]), MAX_ONE),
            skills_available: self.lines(fields.take(&["skills_available"]), MAX_TITLE),
            workdir: self.one_line(fields.take(&["workdir"]), MAX_ONE),
            branch: self.one_line(fields.take(&["branch"]), MAX_ONE),
        };
        self.unknown(&fields, "index, decisions, files, files_to_read, skills_available, workdir, branch");
        context
    }

    /// The command of a backstop. Where conditions are joined by AND, those that end with `passes` are commands and the others are
    /// criteria.
    fn backstop(&mut self, node: Option<&Node>, criteria: &mut Vec<String>) -> Option<String> {
        let line = self.one_line(node, MAX_WORDS)?;
        let conditions: Vec<&str> = line.split(AND).map(str::trim).filter(|condition| !condition.is_empty()).collect();
        let mut commands = Vec::new();
        for condition in &conditions {
            match condition.trim_end_matches('.').strip_suffix(PASSES) {
                Some(command) => commands.push(command.to_owned()),
                None if conditions.len() == 1 => commands.push((*condition).to_owned()),
                None => criteria.push((*condition).to_owned()),
            }
        }
        (!commands.is_empty()).then(|| commands.join(" && "))
    }

    fn steps(&mut self, node: Option<&Node>) -> Vec<Step> {
        let Some(node) = node else { return Vec::new() };
        let all = self.list(Some(node));
        if all.is_empty() && matches!(node.value, Value::List(_)) {
            self.fault(&node.place, "has no step");
        }
        if all.len() > MAX_STEPS {
            self.fault(&node.place, format!("has {} steps, and a plan has at most {MAX_STEPS}", all.len()));
            return Vec::new();
        }
        let mut known: BTreeMap<StepId, &Place> = BTreeMap::new();
        let mut steps = Vec::new();
        let mut wanted = Vec::new();
        for one in all {
            let (step, place_of_id, depends) = self.step(one);
            wanted.push((step.as_ref().map(|step| step.id.clone()), depends));
            let Some(step) = step else { continue };
            if let Some(first) = known.get(&step.id) {
                let first = (*first).clone();
                self.fault(place_of_id, format!("the id `{}` is that of another step ({first})", step.id));
            } else {
                known.insert(step.id.clone(), place_of_id);
            }
            steps.push(step);
        }
        for (id, depends) in &wanted {
            for (on, place) in depends {
                if Some(on) == id.as_ref() {
                    self.fault(place, format!("step `{on}` cannot depend on itself"));
                } else if !known.contains_key(on) {
                    self.fault(place, format!("there is no step `{on}`"));
                }
            }
        }
        self.cycle(&steps, &known);
        steps
    }

    /// Names one step of each circle of dependencies, with the whole circle.
    fn cycle(&mut self, steps: &[Step], places: &BTreeMap<StepId, &Place>) {
        // Of two steps with one id the first is meant, as where that is named.
        let by_id: BTreeMap<&StepId, &Step> = steps.iter().rev().map(|step| (&step.id, step)).collect();
        let mut settled: BTreeSet<&StepId> = BTreeSet::new();
        for step in steps {
            let mut path: Vec<&StepId> = Vec::new();
            // Each entry: a step of the path, and how many of its dependencies were followed.
            let mut at: Vec<(&StepId, usize)> = vec![(&step.id, 0)];
            while let Some((id, next)) = at.pop() {
                if next == 0 {
                    if settled.contains(id) {
                        continue;
                    }
                    path.push(id);
                }
                let on = by_id.get(id).and_then(|step| step.depends_on.get(next));
                let Some(on) = on else {
                    settled.insert(id);
                    path.retain(|known| *known != id);
                    continue;
                };
                at.push((id, next + 1));
                if let Some(start) = path.iter().position(|known| *known == on) {
                    // A step on itself is named already.
                    if path.len() - start > 1 {
                        let circle = path[start..].iter().copied().chain([on]).map(|id| format!("`{id}`"));
                        let circle = circle.collect::<Vec<_>>().join(" needs ");
                        if let Some(place) = places.get(on) {
                            self.fault(place, format!("a circle of dependencies: {circle}"));
                        }
                    }
                } else if by_id.contains_key(on) {
                    at.push((on, 0));
                }
            }
        }
    }

    fn step<'a>(&mut self, node: &'a Node) -> (Option<Step>, &'a Place, Vec<(StepId, &'a Place)>) {
        let mut fields = self.fields(node, "a step");
        let id_node = fields.take(&["id"]);
        let place_of_id = id_node.map_or(&node.place, |node| &node.place);
        let id = id_node.and_then(|node| self.step_id(node));
        if id_node.is_none() && matches!(node.value, Value::Fields(_)) {
            self.fault(&node.place, "`id` is missing");
        }
        let description = self.words(fields.take(&["description"]));
        let title_node = fields.take(&["title"]);
        let title = self.one_line(title_node, MAX_TITLE).or_else(|| {
            let words = line(first_line(description.as_ref()?), MAX_TITLE);
            (!words.is_empty()).then_some(words)
        });
        if title.is_none() && title_node.is_none() && matches!(node.value, Value::Fields(_)) {
            self.fault(&node.place, "`title` (or `description`) is missing");
        }
        let prompt = self.words(fields.take(&["prompt"])).or(description);
        let (skill_node, shell_node) = (fields.take(&["skill_id", "skill"]), fields.take(&["shell"]));
        let skill_id = self.one_line(skill_node, MAX_TITLE);
        let shell = self.words(shell_node);
        let type_node = fields.take(&["type"]);
        let implied = match (&shell, &skill_id) {
            (Some(_), _) => StepType::Shell,
            (None, Some(_)) => StepType::Skill,
            (None, None) => StepType::Agent,
        };
        let kind = match type_node {
            Some(_) => self.named(type_node, StepType::ALL, StepType::parse),
            None => Some(implied),
        };
        self.judge_kind(&fields.place, kind, (skill_node, skill_id.is_some()), (shell_node, shell.is_some()));
        let approval_node = fields.take(&["approval"]);
        let approval = self.named(approval_node, Approval::ALL, Approval::parse).unwrap_or(Approval::None);
        if let (Some(StepType::AskUser), Approval::BeforeRun | Approval::BeforeWrite, Some(node)) =
            (kind, approval, approval_node)
        {
            self.fault(&node.place, "a step of type `ask_user` asks a person anyway");
        }
        let depends: Vec<_> = {
            let all = self.list(fields.take(&["depends_on"]));
            all.iter().filter_map(|one| Some((self.step_id(one)?, &one.place))).collect()
        };
        let acceptance = self.one_line(fields.take(&["acceptance"]), MAX_ONE - 60);
        let check = self.words(fields.take(&["check"]));
        let notes = self.words(fields.take(&["notes"]));
        let passes = self.truth(fields.take(&["passes"]));
        let max_attempts = self.tries(fields.take(&["max_attempts"]));
        self.unknown(
            &fields,
            "id, title, description, type, prompt, skill_id, shell, acceptance, check, approval, depends_on, notes, passes, max_attempts",
        );
        let mut depends_on: Vec<StepId> = Vec::new();
        for (on, _) in &depends {
            if !depends_on.contains(on) {
                depends_on.push(on.clone());
            }
        }
        let make = || {
            Some(Step {
                id: id?,
                title: title.unwrap_or_default(),
                kind: kind.unwrap_or(StepType::Agent),
                prompt,
                skill_id,
                shell,
                acceptance,
                check,
                approval,
                depends_on,
                notes,
                passes,
                max_attempts,
            })
        };
        (make(), place_of_id, depends)
    }

    /// Whether a step has what its type needs, and nothing that only another type uses.
    fn judge_kind(
        &mut self,
        place: &Place,
        kind: Option<StepType>,
        (skill, has_skill): (Option<&Node>, bool),
        (shell, has_shell): (Option<&Node>, bool),
    ) {
        match kind {
            Some(StepType::Skill) if !has_skill => self.fault(place, "a step of type `skill` needs `skill_id`"),
            Some(StepType::Shell) if !has_shell => self.fault(place, "a step of type `shell` needs `shell`"),
            _ => {}
        }
        let Some(kind) = kind else { return };
        for (own, node, has, key) in
            [(StepType::Skill, skill, has_skill, "skill_id"), (StepType::Shell, shell, has_shell, "shell")]
        {
            if let Some(node) = node.filter(|_| has && kind != own) {
                self.fault(&node.place, format!("a step of type `{kind}` has no `{key}`"));
            }
        }
    }

    fn tries(&mut self, node: Option<&Node>) -> Option<u32> {
        let node = node?;
        let tries = match &node.value {
            Value::Text(number) => number.parse().ok().filter(|number| (1..=MAX_TRIES).contains(number)),
            Value::Nothing | Value::List(_) | Value::Fields(_) => None,
        };
        if tries.is_none() {
            self.fault(&node.place, format!("is to be a number from 1 to {MAX_TRIES}"));
        }
        tries
    }
}
