//! The program that git starts as the `reference-transaction` hook. It starts git-os for transactions that git-os has to check.
//!
//! git runs this hook four to seven times per commit, so the cost is that of starting a process: there is no libc, no loader, no
//! relocations and no writable data, and the image is one mapping. `rule.rs` decides; `build.rs` compiles this file, and
//! `src/hook/front.rs` writes the settings into the image. `portable.rs` is the same hook for other platforms.
#![no_std]
#![no_main]
// Without this the compiler turns the loops of `memcmp` and its like below into calls of themselves.
#![no_builtins]

mod answer;
mod rule;

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::slice;

use answer::{End, Found, HOOK, NAME};
use rule::{CAPACITY, Files, MAGIC, Settings, State};

/// One read: as much as a pipe holds, which is some hundred refs.
const BUFFER: usize = 64 * 1024;
/// A path below the common directory.
const PATH: usize = 4 * 1024;
/// The space on the stack for these two and for the name of a ref in a message.
const ROOM: usize = BUFFER + answer::ROOM + PATH;

/// The place for the settings in the image, which is found by its first bytes.
#[repr(C)]
struct Block {
    magic: [u8; MAGIC.len()],
    /// See [`Settings`].
    fields: [u8; CAPACITY],
}

#[unsafe(link_section = ".settings")]
static BLOCK: Block = Block { magic: MAGIC, fields: [0; _] };

// Room is taken from the stack by hand: a frame of this size would be probed page by page, and writable data would cost a
// mapping. The address of the settings is taken here too: a compiler that sees where it comes from folds the zeros in.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start: mov rdi, rsp",
    "and rsp, -16",
    "sub rsp, {room}",
    "mov rsi, rsp",
    "lea rdx, [rip + {block}]",
    "xor ebp, ebp",
    "call {start}",
    room = const ROOM, block = sym BLOCK, start = sym start,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start: mov x0, sp",
    "sub sp, sp, #{pages}, lsl #12",
    "mov x1, sp",
    "adrp x2, {block}",
    "add x2, x2, :lo12:{block}",
    "mov x29, xzr",
    "mov x30, xzr",
    "bl {start}",
    pages = const ROOM / 4096, block = sym BLOCK, start = sym start,
);

/// `stack` is what the kernel leaves at the entry: argc, the arguments, null, the environment, null.
///
/// # Safety
/// For `_start` alone: `room` has `ROOM` bytes that nothing else uses.
unsafe extern "C" fn start(stack: *mut *const u8, room: *mut u8, block: &'static Block) -> ! {
    // SAFETY: as promised by the caller; a fresh stack holds zeros or what the kernel put there, and any byte is a `u8`.
    let (buffer, name, place, argc) = unsafe {
        let name = slice::from_raw_parts_mut(room.add(BUFFER), answer::ROOM);
        let place = slice::from_raw_parts_mut(room.add(BUFFER + answer::ROOM), PATH);
        (slice::from_raw_parts_mut(room, BUFFER), name, place, stack.read() as usize)
    };
    if argc == 0 {
        exit(0);
    }
    let settings = Settings::read(&block.fields).unwrap_or_default();
    // SAFETY: the first `argc` arguments are strings.
    let (path, state) = unsafe { (until_nul(stack.add(1).read()), if argc > 1 { until_nul(stack.add(2).read()) } else { &[] }) };
    let hooks = path.iter().rposition(|byte| *byte == b'/').and_then(|slash| path.get(..=slash)).unwrap_or_default();
    // git-os gets one argument more than came, so the slots of argc and of the first argument become its first two, and the
    // rest stays where it is.
    // SAFETY: the stack is ours to write; behind argc, the arguments and a null lies the environment.
    let call = unsafe {
        stack.write(NAME.as_ptr().cast());
        stack.add(1).write(HOOK.as_ptr().cast());
        Call { program: settings.program.as_ptr(), argv: stack, envp: stack.add(argc).add(2) }
    };
    let mut common = Common { hooks, path: place };
    exit(reference_transaction(State::of(state), &settings, &call, buffer, &mut common, Found::none(name)))
}

/// Returns the exit code.
fn reference_transaction(
    state: State,
    settings: &Settings<'_>,
    call: &Call,
    buffer: &mut [u8],
    common: &mut Common<'_>,
    mut found: Found<'_>,
) -> i32 {
    if !settings.always && !rule::listens(state, settings.watches(), common) {
        return 0;
    }
    let copy = take_stdin(buffer, |line| {
        let is_watched = |name: &[u8]| rule::watched(name, state, settings.watches());
        rule::judge(line, state, common, is_watched, |concern, missing| found.note(concern.name(), missing));
        found.missing.is_some() || settings.always
    });
    if found.missing.is_none() && !settings.always {
        return 0;
    }
    let end = match copy {
        _ if settings.program.is_empty() => End::NotStarted,
        Copy::At(copy) if becomes_stdin(copy) => call.run(),
        Copy::At(_) | Copy::None | Copy::Failed => End::NotStarted,
    };
    if let End::Answer(may_go_on) = end {
        return i32::from(!may_go_on);
    }
    // git-os did not answer. Updates of refs that are not watched pass.
    let Some(missing) = found.missing.filter(|_| state == State::Prepared) else { return 0 };
    for part in found.message(missing, end, settings.program) {
        write(2, part);
    }
    i32::from(missing == rule::Missing::Refuse)
}

