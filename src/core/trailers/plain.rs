//! Trailers in the messages of ordinary commits, which people and agents write as they like.

/// Where the last paragraph of a message begins, if it is a block of trailers and not the subject.
fn block(message: &[u8]) -> Option<usize> {
    let end = message.trim_ascii_end().len();
    let start = message[..end].windows(2).rposition(|pair| pair == b"\n\n")? + 2;
    let mut lines = message[start..end].split(|byte| *byte == b'\n');
    lines.next().is_some_and(is_trailer).then_some(())?;
    lines.all(|line| is_trailer(line) || line.starts_with(b" ") || line.starts_with(b"(cherry picked from ")).then_some(start)
}

fn is_trailer(line: &[u8]) -> bool {
    let key = line.iter().position(|byte| *byte == b':').map(|at| &line[..at]);
    key.is_some_and(|key| !key.is_empty() && key.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'))
}

/// The values of a trailer, from the first to the last.
#[must_use]
pub(crate) fn values<'a>(message: &'a [u8], key: &str) -> Vec<&'a str> {
    let Some(start) = block(message) else { return Vec::new() };
    let lines = message[start..].split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let of_key = |line: &'a str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(key).then(|| value.trim())
    };
    lines.filter_map(of_key).collect()
}

/// A message with these trailers at its end; those that it has already are not repeated.
#[must_use]
pub(crate) fn append(message: &[u8], trailers: &[(&str, String)]) -> Vec<u8> {
    let is_new = |(key, value): &&(&str, String)| !values(message, key).contains(&value.as_str());
    let new: Vec<_> = trailers.iter().filter(is_new).collect();
    if new.is_empty() {
        return message.to_vec();
    }
    let mut out = message.trim_ascii_end().to_vec();
    out.extend_from_slice(if block(message).is_some() { b"\n" } else { b"\n\n" });
    for (key, value) in new {
        out.extend_from_slice(format!("{key}: {value}\n").as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(message: &str) -> String {
        let trailers = [("Os-Ticket", "T-1".to_owned()), ("Co-authored-by", "C <c@example.com>".to_owned())];
        let once = append(message.as_bytes(), &trailers);
        assert_eq!(append(&once, &trailers), once, "twice is once");
        assert_eq!(values(&once, "os-ticket"), ["T-1"], "{message}");
        String::from_utf8(once).expect("UTF-8")
    }

    #[test]
    fn trailers_are_the_last_paragraph() {
        let ours = "Os-Ticket: T-1\nCo-authored-by: C <c@example.com>\n";
        assert_eq!(appended("Fix it\n"), format!("Fix it\n\n{ours}"));
        assert_eq!(appended("Fix it"), format!("Fix it\n\n{ours}"));
        assert_eq!(appended("fix: the door\n"), format!("fix: the door\n\n{ours}"));
        assert_eq!(appended("Fix it\n\nSince it is broken.\n\n"), format!("Fix it\n\nSince it is broken.\n\n{ours}"));
        assert_eq!(
            appended("Fix it\n\nNote: this is prose\nover two lines\n"),
            format!("Fix it\n\nNote: this is prose\nover two lines\n\n{ours}")
        );
        assert_eq!(appended("Fix it\n\nSigned-off-by: A <a@b>\n"), format!("Fix it\n\nSigned-off-by: A <a@b>\n{ours}"));
        let said = "Fix it\n\nCo-Authored-By: C <c@example.com>\n";
        assert_eq!(appended(said), format!("{said}Os-Ticket: T-1\n"));
    }

    #[test]
    fn what_is_not_text_is_kept_as_it_is() {
        let out = append(b"Fix \xff\n\nIt was \xfe\n", &[("Os-Ticket", "T-1".to_owned())]);
        assert_eq!(out, b"Fix \xff\n\nIt was \xfe\n\nOs-Ticket: T-1\n");
        assert_eq!(append(b"", &[("Os-Ticket", "T-1".to_owned())]), b"\n\nOs-Ticket: T-1\n");
    }
}
