//! Compiles the two small programs in `hooks/`, one of which `src/hook/front.rs` embeds and installs as a git hook.
//!
//! In cargo's output directory, `front` is the program for this platform, and `portable` is the one that all platforms have.
#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo by variables, files and processes")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FREESTANDING: &str = "hooks/front.rs";
const PORTABLE: &str = "hooks/portable.rs";

/// One segment for everything: each one more is a mapping that every start of the hook pays for.
const LAYOUT: &str = "\
ENTRY(_start)
PHDRS { image PT_LOAD FILEHDR PHDRS FLAGS(5); stack PT_GNU_STACK FLAGS(6); }
SECTIONS {
  . = 0x400000 + SIZEOF_HEADERS;
  .text : { *(.text .text.*) } :image
  .rodata : { *(.rodata .rodata.*) *(.settings) } :image
  .mutable : { *(.data .data.* .bss .bss.* .got .got.*) } :image
  ASSERT(SIZEOF(.mutable) == 0, \"the segment is not writable\")
  /DISCARD/ : { *(.comment) *(.eh_frame*) *(.note*) *(.ARM.*) }
}
";

fn main() {
    println!("cargo::rerun-if-changed=hooks");
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(variable("OUT_DIR"));
    let (front, portable) = (folder.join("front"), folder.join("portable"));
    // The same compiler compiles git-os itself for the same target, so this should not fail.
    compile_portable(&portable).unwrap_or_else(|why| panic!("cannot compile {PORTABLE}: {why}"));
    let is_there = is_supported()
        && compile_freestanding(&front)
            .inspect_err(|why| println!("cargo::warning=cannot compile {FREESTANDING}, so hooks will be slower: {why}"))
            .is_ok();
    if !is_there {
        fs::copy(&portable, &front).expect("cargo's output directory is writable");
    }
}

fn is(variable: &str, values: &[&str]) -> bool {
    env::var(variable).is_ok_and(|value| values.contains(&value.as_str()))
}

fn is_supported() -> bool {
    is("CARGO_CFG_TARGET_OS", &["linux"])
        && is("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"])
        && is("CARGO_CFG_TARGET_POINTER_WIDTH", &["64"])
        && is("CARGO_CFG_TARGET_ENDIAN", &["little"])
}

/// The options for both programs. A debug and a release build give the same program.
fn rustc(source: &str, name: &str, to: &Path) -> Command {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([source, "--crate-name", name, "--crate-type=bin", "--edition=2024"]);
    rustc.arg("--target").arg(variable("TARGET")).arg("-o").arg(to);
    let shape = "panic=abort opt-level=s codegen-units=1 debuginfo=0 strip=symbols overflow-checks=off debug-assertions=off";
    rustc.args(shape.split(' ').map(codegen));
    rustc
}

/// A static program starts faster. It is a dynamic one if there is no static C library.
fn compile_portable(to: &Path) -> Result<(), String> {
    let start = || {
        let mut rustc = rustc(PORTABLE, "portable", to);
        if let Some(given) = env::var_os("RUSTC_LINKER") {
            rustc.arg(codegen(join("linker=", given)));
        }
        rustc
    };
    let fixed = if is("CARGO_CFG_TARGET_OS", &["linux"]) {
        run(start().args(["target-feature=+crt-static", "relocation-model=static"].map(codegen)))
    } else {
        Err("only for Linux".to_owned())
    };
    // The flags of the build may be needed to find a linker.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags = flags.split('\x1f').filter(|flag| !flag.is_empty());
    fixed.or_else(|_| run(&mut start())).or_else(|_| run(start().args(flags)))
}

/// The linker that comes with rustup's toolchains links for any target; where it is missing, the C compiler is asked.
fn compile_freestanding(to: &Path) -> Result<(), String> {
    let layout = to.with_extension("ld");
    fs::write(&layout, LAYOUT).map_err(|error| error.to_string())?;
    link(to, &layout, Linker::Lld).or_else(|lld| link(to, &layout, Linker::Cc).map_err(|cc| format!("{lld} / {cc}")))
}

#[derive(Clone, Copy)]
enum Linker {
    Lld,
    Cc,
}

fn link(to: &Path, layout: &Path, linker: Linker) -> Result<(), String> {
    let mut rustc = rustc(FREESTANDING, "front", to);
    // Of what a target links by itself nothing fits: musl brings an entry.
    let layout_options = "relocation-model=static link-self-contained=no default-linker-libraries=no";
    rustc.args(layout_options.split(' ').map(codegen));
    let options = ["--static", "--build-id=none", "--gc-sections", "-znorelro", "-T"].map(OsString::from);
    let options = options.into_iter().chain([layout.into()]);
    match linker {
        Linker::Lld => {
            rustc.args(["linker=rust-lld", "linker-flavor=ld.lld"].map(codegen));
            rustc.args(options.map(|option| codegen(join("link-arg=", option))));
        }
        Linker::Cc => {
            if let Some(given) = env::var_os("RUSTC_LINKER") {
                rustc.arg(codegen(join("linker=", given)));
            }
            rustc.args(["link-arg=-nostartfiles", "link-arg=-nostdlib", "link-arg=-static"].map(codegen));
            rustc.args(options.map(|option| codegen(join("link-arg=-Wl,", option))));
        }
    }
    run(&mut rustc)
}

/// Runs the compiler and passes on its warnings.
fn run(rustc: &mut Command) -> Result<(), String> {
    let output = rustc.output().map_err(|error| error.to_string())?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        messages.lines().filter(|line| !line.is_empty()).for_each(|line| println!("cargo::warning={line}"));
        return Ok(());
    }
    Err(messages.lines().map(str::trim).filter(|line| line.contains("error")).collect::<Vec<_>>().join(" / "))
}

fn codegen(option: impl Into<OsString>) -> OsString {
    join("-C", option.into())
}

fn join(before: &str, after: OsString) -> OsString {
    let mut joined = OsString::from(before);
    joined.push(after);
    joined
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name} for build scripts"))
}
