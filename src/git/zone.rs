//! The time zone of this machine, read from `TZ` or `/etc/localtime` without looking up its name.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The folder of the time zone files, unless `TZDIR` is set.
const ZONES: &str = "/usr/share/zoneinfo";
/// The maximum size of a time zone file, in bytes.
const MAX_ZONE: u64 = 1024 * 1024;

/// Minutes east of UTC at a time in seconds; `None` if the zone is unknown. The zone is looked up once per process, as by a C library.
#[must_use]
pub(super) fn minutes_east(seconds: i64) -> Option<i32> {
    static ZONE: OnceLock<Option<TimeZone>> = OnceLock::new();
    minutes_in(ZONE.get_or_init(of_this_machine).as_ref()?, seconds)
}

#[expect(clippy::disallowed_methods, reason = "git takes its zone from the same variables")]
fn of_this_machine() -> Option<TimeZone> {
    let named = std::env::var("TZ").ok();
    let zones = std::env::var_os("TZDIR").map_or_else(|| PathBuf::from(ZONES), PathBuf::from);
    find(named.as_deref(), &zones)
}

fn find(named: Option<&str>, zones: &Path) -> Option<TimeZone> {
    match named.map(|name| name.strip_prefix(':').unwrap_or(name)) {
        None => read(Path::new("/etc/localtime")),
        Some("" | "UTC" | "UTC0") => Some(TimeZone::UTC),
        // `join` keeps an absolute path unchanged.
        Some(name) => read(&zones.join(name)).or_else(|| TimeZone::posix(name).ok()),
    }
}

fn minutes_in(zone: &TimeZone, seconds: i64) -> Option<i32> {
    Some(zone.to_offset(Timestamp::from_second(seconds).ok()?).seconds() / 60)
}

#[expect(clippy::disallowed_methods, reason = "the zones of this machine are files")]
fn read(path: &Path) -> Option<TimeZone> {
    let is_zone = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_ZONE);
    is_zone.then(|| TimeZone::tzif("", &std::fs::read(path).ok()?).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_name_rule_or_not_at_all() {
        let at = |named| minutes_in(&find(Some(named), Path::new("/nonexistent"))?, 1_782_000_000);
        assert_eq!(at("UTC"), Some(0));
        assert_eq!(at(""), Some(0));
        assert_eq!(at("CET-1CEST,M3.5.0,M10.5.0/3"), Some(120), "in summer");
        assert_eq!(at("<-0330>3:30"), Some(-210));
        assert_eq!(at("No/Where"), None);
        if Path::new(ZONES).join("Asia/Kolkata").exists() {
            let zone = find(Some(":Asia/Kolkata"), Path::new(ZONES)).expect("a zone");
            assert_eq!(minutes_in(&zone, 0), Some(330));
        }
    }
}
