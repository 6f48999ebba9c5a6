//! The program git starts as its hooks: it lets go what is not ours before git-os itself would have to be started.
//!
//! git runs `reference-transaction` four to seven times in a commit, so what counts is what starting a process costs: here are
//! no libc, no loader, no relocations and no writable data, and all of it is one mapping. `build.rs` compiles this file;
//! `src/hook/front.rs` puts the settings into the image and is the other half of their format (see [`Settings`]).
#![no_std]
#![no_main]
// Without this the compiler may turn loops into calls of `memcpy` and `strlen`, which nobody provides here.
#![no_builtins]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::slice;

/// One read: as much as a pipe holds, which is some hundred refs.
const BUFFER: usize = 64 * 1024;
/// A ref in a message: the name of a loose ref is a path, and thus shorter.
const NAME: usize = 4 * 1024;
/// A path below the common directory.
const PATH: usize = 4 * 1024;
/// What is taken from the stack for all three.
const ROOM: usize = BUFFER + NAME + PATH;
/// What makes a line ours that is not formed like one.
const OURS: &[u8] = b" refs/os/";
const RUN_INIT: &[u8] = b"run `git os init` with an installed git-os; other refs are not affected\n";

/// What is known of the settings while this is compiled: how they begin, unlike anything else in the image, and their room.
#[repr(C)]
struct Block {
    magic: [u8; 24],
    /// See [`Settings`].
    fields: [u8; 8 * 1024 - 24],
}

#[unsafe(link_section = ".settings")]
static BLOCK: Block = Block { magic: *b"\x7fgit-os hook settings 1\n", fields: [0; _] };

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
        let name = slice::from_raw_parts_mut(room.add(BUFFER), NAME);
        let place = slice::from_raw_parts_mut(room.add(BUFFER + NAME), PATH);
        (slice::from_raw_parts_mut(room, BUFFER), name, place, stack.read() as usize)
    };
    let Some(settings) = Settings::read(&block.fields).filter(|_| argc > 0) else { exit(0) };
    // SAFETY: the first `argc` arguments are strings.
    let (path, state) = unsafe { (until_nul(stack.add(1).read()), if argc > 1 { until_nul(stack.add(2).read()) } else { &[] }) };
    let hook = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // git-os gets one argument more than came, so the slots of argc and of the first argument become its first two, and the
    // rest stays where it is.
    // SAFETY: the stack is ours to write; behind argc, the arguments and a null lies the environment.
    let call = unsafe {
        stack.write(c"git-os-hook".as_ptr().cast());
        stack.add(1).write(hook.as_ptr());
        Call { program: settings.program, argv: stack, envp: stack.add(argc).add(2) }
    };
    if !same(hook, b"reference-transaction") {
        // A courtesy, even when git-os is gone: what must not slip through is caught by `reference-transaction`.
        call.execute();
        exit(0);
    }
    let hooks = path.get(..path.len().wrapping_sub(hook.len())).unwrap_or_default();
    exit(reference_transaction(state, &settings, &call, buffer, Found { common: Common { hooks, path: place }, name, len: 0, missing: None }))
}