/// Reads the lines and passes each to `is_wanted`; the copy is complete if one of them was wanted.
fn take_stdin(buffer: &mut [u8], mut is_wanted: impl FnMut(&[u8]) -> bool) -> Copy {
    let mut copy = Copy::None;
    let mut filled = 0_usize;
    let mut is_copied = false;
    loop {
        let read = read(0, buffer.get_mut(filled..).unwrap_or_default());
        filled = filled.wrapping_add(read);
        // git writes line by line, so what is here need be neither everything nor whole.
        if read > 0 && filled < buffer.len() {
            continue;
        }
        let all = buffer.get(..filled).unwrap_or_default();
        let end = if read > 0 { all.iter().rposition(|byte| *byte == b'\n') } else { None };
        // A line that fills the buffer is taken in pieces.
        let lines = end.and_then(|end| all.get(..=end)).unwrap_or(all);
        for line in lines.split(|byte| *byte == b'\n') {
            is_copied |= is_wanted(line);
        }
        // A later line may be wanted.
        if read > 0 || is_copied {
            copy.append(lines);
        }
        if read == 0 {
            return copy;
        }
        // The beginning of a line is left.
        let taken = lines.len();
        filled = filled.wrapping_sub(taken);
        for at in 0..filled {
            let byte = buffer.get(taken.wrapping_add(at)).copied();
            buffer.get_mut(at).zip(byte).into_iter().for_each(|(place, byte)| *place = byte);
        }
    }
}

/// A file in memory with what was read, made when git-os needs it or the buffer is full.
enum Copy {
    None,
    At(usize),
    /// Reading goes on even so: only a transaction that turns out to be ours suffers from it.
    Failed,
}

impl Copy {
    fn append(&mut self, mut bytes: &[u8]) {
        if let Self::None = self {
            *self = usize::try_from(memory_file()).map_or(Self::Failed, Self::At);
        }
        let Self::At(fd) = *self else { return };
        while !bytes.is_empty() {
            match write(fd, bytes) {
                0 => return *self = Self::Failed,
                written => bytes = bytes.get(written..).unwrap_or_default(),
            }
        }
    }
}

fn becomes_stdin(file: usize) -> bool {
    // SAFETY: lseek and dup3 touch no memory.
    unsafe { syscall(LSEEK, file, 0, 0) == 0 && syscall(DUP3, file, 0, 0) == 0 }
}

struct Call {
    program: *const u8,
    argv: *const *const u8,
    envp: *const *const u8,
}

impl Call {
    /// Runs the program beside this one, which stays to answer in its place should it break down: a hook that crashes would
    /// stop the user's work.
    fn run(&self) -> End {
        const SIGCHLD: usize = 17;
        const CANNOT_START: i32 = 126;
        // SAFETY: with no flag but the signal the child has a copy of all memory, as after `fork`.
        let child = unsafe { syscall4(CLONE, SIGCHLD, 0, 0, 0) };
        if child == 0 {
            self.execute();
            exit(CANNOT_START);
        }
        let Ok(child) = usize::try_from(child) else { return End::NotStarted };
        let mut status = 0_i32;
        // SAFETY: the kernel writes the status and nothing else.
        if unsafe { syscall4(WAIT4, child, &raw mut status as usize, 0, 0) } < 0 {
            return End::Failed;
        }
        // No signal in the lower bits, and the exit code above.
        match (status & 0x7f == 0).then_some((status >> 8) & 0xff) {
            Some(CANNOT_START) => End::NotStarted,
            code => End::of(code),
        }
    }

    /// Returns only when the program cannot be started.
    fn execute(&self) {
        // SAFETY: a string, and two lists of strings that end in null: so `start` made them.
        unsafe { syscall(EXECVE, self.program as usize, self.argv as usize, self.envp as usize) };
    }
}

/// # Safety
/// `string` ends in NUL and is never changed.
unsafe fn until_nul(string: *const u8) -> &'static [u8] {
    let mut len = 0_usize;
    // SAFETY: up to its NUL the string is readable.
    unsafe {
        while string.add(len).read() != 0 {
            len = len.wrapping_add(1);
        }
        slice::from_raw_parts(string, len)
    }
}

/// 0 at the end, and when there is nothing to read from.
fn read(fd: usize, buffer: &mut [u8]) -> usize {
    // SAFETY: the kernel writes at most the length of the buffer into it.
    usize::try_from(unsafe { syscall(READ, fd, buffer.as_mut_ptr() as usize, buffer.len()) }).unwrap_or(0)
}

