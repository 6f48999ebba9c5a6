//! What the clients ask before they use a tool.

use serde_json::Value;

use super::text::known;
use super::{Denied, World, eval, rules};

/// Tools that touch no file and run nothing.
const HARMLESS: &[&str] = &[
    "TodoWrite",
    "TodoRead",
    "AskUserQuestion",
    "ExitPlanMode",
    "EnterPlanMode",
    "ToolSearch",
    "TaskCreate",
    "TaskUpdate",
    "TaskList",
    "TaskGet",
    "BashOutput",
    "TaskOutput",
    "StructuredOutput",
    "update_plan",
    "write_todos",
    "todowrite",
    "todoread",
];
const SHELLS: &[&str] =
    &["Bash", "Monitor", "shell", "shell_command", "exec_command", "local_shell", "run_shell_command", "bash"];
const READERS: &[&str] = &["Read", "NotebookRead", "LS", "read_file", "list_directory", "read", "list", "view_image"];
const WRITERS: &[&str] = &["Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "replace", "write", "edit"];
const SEARCHERS: &[&str] = &["Glob", "Grep", "glob", "grep", "search_file_content", "grep_search"];
const PATHS: &[&str] = &["file_path", "notebook_path", "path", "filePath", "absolute_path", "dir_path", "directory"];

/// Whether a call may go on.
///
/// # Errors
/// If it may not, or cannot be understood.
pub(crate) fn judge(world: &World, cwd: &str, call: &Value) -> Result<(), Denied> {
    let unknown = |what: &str| Denied(format!("{what}; use a tool that git-os knows, such as Bash, Read, Edit or Write"));
    let name = call["tool_name"].as_str().ok_or_else(|| unknown("the call does not name its tool"))?;
    let input = call["tool_input"].as_object().ok_or_else(|| unknown("the call has no input"))?;
    let cwds = [known(cwd)];
    let text = |keys: &[&str]| keys.iter().find_map(|key| input.get(*key)).map(|value| value.as_str().map(str::to_owned));
    let path = || match text(PATHS) {
        Some(Some(path)) if !path.contains('\0') => Ok(Some(path)),
        None => Ok(None),
        _ => Err(Denied("the path of this call cannot be understood; pass one plain path".to_owned())),
    };
    if HARMLESS.contains(&name) {
        return Ok(());
    }
    if SHELLS.contains(&name) {
        let command = match input.get("command").or_else(|| input.get("cmd").filter(|_| name != "Bash")) {
            Some(Value::String(command)) => command.clone(),
            Some(Value::Array(words)) => {
                let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
                let words = words.ok_or_else(|| unknown("the command is not a text"))?;
                words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect::<Vec<_>>().join(" ")
            }
            _ => return Err(unknown("the call has no command")),
        };
        let from = text(&["workdir", "dir_path", "directory"]).flatten();
        let cwd = from.map_or_else(|| cwd.to_owned(), |from| if from.starts_with('/') { from } else { format!("{cwd}/{from}") });
        return eval::judge(world, &cwd, &command);
    }
    let file = |path: &str, writes: bool| {
        let path = path.strip_prefix("file://").unwrap_or(path);
        let path = path.strip_prefix("~/").map_or_else(|| path.to_owned(), |rest| format!("{}/{rest}", world.home));
        rules::may_read(world, &cwds, &known(&path))?;
        if writes { rules::may_write(world, &cwds, &known(&path)) } else { Ok(()) }
    };
    if READERS.contains(&name) || WRITERS.contains(&name) {
        let path = path()?.ok_or_else(|| unknown("the call names no file"))?;
        return file(&path, WRITERS.contains(&name));
    }
    if SEARCHERS.contains(&name) {
        let root = path()?.unwrap_or_else(|| ".".to_owned());
        file(&root, false)?;
        let root = root.strip_prefix("~/").map_or(root.clone(), |rest| format!("{}/{rest}", world.home));
        rules::may_walk(world, &cwds, &known(&root))?;
        if let Some(Some(pattern)) = text(&["pattern"]).filter(|_| name.eq_ignore_ascii_case("glob")) {
            let fixed = pattern.split(['*', '?', '[', '{']).next().unwrap_or_default();
            let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
            if pattern.starts_with('/') || pattern.starts_with('~') {
                file(if folder.is_empty() { "/" } else { folder }, false)?;
                rules::may_walk(world, &cwds, &known(if folder.is_empty() { "/" } else { folder }))?;
            } else {
                file(&format!("{root}/{folder}"), false)?;
            }
        }
        return Ok(());
    }
    Err(unknown(&format!("git-os does not know the tool `{}`", name.chars().take(60).collect::<String>())))
}
