//! Compiles the small program that is installed as git's hooks, for `src/hook/front.rs` to embed.
#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo by variables, files and processes")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = "hooks/front.rs";

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
    println!("cargo::rerun-if-changed={SOURCE}");
    let front = PathBuf::from(variable("OUT_DIR")).join("front");
    // An empty file stands for "none here": then git-os itself is installed as the hook, which works and is slower.
    let image = if is_supported() {
        compile(&front).unwrap_or_else(|why| {
            println!("cargo::warning=the hooks will be slower, as {SOURCE} cannot be compiled: {why}");
            Vec::new()
        })
    } else {
        Vec::new()
    };
    fs::write(&front, image).expect("cargo's output directory is writable");
}

fn is_supported() -> bool {
    let is = |name: &str, values: &[&str]| env::var(name).is_ok_and(|value| values.contains(&value.as_str()));
    is("CARGO_CFG_TARGET_OS", &["linux"])
        && is("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"])
        && is("CARGO_CFG_TARGET_POINTER_WIDTH", &["64"])
        && is("CARGO_CFG_TARGET_ENDIAN", &["little"])
}

/// The linker that comes with rustup's toolchains links for any target; where it is missing, the C compiler is asked.
fn compile(front: &Path) -> Result<Vec<u8>, String> {
    let layout = front.with_extension("ld");
    fs::write(&layout, LAYOUT).map_err(|error| error.to_string())?;
    link(front, &layout, Linker::Lld).or_else(|lld| link(front, &layout, Linker::Cc).map_err(|cc| format!("{lld} / {cc}")))
}

#[derive(Clone, Copy)]
enum Linker {
    Lld,
    Cc,
}

fn link(front: &Path, layout: &Path, linker: Linker) -> Result<Vec<u8>, String> {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([SOURCE, "--crate-name=front", "--crate-type=bin", "--edition=2024"]);
    rustc.arg("--target").arg(variable("TARGET")).arg("-o").arg(front);
    // The same image from a debug and a release build. Of what a target links by itself nothing fits: musl brings an entry.
    let shape = "panic=abort opt-level=s codegen-units=1 debuginfo=0 strip=symbols overflow-checks=off debug-assertions=off";
    let layout_options = "relocation-model=static link-self-contained=no default-linker-libraries=no";
    rustc.args(shape.split(' ').chain(layout_options.split(' ')).map(codegen));
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
    let output = rustc.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        return Err(messages.lines().map(str::trim).filter(|line| line.contains("error")).collect::<Vec<_>>().join(" / "));
    }
    fs::read(front).map_err(|error| error.to_string())
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