/// Returns the exit code, unless git-os takes over.
fn reference_transaction(state: &[u8], settings: &Settings, call: &Call, buffer: &mut [u8], mut found: Found) -> i32 {
    let prepared = same(state, b"prepared");
    let committed = same(state, b"committed");
    if !prepared && !committed && !settings.always {
        return 0;
    }
    if committed && !settings.always && !settings.watches().any(|watch| watch.committed) {
        return 0;
    }
    let copy = take_stdin(settings, prepared, buffer, &mut found);
    if found.missing.is_none() && !settings.always {
        return 0;
    }
    let end = if copy.becomes_stdin() { call.run() } else { End::NoRoom };
    if let End::Exit(code) = end {
        return code;
    }
    // What git-os did not answer is answered here, and for refs that are not watched that is yes.
    let Some(missing) = found.missing.filter(|_| prepared) else { return 0 };
    let reason: &[u8] = match end {
        End::Broken => b"git-os broke down at ",
        End::NotThere => b"git-os is not at ",
        End::NoRoom | End::Exit(_) => b"no room to hand the transaction to git-os at ",
    };
    // SAFETY: the program is a string inside the settings.
    let program = unsafe { until_nul(call.program) };
    let name = found.name.get(..found.len).unwrap_or_default();
    let (word, link, outcome, hint): (&[u8], &[u8], &[u8], &[u8]) = match missing {
        Missing::Refuse => (b"error: ", b", so ", b" cannot be judged and stays as it is", RUN_INIT),
        Missing::Pass => (b"warning: ", b"; ", b" was moved without being judged", b"git os fsck looks at it later\n"),
    };
    for part in [word, reason, program, link, name, outcome, b"\nhint: ", hint] {
        write(2, part);
    }
    i32::from(missing == Missing::Refuse)
}

/// Judges every line; the copy is whole when one was found.
fn take_stdin(settings: &Settings, prepared: bool, buffer: &mut [u8], found: &mut Found) -> Copy {
    let mut copy = Copy::None;
    let mut filled = 0_usize;
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
            settings.judge(line, prepared, found);
        }
        if read > 0 || found.missing.is_some() || settings.always {
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

/// What the fields say: each ends in NUL, and behind the last is an empty one. The first is `a` when every call is to
/// be handed on, or `-`; the second the path of git-os; each of the others a [`Watch`].
struct Settings {
    always: bool,
    program: *const u8,
    watches: &'static [u8],
}

/// `c` when `committed` counts too, or `-`; `r` when without git-os the move is refused, or `-`; and the name of the ref, or
/// with a slash at its end that of all refs below.
struct Watch {
    committed: bool,
    missing: Missing,
    name: &'static [u8],
}

/// What becomes of a move in the absence of git-os.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Missing {
    Pass,
    Refuse,
}

impl Settings {
    /// None for an image nobody has put settings into. The last byte is not for use, so every field ends in NUL.
    fn read(fields: &'static [u8]) -> Option<Self> {
        let (_, fields) = fields.split_last()?;
        let program = fields.get(2..)?;
        let end = program.iter().position(|byte| *byte == 0).filter(|end| *end > 0)?;
        let watches = program.get(end.wrapping_add(1)..)?;
        Some(Self { always: fields.first() == Some(&b'a'), program: program.as_ptr(), watches })
    }

    fn watches(&self) -> impl Iterator<Item = Watch> {
        self.watches.split(|byte| *byte == 0).map_while(|field| {
            let (committed, refused, name) = (field.first()?, field.get(1)?, field.get(2..)?);
            let missing = if *refused == b'r' { Missing::Refuse } else { Missing::Pass };
            Some(Watch { committed: *committed == b'c', missing, name })
        })
    }

    /// Notes the line when it is ours: `<old> SP <new> SP <ref>`, the values in hex or `ref:<target>`.
    fn judge(&self, line: &[u8], prepared: bool, found: &mut Found) {
        let mut fields = line.splitn(3, |byte| *byte == b' ').chain([&[] as &[u8]; 2]);
        let [old, new, name] = [(); 3].map(|()| fields.next().unwrap_or_default());
        if !is_value(old) || !is_value(new) || name.is_empty() || name.iter().any(|byte| *byte == b' ') {
            if line.windows(OURS.len()).any(|part| same(part, OURS)) {
                found.note(line, Missing::Refuse);
            }
            return;
        }
        // `HEAD` and its like come with every checkout, so what they point to does not matter; the target of any other
        // symbolic ref does, as whoever writes to the one writes to the other.
        let symbolic = prepared && starts(name, b"refs/");
        for watch in self.watches().filter(|watch| prepared || watch.committed) {
            let target = |value: &[u8]| symbolic && starts(value, b"ref:") && watch.matches(value.get(4..).unwrap_or_default());
            let is_named = watch.matches(name) && !(prepared && found.common.stays(name, new));
            if is_named || target(old) || target(new) {
                found.note(name, watch.missing);
            }
        }
    }
}

