//! One verb on several tickets: what can be done is done, and of each it is said what came of it.

use super::context::Context;
use crate::core::id::TicketId;
use crate::core::text::plural;
use crate::error::{CliError, Code, Kind};
use crate::operations::Place;

/// Does something to each of the named tickets, and prints the line that it answers. A ticket that is refused, or that nobody knows, keeps
/// no other back; one that is named twice counts once.
///
/// # Errors
/// That of the ticket if only one was named; else, with this code, how many were refused, after each refusal was told.
pub(super) fn each(
    ctx: &Context,
    verb: &str,
    (code, named): (Code, &[String]),
    act: impl Fn(&Place, &TicketId) -> Result<String, CliError>,
) -> Result<(), CliError> {
    let mut found: Vec<Result<(Place, TicketId), CliError>> = Vec::new();
    for part in named {
        // All names are read before anything changes what they mean.
        let one = ctx.find(part);
        let is_new = one.as_ref().map_or(true, |(_, id)| found.iter().flatten().all(|(_, known)| known != id));
        found.extend(is_new.then_some(one));
    }
    let count = found.len();
    let (mut failed, mut is_fatal) = (0, false);
    for one in found {
        let error = match one.and_then(|(place, id)| act(&place, &id)) {
            Ok(line) => {
                ctx.ui.line(line)?;
                continue;
            }
            Err(error) => error,
        };
        if count == 1 || error.is_broken_pipe || ctx.stop.is_interrupted() {
            return Err(error);
        }
        ctx.ui.error(&error, false);
        failed += 1;
        is_fatal |= error.kind != Kind::No;
    }
    if failed == 0 {
        return Ok(());
    }
    let kind = if is_fatal { Kind::Fatal } else { Kind::No };
    Err(CliError::new(kind, code, format!("cannot {verb} {failed} of {}", plural(count, "ticket", "tickets"))))
}
