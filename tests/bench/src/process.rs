use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

/// The core of every server.
pub(crate) const SERVER: usize = 0;
/// The core of what loads it.
pub(crate) const LOAD: usize = 1;
/// Clock ticks per second, in which the kernel counts a process's time.
const TICKS: f64 = 100.0;

/// Processor time that a process has used.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may have spaces in it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    Duration::from_secs_f64(fields.iter().sum::<f64>() / TICKS)
}

/// Resident bytes of a process.
pub(crate) fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A command that runs on one core alone; its process is the program's.
pub(crate) fn on_core(core: usize, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

/// Runs `work` to its end on a thread of its own, which stays on `core` if one is given.
pub(crate) async fn apart<T: Send + 'static, F: Future<Output = T>>(
    core: Option<usize>,
    work: impl FnOnce() -> F + Send + 'static,
) -> T {
    let thread = tokio::task::spawn_blocking(move || alone(core, work));
    thread.await.expect("what is measured does not panic")
}

/// The same on the calling thread.
pub(crate) fn alone<T, F: Future<Output = T>>(core: Option<usize>, work: impl FnOnce() -> F) -> T {
    if let Some(core) = core {
        stay_on(core);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(async { work().await });
    if core.is_some() {
        stay_on_any();
    }
    done
}

fn stay_on(core: usize) {
    taskset(&core.to_string());
}

fn stay_on_any() {
    taskset(&format!("0-{}", cores() - 1));
}

fn taskset(cores: &str) {
    let own = fs::read_link("/proc/thread-self").expect("Linux");
    let thread = own.file_name().expect("a thread's number");
    let done = Command::new("taskset")
        .args(["-cp", cores])
        .arg(thread)
        .output();
    assert!(done.expect("taskset runs").status.success());
}

/// How many cores the machine has.
pub(crate) fn cores() -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .filter(|line| line.starts_with("processor"))
        .count()
        .max(1)
}

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.expect("a free port").port()
}

/// A process that ends with its owner.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Child);

impl Drop for Owned {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // Asked, not killed: nginx would leave its worker behind.
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
