//! Compiles the two small programs in `hooks/`, one of which `src/hook/front.rs` embeds and installs as a git hook, and links git-os
//! statically where that works.
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
    // The libraries of a cross compiler are not where the compiler of this machine says.
    if is("CARGO_CFG_TARGET_OS", &["linux"])
        && is("CARGO_CFG_TARGET_ENV", &["gnu"])
        && env::var_os("TARGET") == env::var_os("HOST")
    {
        match find_static_link(&folder.join("static")) {
            Ok(options) => options.iter().for_each(|option| println!("cargo::rustc-link-arg-bins={option}")),
            Err(why) => println!("cargo::warning=cannot link git-os statically, so it will start slower: {why}"),
        }
    }
}

/// A program that uses what a static C library could lack: threads, processes, random numbers, unwinding tables, mathematics.
const PROBE: &str = "\
fn main() {
    if std::env::args().count() > 1 {
        assert!(std::env::home_dir().is_none());
        return;
    }
    let worker = std::thread::spawn(|| std::env::args().count() as f64);
    let count = worker.join().expect(\"the thread ends\").powf(1.5);
    let map = std::collections::HashMap::from([(1, count)]);
    let program = std::env::current_exe().expect(\"it has a path\");
    let status = std::process::Command::new(program).arg(\"again\").current_dir(\"/\").env_clear().status();
    assert!(map[&1] >= 1.0 && status.is_ok_and(|status| status.success()));
    assert!(!std::backtrace::Backtrace::force_capture().to_string().is_empty());
}
";

/// What the standard library takes from the C library if it is there, for which a linker does not look into a static one by itself.
/// Without `posix_spawn_file_actions_addchdir_np`, every start of git would copy the process first.
const OPTIONAL: [&str; 5] = ["__cxa_thread_atexit_impl", "getrandom", "gettid", "posix_spawn_file_actions_addchdir_np", "statx"];

/// Finds the options that link a program with the static C library, which makes its start faster: decision 0018.
///
/// The flag `target-feature=+crt-static` says the same to the compiler, but a package cannot give it for its own programs alone, and
/// the build fails where there is no static library. So copies of the static libraries are put into a folder that the linker searches
/// first, and the options are only used if a program linked with them works.
///
/// # Errors
/// If there are no static libraries, or they do not work.
fn find_static_link(folder: &Path) -> Result<Vec<String>, String> {
    // Nothing of an earlier build stays: what is written here must not go through a link to anywhere else.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
    }
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let compiler = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    // What the standard library asks the linker for, and the file that has it.
    let libraries = ["c", "m", "pthread", "dl", "rt", "util", "gcc"].map(|name| (name, name));
    for (asked, file) in libraries.into_iter().chain([("gcc_s", "gcc_eh")]) {
        let output = Command::new(&compiler).arg(format!("-print-file-name=lib{file}.a")).output();
        let output = output.map_err(|error| error.to_string())?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        // The compiler repeats the bare name of what it cannot find, and of that there is no copy.
        fs::copy(&path, folder.join(format!("lib{asked}.a"))).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let mut options = vec![
        format!("-L{}", folder.display()),
        "-static-pie".to_owned(),
        "-Wl,--start-group,-lc,-lgcc_s,-lgcc,--end-group".to_owned(),
    ];
    options.extend(OPTIONAL.map(|symbol| format!("-Wl,-u,{symbol}")));
    // Without `HOME`, the standard library would ask the user database, whose plugins a static program cannot load: it crashes. Any
    // other function that writes nothing to its arguments stands for "no such user", and then nobody has a home, as git sees it too.
    options.push("-Wl,--defsym=getpwuid_r=getppid".to_owned());
    let (source, program) = (folder.join("probe.rs"), folder.join("probe"));
    fs::write(&source, PROBE).map_err(|error| error.to_string())?;
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(&source).args(["--edition=2024", "--crate-name=probe", "-o"]).arg(&program);
    rustc.args(options.iter().map(|option| codegen(format!("link-arg={option}"))));
    if let Some(given) = env::var_os("RUSTC_LINKER") {
        rustc.arg(codegen(join("linker=", given)));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    run(rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty())))?;
    let status = Command::new(&program).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(options) } else { Err(format!("a static program ends with {status}")) }
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