/// 0 when nothing could be written.
fn write(fd: usize, bytes: &[u8]) -> usize {
    // SAFETY: the kernel reads these bytes and keeps nothing.
    usize::try_from(unsafe { syscall(WRITE, fd, bytes.as_ptr() as usize, bytes.len()) }).unwrap_or(0)
}

/// The common directory of the repository, found from where the hook stands.
struct Common<'n> {
    /// The folder of the hook with its slash, as git calls it; it stands in the common directory.
    hooks: &'n [u8],
    /// Room for a path.
    path: &'n mut [u8],
}

impl Files for Common<'_> {
    fn has(&mut self, name: &[u8]) -> bool {
        self.open(name).map(close).is_some()
    }

    fn read(&mut self, name: &[u8], into: &mut [u8]) -> usize {
        let Some(file) = self.open(name) else { return 0 };
        let len = read(file, into);
        close(file);
        len
    }
}

impl Common<'_> {
    /// Opens what has this name for reading.
    fn open(&mut self, name: &[u8]) -> Option<usize> {
        const CLOEXEC: usize = 0o2_000_000;
        const HERE: usize = -100_isize as usize;
        let mut bytes = self.hooks.iter().chain(b"../").chain(name).chain(b"\0");
        for place in self.path.iter_mut() {
            let Some(byte) = bytes.next() else { break };
            *place = *byte;
        }
        if bytes.next().is_some() {
            return None;
        }
        // SAFETY: the path ends in NUL, as all bytes had room.
        let file = unsafe { syscall4(OPENAT, HERE, self.path.as_ptr() as usize, CLOEXEC, 0) };
        usize::try_from(file).ok()
    }
}

fn close(file: usize) {
    // SAFETY: whoever calls has opened it, and nobody else has it.
    unsafe { syscall(CLOSE, file, 0, 0) };
}

/// Negative when there is none. Kernels before 6.3 do not know the second flag, and later ones may be told to insist on it.
fn memory_file() -> isize {
    const CLOEXEC: usize = 1;
    const NOEXEC_SEAL: usize = 8;
    // SAFETY: the name is a string.
    let open = |flags| unsafe { syscall(MEMFD_CREATE, c"git-os-hook".as_ptr() as usize, flags, 0) };
    match open(CLOEXEC | NOEXEC_SEAL) {
        fd if fd < 0 => open(CLOEXEC),
        fd => fd,
    }
}

fn exit(code: i32) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { syscall(EXIT_GROUP, code as usize, 0, 0) };
    }
}

const X86: bool = cfg!(target_arch = "x86_64");
const READ: usize = if X86 { 0 } else { 63 };
const WRITE: usize = if X86 { 1 } else { 64 };
const LSEEK: usize = if X86 { 8 } else { 62 };
const CLONE: usize = if X86 { 56 } else { 220 };
const WAIT4: usize = if X86 { 61 } else { 260 };
const EXECVE: usize = if X86 { 59 } else { 221 };
const OPENAT: usize = if X86 { 257 } else { 56 };
const CLOSE: usize = if X86 { 3 } else { 57 };
const EXIT_GROUP: usize = if X86 { 231 } else { 94 };
const DUP3: usize = if X86 { 292 } else { 24 };
const MEMFD_CREATE: usize = if X86 { 319 } else { 279 };

/// A negative result is an errno, yet never that of an interruption.
///
/// # Safety
/// Whatever the call asks for.
unsafe fn syscall(number: usize, one: usize, two: usize, three: usize) -> isize {
    // SAFETY: a call of three arguments does not look at a fourth.
    unsafe { syscall4(number, one, two, three, 0) }
}

/// As `syscall`, with one argument more.
///
/// # Safety
/// Whatever the call asks for.
unsafe fn syscall4(number: usize, one: usize, two: usize, three: usize, four: usize) -> isize {
    const EINTR: isize = -4;
    loop {
        let result;
        // SAFETY: these are the registers of the kernel's interface; memory is not declared untouched.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!("syscall", inlateout("rax") number => result, in("rdi") one, in("rsi") two, in("rdx") three,
                in("r10") four, lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            asm!("svc 0", in("x8") number, inlateout("x0") one => result, in("x1") two, in("x2") three, in("x3") four, options(nostack));
        }
        if result != EINTR {
            return result;
        }
    }
}

unsafe extern "C" {
    safe fn this_program_must_not_be_able_to_panic() -> !;
}

/// Nobody comes here, and only if the optimiser has shown that does the program link: a hook that crashes stops the user's
/// work, and one that leaves early lets through what it should not.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    this_program_must_not_be_able_to_panic()
}

/// The compiler calls this to compare slices, and there is no C library.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    for at in 0..len {
        // SAFETY: both have `len` bytes, as the caller promises.
        let (one, other) = unsafe { (one.add(at).read(), other.add(at).read()) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

/// As `memcmp`.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { memcmp(one, other, len) }
}