impl Watch {
    fn matches(&self, name: &[u8]) -> bool {
        starts(name, self.name) && (name.len() == self.name.len() || self.name.last() == Some(&b'/'))
    }
}

/// The ref to name when git-os is missing: the first that is refused for it, or else the first.
struct Found<'n> {
    common: Common<'n>,
    name: &'n mut [u8],
    len: usize,
    missing: Option<Missing>,
}

impl Found<'_> {
    fn note(&mut self, name: &[u8], missing: Missing) {
        if self.missing >= Some(missing) {
            return;
        }
        (self.missing, self.len) = (Some(missing), 0);
        for (place, byte) in self.name.iter_mut().zip(name) {
            // A stranger chose the name: on a terminal it must be nothing but text.
            *place = if byte.is_ascii_control() { b'?' } else { *byte };
            self.len = self.len.wrapping_add(1);
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

    fn becomes_stdin(&self) -> bool {
        let Self::At(fd) = *self else { return false };
        // SAFETY: lseek and dup3 touch no memory.
        unsafe { syscall(LSEEK, fd, 0, 0) == 0 && syscall(DUP3, fd, 0, 0) == 0 }
    }
}

/// How git-os answered.
enum End {
    /// Yes is 0, no is 1.
    Exit(i32),
    NotThere,
    /// It crashed, or is one that does not know this hook.
    Broken,
    NoRoom,
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
        let Ok(child) = usize::try_from(child) else { return End::NoRoom };
        let mut status = 0_i32;
        // SAFETY: the kernel writes the status and nothing else.
        if unsafe { syscall4(WAIT4, child, &raw mut status as usize, 0, 0) } < 0 {
            return End::Broken;
        }
        // No signal in the lower bits, and the exit code above.
        match (status & 0x7f, (status >> 8) & 0xff) {
            (0, code @ (0 | 1)) => End::Exit(code),
            (0, CANNOT_START) => End::NotThere,
            _ => End::Broken,
        }
    }

    /// Returns only when the program cannot be started.
    fn execute(&self) {
        // SAFETY: a string, and two lists of strings that end in null: so `start` made them.
        unsafe { syscall(EXECVE, self.program as usize, self.argv as usize, self.envp as usize) };
    }
}

fn is_value(text: &[u8]) -> bool {
    !text.is_empty() && (starts(text, b"ref:") || text.iter().all(u8::is_ascii_hexdigit))
}

// Not `==`, which calls memcmp.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && starts(one, other)
}

fn starts(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text.iter().zip(prefix).all(|(one, other)| one == other)
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

impl Common<'_> {
    /// Whether this line of a transaction that is `prepared` leaves the ref as it is, as far as a look at the files can tell.
    ///
    /// `pack-refs` and `gc` write what is there and then take the loose file away, which looks like a deletion; but only a
    /// deletion holds the lock of `packed-refs`. Where refs are not files nothing is known.
    fn stays(&mut self, name: &[u8], new: &[u8]) -> bool {
        if !self.has(b"HEAD") || self.has(b"reftable") {
            return false;
        }
        if new.iter().all(|byte| *byte == b'0') {
            return !self.has(b"packed-refs.lock");
        }
        let Some(file) = self.open(name) else { return false };
        let mut value = [0; 65];
        let len = read(file, &mut value);
        close(file);
        let value = value.get(..len).unwrap_or_default();
        same(value.strip_suffix(b"\n").unwrap_or(value), new)
    }

    /// Whether there is something of this name.
    fn has(&mut self, name: &[u8]) -> bool {
        self.open(name).map(close).is_some()
    }

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
