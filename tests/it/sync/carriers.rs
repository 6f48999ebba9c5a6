//! The ways a push can take: git's own daemon, and HTTP by `git http-backend` behind a server of a few lines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fleet::{BARE, Fleet};

/// Something that serves the bare repository of a fleet until it is dropped.
pub(crate) enum Carrier {
    Daemon { url: String, child: Child },
    Http { url: String, is_over: Arc<AtomicBool> },
}

impl Carrier {
    /// `git daemon`.
    pub(crate) fn daemon(fleet: &Fleet) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let base = fleet.sandbox.path(".").canonicalize().expect("a path");
        let mut command = fleet.sandbox.command(".", "git");
        command.args(["daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]);
        command.arg(format!("--port={port}")).arg(format!("--base-path={}", base.display())).arg(&base);
        // `git daemon` is a child of git, and both are to end.
        let child = command.stderr(Stdio::null()).process_group(0).spawn().expect("a daemon");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self::Daemon { url: format!("git://127.0.0.1:{port}/{BARE}"), child }
    }

    /// `git http-backend`.
    pub(crate) fn http(fleet: &Fleet) -> Self {
        fleet.sandbox.git(BARE, &["config", "http.receivepack", "true"]).ok();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let root = fleet.sandbox.path(".").canonicalize().expect("a path").display().to_string();
        let backend = {
            let mut command = fleet.sandbox.command(".", "git");
            command.args(["http-backend"]).env("GIT_PROJECT_ROOT", &root).env("GIT_HTTP_EXPORT_ALL", "1");
            let variables: Vec<_> =
                command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
            (command.get_program().to_owned(), variables)
        };
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (stream, backend) = (stream.expect("a connection"), backend.clone());
                std::thread::spawn(move || drop(serve(stream, &backend)));
            }
        });
        Self::Http { url: format!("http://127.0.0.1:{port}/{BARE}"), is_over }
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Daemon { url, .. } | Self::Http { url, .. } => url,
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        match self {
            Self::Daemon { child, .. } => {
                let group = format!("-{}", child.id());
                drop(Command::new("kill").args(["-KILL", "--", &group]).status());
                child.wait().expect("an end");
            }
            Self::Http { is_over, url } => {
                is_over.store(true, Ordering::Relaxed);
                let address = url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
                drop(TcpStream::connect(address));
            }
        }
    }
}

type Backend = (std::ffi::OsString, Vec<(std::ffi::OsString, std::ffi::OsString)>);

/// Answers one request by the CGI program.
fn serve(stream: TcpStream, backend: &Backend) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut length = 0;
    let mut command = Command::new(&backend.0);
    command.arg("http-backend").env_clear().envs(backend.1.iter().map(|(key, value)| (key, value)));
    command.env("REQUEST_METHOD", &method).env("PATH_INFO", path).env("QUERY_STRING", query).env("REMOTE_ADDR", "127.0.0.1");
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((key, value)) = header.trim_end().split_once(": ") else { break };
        match key.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "content-type" => drop(command.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(command.env("HTTP_CONTENT_ENCODING", value)),
            "git-protocol" => drop(command.env("GIT_PROTOCOL", value)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    command.env("CONTENT_LENGTH", length.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().expect("a pipe");
    let feed = std::thread::spawn(move || drop(input.write_all(&body)));
    let answer = child.wait_with_output()?.stdout;
    drop(feed.join());
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let headers = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let body = answer.get(split + 4..).unwrap_or_default();
    let headers =
        headers.lines().filter(|line| !line.starts_with("Status: ")).fold(String::new(), |all, line| all + line + "\r\n");
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)
}
